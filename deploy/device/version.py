"""The order of version numbers."""

from __future__ import annotations

import re

from edge.errors import BundleError

#: The subset of PEP 440 that mien uses: numbers, a pre-, post- or development release, and numbers after `+`.
_VERSION = re.compile(
    r"(?P<release>\d+(?:\.\d+)*)(?:(?P<pre>a|b|rc)(?P<pre_number>\d+))?(?:\.post(?P<post>\d+))?"
    r"(?:\.dev(?P<dev>\d+))?(?:\+(?P<local>\d+(?:\.\d+)*))?"
)
#: Sorts after the number of any development release.
_NO_DEV = 10**18

VersionKey = tuple[tuple[int, ...], tuple[str, int], int, int, tuple[int, ...]]


def version_key(text: str) -> VersionKey:
    """The key that sorts versions as PEP 440 does.

    Args:
        text: a version such as `0.1.0`, `0.2.0rc1` or `0.1.0+20261122.213000`.

    Raises:
        BundleError: the text is not a version.
    """
    match = _VERSION.fullmatch(text)
    if match is None or len(text) > 80:
        raise BundleError(f"{text[:80]!r} is not a version: expected something like 0.2.0 or 0.2.0+20261122.213000")
    numbers = [int(n) for n in match["release"].split(".")]
    while len(numbers) > 1 and numbers[-1] == 0:
        numbers.pop()
    pre = (match["pre"], int(match["pre_number"])) if match["pre"] else ("z", 0)
    if match["dev"] and not match["pre"] and not match["post"]:
        # A development release comes before the first alpha.
        pre = ("", 0)
    return (
        tuple(numbers),
        pre,
        int(match["post"]) if match["post"] else -1,
        int(match["dev"]) if match["dev"] else _NO_DEV,
        tuple(int(n) for n in match["local"].split(".")) if match["local"] else (),
    )
