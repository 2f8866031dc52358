"""Delivers one bundle to one host: copies it, checks the copy, and runs the installer that is sent along."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from deploy.push.bounded_command import printable_line
from deploy.push.host import Host, quote_for_sftp
from deploy.push.outcome import Outcome, ProgressReporter, outcome_of
from deploy.push.probation_wait import wait_for_probation
from deploy.push.remote_installer import RemoteInstaller
from edge.errors import DeployError

#: How long the installer may take on the host: packages are unpacked on the slowest card.
INSTALL_TIMEOUT_S = 1800.0


@dataclass(frozen=True)
class Payload:
    """What is sent to each host.

    Attributes:
        bundle, installer: files.
        pubkey: the key that the host is to trust; None is the one that it trusts already.
        sha256: of the bundle.
        prefix: where mien is installed on the host.
        options: of the installer's command `install`.
        probation_s: how long the release is on probation there; 0: not at all.
        with_sudo: run the installer with sudo where the user there is not root.
    """

    bundle: Path
    installer: Path
    pubkey: Path | None
    sha256: str
    prefix: str
    options: tuple[str, ...]
    probation_s: float
    with_sudo: bool


def deliver(host: Host, payload: Payload, report: ProgressReporter) -> Outcome:
    """Copy a bundle to a host, install it there, and wait for the end of its probation; an error becomes an outcome.

    Args:
        host: to install on.
        payload: what is sent.
        report: called with what is being done, and the number of bytes that have been copied.
    """
    return outcome_of(host, "installed", lambda: _copy_and_install(host, payload, report), report)


def _copy_and_install(host: Host, payload: Payload, report: ProgressReporter) -> str:
    size = payload.bundle.stat().st_size
    # Named by its content, so that a partial copy of another bundle is never continued.
    remote = RemoteInstaller(host, payload.sha256[:16], payload.prefix, payload.with_sudo)
    bundle, key = remote.path(".bundle"), remote.path(".pub")
    report("connecting", 0)
    remote.make_folder(".pub")
    copied = host.file_size(bundle)
    report("copying", copied)
    extra = [remote.put_command(payload.installer)]
    extra += [f"put {quote_for_sftp(payload.pubkey)} {key}"] if payload.pubkey else []
    _copy(host, payload, bundle, copied, extra, partial(_report_copied, host, bundle, report))
    report("checking", size)
    words = ["install", bundle, "--verbose", *payload.options, "--probation", f"{payload.probation_s:g}"]
    words += ["--pubkey", key] if payload.pubkey else []

    def report_step(line: str) -> None:
        if line.startswith("step "):
            report(line.removeprefix("step "), size)

    # After a failure the copy stays, so that the next attempt need not copy it again.
    output = remote.run(*words, on_line=report_step, timeout_s=INSTALL_TIMEOUT_S)
    message = printable_line(output.strip().rpartition("\n")[2])
    if payload.probation_s:
        passed = wait_for_probation(remote, payload.probation_s, lambda activity: report(activity, size))
        message = f"{message}; {passed}" if passed else message
    remote.remove()
    report("installed", size)
    return message


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
