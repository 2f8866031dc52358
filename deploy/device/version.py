"""Which of two versions is the older one."""

from __future__ import annotations

import re

from edge.errors import BundleError

#: The part of PEP 440 that mien uses: numbers, a pre-, post- or development release, and numbers after `+`.
_VERSION = re.compile(
    r"(?P<release>\d+(?:\.\d+)*)(?:(?P<pre>a|b|rc)(?P<pre_number>\d+))?(?:\.post(?P<post>\d+))?"
    r"(?:\.dev(?P<dev>\d+))?(?:\+(?P<local>\d+(?:\.\d+)*))?"
)
#: Further than any number that is written.
_LAST = 10**18

VersionKey = tuple[tuple[int, ...], tuple[str, int], int, int, tuple[int, ...]]


def version_key(text: str) -> VersionKey:
    """What sorts versions as PEP 440 does.

    Args:
        text: such as `0.1.0`, `0.2.0rc1` or `0.1.0+20261122.213000`.

    Raises:
        BundleError: it is no version.
    """
    found = _VERSION.fullmatch(text)
    if found is None or len(text) > 80:
        raise BundleError(f"{text[:80]!r} is no version: expected something like 0.2.0 or 0.2.0+20261122.213000")
    numbers = [int(n) for n in found["release"].split(".")]
    while len(numbers) > 1 and numbers[-1] == 0:
        numbers.pop()
    pre = (found["pre"], int(found["pre_number"])) if found["pre"] else ("z", 0)
    if found["dev"] and not found["pre"] and not found["post"]:
        # A development release comes before the first alpha.
        pre = ("", 0)
    return (
        tuple(numbers),
        pre,
        int(found["post"]) if found["post"] else -1,
        int(found["dev"]) if found["dev"] else _LAST,
        tuple(int(n) for n in found["local"].split(".")) if found["local"] else (),
    )
