"""One bundle to one machine: copied, checked, installed there by the installer that goes with it."""

from __future__ import annotations

import shlex
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from deploy.push.host import Host, quoted
from edge.errors import DeployError, MienError

#: Where a bundle lies on the device until it is installed, below the home folder.
_FOLDER = ".cache/mien-deploy"


@dataclass(frozen=True)
class Parcel:
    """What is sent.

    Attributes:
        bundle, installer: files.
        pubkey: the key that the device shall trust; None: the one that it trusts.
        sha256: of the bundle.
        options: of the installer there.
        with_sudo: where the user there is not root.
    """

    bundle: Path
    installer: Path
    pubkey: Path | None
    sha256: str
    options: tuple[str, ...]
    with_sudo: bool


@dataclass(frozen=True)
class Outcome:
    """How it went.

    Attributes:
        host: its name.
        state: `installed`, `failed`, or `not tried` when the canary failed.
        said: what the installer, or ssh, said.
        seconds: it took.
    """

    host: str
    state: str
    said: str
    seconds: float = 0.0


def deliver(host: Host, parcel: Parcel, tell: Callable[[str, int], None]) -> Outcome:
    """Copy a bundle to a machine and install it there; an error is an outcome.

    Args:
        host: the machine.
        parcel: what is sent.
        tell: called with what is being done, and the bytes that are there.
    """
    begin_s = time.monotonic()
    try:
        said = _deliver(host, parcel, tell)
    except MienError as error:
        tell("failed", 0)
        return Outcome(host.name, "failed", str(error), time.monotonic() - begin_s)
    finally:
        host.close()
    return Outcome(host.name, "installed", said, time.monotonic() - begin_s)


def _deliver(host: Host, parcel: Parcel, tell: Callable[[str, int], None]) -> str:
    size = parcel.bundle.stat().st_size
    # Named by its content, so that half of another bundle is never gone on with.
    bundle, installer, key = (f"{_FOLDER}/{parcel.sha256[:16]}{end}" for end in (".bundle", ".install.py", ".pub"))
    tell("connecting", 0)
    # Only its owner may write there: what lies there is run by root.
    there = host.run_script(
        f"umask 077; mkdir -p {_FOLDER} || exit; "
        "command -v python3 >/dev/null || { echo there is no python3 >&2; exit 1; }; "
        f"rm -f {installer} {key} && {{ stat -c %s {bundle} 2>/dev/null || echo 0; }}"
    )
    tell("copying", int(there))
    with_it = [f"put {quoted(parcel.installer)} {installer}"]
    with_it += [f"put {quoted(parcel.pubkey)} {key}"] if parcel.pubkey else []
    _copy(host, parcel, bundle, int(there), with_it, lambda: tell("copying", host.size(bundle)))
    tell("checking", size)
    words = ["python3", "-I", installer, "install", bundle, "--verbose", *parcel.options]
    words += ["--pubkey", key] if parcel.pubkey else []
    sudo = '$([ "$(id -u)" = 0 ] || echo sudo -n) ' if parcel.with_sudo else ""
    said = host.run_script(
        # What failed stays, so that the next attempt need not copy it.
        f"{sudo}{shlex.join(words)} && rm -f {bundle} {installer} {key}",
        lambda line: tell(line.removeprefix("step "), size) if line.startswith("step ") else None,
    )
    tell("installed", size)
    return said.strip()


def _copy(host: Host, parcel: Parcel, bundle: str, there: int, more: list[str], look: Callable[[], None]) -> None:
    """Copy the bundle, going on where an earlier copy was cut off, and whatever goes with it."""
    size = parcel.bundle.stat().st_size
    for begun in (there, 0):
        word = "reput" if 0 < begun < size else "put"
        lines = [*more, *([f"{word} {quoted(parcel.bundle)} {bundle}"] if begun != size else [])]
        host.put("\n".join(lines), look)
        if host.run("sha256sum", bundle).split()[0] == parcel.sha256:
            return
        more = []
    raise DeployError("the copy has another SHA-256 than the bundle, twice: look after the network and the disk")
