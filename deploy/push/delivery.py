"""One bundle to one machine: copied, checked, installed there by the installer that goes with it."""

from __future__ import annotations

import shlex
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from deploy.push.host import Host
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
    tell("connecting", 0)
    # Only its owner may write there: what lies there is run by root.
    host.run_script(
        f"umask 077 && mkdir -p {_FOLDER} && command -v python3 >/dev/null || {{ echo no python3 >&2; exit 1; }}"
    )
    # Named by its content, so that half of another bundle is never gone on with.
    bundle, installer, key = (f"{_FOLDER}/{parcel.sha256[:16]}{end}" for end in (".bundle", ".install.py", ".pub"))
    for attempt in ("resumed", "anew"):
        host.put(parcel.bundle, bundle, lambda there: tell("copying", there))
        tell("checking", size)
        if host.run("sha256sum", bundle).split()[0] == parcel.sha256:
            break
        host.run("rm", "-f", bundle)
        if attempt == "anew":
            raise DeployError(
                "the copy has another SHA-256 than the bundle, twice: look after the network and the disk"
            )
    host.run("rm", "-f", installer, key)
    host.put(parcel.installer, installer, lambda there: None)
    words = ["python3", "-I", installer, "install", bundle, "--verbose", *parcel.options]
    if parcel.pubkey is not None:
        host.put(parcel.pubkey, key, lambda there: None)
        words += ["--pubkey", key]
    sudo = '$([ "$(id -u)" = 0 ] || echo sudo -n) ' if parcel.with_sudo else ""
    said = host.run_script(
        sudo + shlex.join(words),
        lambda line: tell(line.removeprefix("step "), size) if line.startswith("step ") else None,
    )
    host.run("rm", "-f", bundle, installer, key)
    tell("installed", size)
    return said.strip()
