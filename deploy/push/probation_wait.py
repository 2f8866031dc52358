"""Waits until a host's new release has passed its probation, or has been replaced by the one before."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

from deploy.push.bounded_command import printable_line
from deploy.push.remote_installer import RemoteInstaller
from edge.errors import DeployError

#: Seconds between two questions, and how many in a row may stay without an answer: a device may be starting again.
_POLL_S, _MAX_UNANSWERED = 5.0, 60
#: Seconds that a probation may take beyond its length, which does not count the time without frames.
_MARGIN_S = 600.0


def wait_for_probation(remote: RemoteInstaller, probation_s: float, report: Callable[[str], None]) -> str:
    """Wait for the end of a probation.

    Args:
        remote: the installer of the host.
        probation_s: how long the release must run.
        report: called with the time that is left.

    Returns:
        What came of it, in words; empty where no release was on probation, because no service ran.

    Raises:
        DeployError: the release before is current again; the host does not answer; or there is no end.
    """
    begin_s, unanswered = time.monotonic(), 0
    while True:
        try:
            status: dict[str, Any] = json.loads(remote.run("status", "--json"))
            probation, history, current = status["probation"], list(status["history"]), str(status["current"])
            left = "" if probation is None else f"{probation['left_s']:.0f} s to run"
        except (DeployError, ValueError, KeyError, TypeError) as error:
            unanswered += 1
            if unanswered >= _MAX_UNANSWERED:
                raise DeployError(f"the host no longer answers during the probation of its release: {error}") from error
        else:
            unanswered = 0
            if probation is None:
                return _result(history, current)
            report(f"on probation, {left}")
            if time.monotonic() - begin_s > probation_s + _MARGIN_S:
                raise DeployError(f"still on probation, {left}: no frames? See  journalctl -u mien  there")
        time.sleep(_POLL_S)


def _result(history: list[dict[str, str]], current: str) -> str:
    for entry in reversed(history):
        if entry["action"] == "probation":
            if entry["outcome"] == "unhealthy":
                raise DeployError(printable_line(f"{entry['reason']}; {current} is current"))
            return "it has passed its probation"
        if entry["action"] == "install":
            break
    return ""
