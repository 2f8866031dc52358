"""Delivers one bundle to one host: copies it, checks the copy, and runs the installer that is sent along."""

from __future__ import annotations

import shlex
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from deploy.push.bounded_command import printable_line
from deploy.push.host import Host, quote_for_sftp, whole_number
from edge.errors import DeployError, first_line

#: The folder for bundles that are not installed yet, below the home folder on the host.
_REMOTE_FOLDER = ".cache/mien-deploy"

#: How long the installer may take on the host: packages are unpacked on the slowest card.
INSTALL_TIMEOUT_S = 1800.0

#: Called with what is being done, and the number of bytes that have been copied.
ProgressReporter = Callable[[str, int], None]


@dataclass(frozen=True)
class Payload:
    """What is sent to each host.

    Attributes:
        bundle, installer: files.
        pubkey: the key that the host is to trust; None is the one that it trusts already.
        sha256: of the bundle.
        options: of the installer on the host.
        with_sudo: run the installer with sudo where the user there is not root.
    """

    bundle: Path
    installer: Path
    pubkey: Path | None
    sha256: str
    options: tuple[str, ...]
    with_sudo: bool


@dataclass(frozen=True)
class Outcome:
    """The result for one host.

    Attributes:
        host: its name.
        state: `installed`, `failed`, or `not tried` when the canary failed.
        message: the last line of the installer or of ssh.
        seconds: duration of the delivery.
    """

    host: str
    state: str
    message: str
    seconds: float = 0.0


def deliver(host: Host, payload: Payload, report: ProgressReporter) -> Outcome:
    """Copy a bundle to a host and install it there; an error becomes an outcome.

    Args:
        host: to install on.
        payload: what is sent.
        report: called with what is being done, and the number of bytes that have been copied.
    """
    begin_s = time.monotonic()
    try:
        message = _copy_and_install(host, payload, report)
    # Whatever it is: one host is no reason to leave the others undone.
    except Exception as error:
        report("failed", 0)
        return Outcome(host.name, "failed", printable_line(first_line(error)), time.monotonic() - begin_s)
    finally:
        host.close()
    return Outcome(host.name, "installed", message, time.monotonic() - begin_s)


def _copy_and_install(host: Host, payload: Payload, report: ProgressReporter) -> str:
    size = payload.bundle.stat().st_size
    # Named by its content, so that a partial copy of another bundle is never continued.
    stem = f"{_REMOTE_FOLDER}/{payload.sha256[:16]}"
    bundle, installer, key = (f"{stem}{suffix}" for suffix in (".bundle", ".install.py", ".pub"))
    report("connecting", 0)
    # Only the owner may write there: root runs what is in it.
    copied = whole_number(
        host.run_script(
            f"umask 077; mkdir -p {_REMOTE_FOLDER} || exit; "
            "command -v python3 >/dev/null || { echo python3 is not installed >&2; exit 1; }; "
            f"rm -f {installer} {key} && {{ stat -c %s {bundle} 2>/dev/null || echo 0; }}"
        )
    )
    report("copying", copied)
    extra = [f"put {quote_for_sftp(payload.installer)} {installer}"]
    extra += [f"put {quote_for_sftp(payload.pubkey)} {key}"] if payload.pubkey else []
    _copy(host, payload, bundle, copied, extra, partial(_report_copied, host, bundle, report))
    report("checking", size)
    words = ["python3", "-I", installer, "install", bundle, "--verbose", *payload.options]
    words += ["--pubkey", key] if payload.pubkey else []
    sudo = '$([ "$(id -u)" = 0 ] || echo sudo -n) ' if payload.with_sudo else ""
    output = host.run_script(
        # After a failure the copy stays, so that the next attempt need not copy it again.
        f"{sudo}{shlex.join(words)} && rm -f {bundle} {installer} {key}",
        lambda line: report(line.removeprefix("step "), size) if line.startswith("step ") else None,
        INSTALL_TIMEOUT_S,
    )
    report("installed", size)
    return printable_line(output.strip().rpartition("\n")[2])


def _report_copied(host: Host, bundle: str, report: ProgressReporter) -> int:
    copied = host.file_size(bundle)
    report("copying", copied)
    return copied


def _copy(host: Host, payload: Payload, bundle: str, copied: int, extra: list[str], report: Callable[[], int]) -> None:
    """Copy the bundle, resuming a copy that was interrupted, along with other files.

    Args:
        host: to copy to.
        payload: with the bundle.
        bundle: its path on the host.
        copied: bytes of it that are there already.
        extra: commands for sftp that copy the other files.
        report: called now and then while it copies; returns the number of bytes that have arrived.
    """
    size = payload.bundle.stat().st_size
    for offset in (copied, 0):
        command = "reput" if 0 < offset < size else "put"
        lines = [*extra, *([f"{command} {quote_for_sftp(payload.bundle)} {bundle}"] if offset != size else [])]
        host.put("\n".join(lines), report)
        if host.run("sha256sum", bundle).split(" ", 1)[0] == payload.sha256:
            return
        extra = []
    raise DeployError("the copy differs from the bundle (SHA-256), twice: check the network and the host's disk")
