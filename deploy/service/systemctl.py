"""What is asked of systemd and its journal."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable

from deploy.device.service import NAME, last_journal_line
from edge.errors import DeployError

#: Seconds between two questions about the state of a service that is starting.
_POLL_S = 0.5
#: Seconds that a question to systemd or the journal may take.
_LIMIT_S = 60.0
#: Longest line of the journal that is repeated.
_LONGEST_LINE = 500
_PROPERTIES = (
    "LoadState", "ActiveState", "SubState", "Result", "StatusText", "UnitFileState", "NRestarts", "InvocationID", "Job",
    "StateChangeTimestampMonotonic",
)  # fmt: skip


class Systemd:
    """The service manager, by its program `systemctl`; its version is that of the machine."""

    def reload_units(self) -> None:
        """Have systemd read all units again.

        Raises:
            DeployError: it cannot.
        """
        self._require("daemon-reload")

    def start(self, report: Callable[[str], None]) -> None:
        """Enable the service, start it, and wait until it is ready: until its first frame has been processed.

        Args:
            report: called with each line of the journal that is the last one for a while, as a sign of progress.

        Raises:
            DeployError: it does not start; the message has the last line that the service wrote.
        """
        before = self.properties().get("InvocationID")
        self._require("enable", NAME)
        # Not blocking, so that its log can be shown; a service that runs already takes the new unit.
        self._require("restart", "--no-block", NAME)
        reported = ""
        while "Job" in (state := self.properties()):
            invocation = state.get("InvocationID")
            # Until the start begins, the last one is that of the service that is being stopped.
            line = self.last_line(invocation) if invocation and invocation != before else ""
            if line and line != reported:
                report(reported := line)
            time.sleep(_POLL_S)
        if state.get("ActiveState") != "active":
            reason = self.last_line(state.get("InvocationID", "")) or f"result {state.get('Result', 'unknown')}"
            raise DeployError(f"the service does not start: {reason}")

    def stop(self) -> None:
        """Stop and disable the service, also one that systemd does not know or whose start is pending."""
        for arguments in (("stop",), ("disable",), ("reset-failed",)):
            self._call(*arguments, NAME)

    def state(self) -> tuple[bool, bool]:
        """Whether the service is enabled, and whether it runs."""
        enabled, active = (self._call(question, "--quiet", NAME) for question in ("is-enabled", "is-active"))
        return enabled.returncode == 0, active.returncode == 0

    def restore(self, is_enabled: bool, is_active: bool) -> None:
        """Enable and start the service where it was before, without waiting for it."""
        if is_enabled:
            self._call("enable", NAME)
        if is_active:
            self._call("start", "--no-block", NAME)

    def properties(self) -> dict[str, str]:
        """The properties of the service, as `systemctl show` has them. `Job` is present while a start is pending.

        Raises:
            DeployError: systemd does not answer.
        """
        done = self._require("show", f"--property={','.join(_PROPERTIES)}", NAME)
        pairs = (line.partition("=") for line in done.stdout.splitlines())
        return {key: value for key, _, value in pairs if value and not (key == "Job" and value == "0")}

    def last_line(self, invocation: str) -> str:
        """The last line that one start of the service has written to the journal; empty where there is none.

        Args:
            invocation: systemd's identifier of that start; empty for the latest lines of any.
        """
        try:
            # A process that has just ended may have lines on their way.
            subprocess.run(["journalctl", "--sync"], capture_output=True, timeout=_LIMIT_S)
        except (OSError, subprocess.TimeoutExpired):
            return ""
        of_invocation = (f"_SYSTEMD_INVOCATION_ID={invocation}",) if invocation else ()
        return last_journal_line(_LIMIT_S, *of_invocation)[:_LONGEST_LINE]

    def _require(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        done = self._call(*arguments)
        if done.returncode:
            reason = (done.stderr.strip().splitlines() or [f"exit status {done.returncode}"])[0]
            raise DeployError(f"systemctl {arguments[0]} fails: {reason}")
        return done

    def _call(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        try:
            # A session of its own: Ctrl-C ends mien's command, which then still needs systemctl.
            return subprocess.run(
                ["systemctl", *arguments],
                capture_output=True, text=True, errors="replace", timeout=_LIMIT_S, start_new_session=True,
            )  # fmt: skip
        except (OSError, subprocess.TimeoutExpired) as error:
            raise DeployError(f"systemctl does not answer: {error}") from error
