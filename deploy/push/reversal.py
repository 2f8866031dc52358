"""Goes back to an earlier release on one host."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from deploy.push.bounded_command import printable_line
from deploy.push.delivery import INSTALL_TIMEOUT_S
from deploy.push.host import Host
from deploy.push.outcome import Outcome, ProgressReporter, outcome_of
from deploy.push.remote_installer import RemoteInstaller

_STEM = "rollback"


@dataclass(frozen=True)
class Reversal:
    """What is to be done on each host.

    Attributes:
        installer: file.
        prefix: where mien is installed on the host.
        options: of the installer's command `rollback`.
        with_sudo: run the installer with sudo where the user there is not root.
    """

    installer: Path
    prefix: str
    options: tuple[str, ...]
    with_sudo: bool


def revert(host: Host, reversal: Reversal, report: ProgressReporter) -> Outcome:
    """Go back to an earlier release on a host; an error becomes an outcome.

    Args:
        host: to change.
        reversal: what is to be done.
        report: called with what is being done.
    """
    return outcome_of(host, "rolled back", lambda: _copy_and_roll_back(host, reversal, report), report)


def _copy_and_roll_back(host: Host, reversal: Reversal, report: ProgressReporter) -> str:
    remote = RemoteInstaller(host, _STEM, reversal.prefix, reversal.with_sudo)
    report("connecting", 0)
    remote.make_folder()
    host.put(remote.put_command(reversal.installer), lambda: 0)
    report("rolling back", 0)
    output = remote.run("rollback", *reversal.options, timeout_s=INSTALL_TIMEOUT_S)
    remote.remove()
    report("rolled back", 0)
    return printable_line(output.strip().rpartition("\n")[2])
