"""The result for one host."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from deploy.push.bounded_command import printable_line
from deploy.push.host import Host
from edge.errors import first_line

#: Called with what is being done, and the number of bytes that have been copied.
ProgressReporter = Callable[[str, int], None]


@dataclass(frozen=True)
class Outcome:
    """The result for one host.

    Attributes:
        host: its name.
        state: `installed`, `rolled back` (by `push --rollback`), `failed`, or `not tried` when an earlier wave failed.
        message: the last line of the installer or of ssh.
        seconds: duration.
    """

    host: str
    state: str
    message: str
    seconds: float = 0.0


def outcome_of(host: Host, state: str, change: Callable[[], str], report: ProgressReporter) -> Outcome:
    """Change a host, and end the connection to it.

    Args:
        host: to change.
        state: of the outcome, if it succeeds.
        change: does it, and returns a message. Any error becomes an outcome.
        report: called if it fails.
    """
    begin_s = time.monotonic()
    try:
        message = change()
    # Whatever it is: one host is no reason to leave the others undone.
    except Exception as error:
        report("failed", 0)
        state, message = "failed", printable_line(first_line(error))
    finally:
        host.close()
    return Outcome(host.name, state, message, time.monotonic() - begin_s)
