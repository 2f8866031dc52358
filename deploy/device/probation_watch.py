"""Watches a release on probation, and goes back to the one before if it does not run well."""

from __future__ import annotations

import time
from collections.abc import Callable

from deploy.device.history import History
from deploy.device.probation import Probation, ProbationFile, boot_id
from deploy.device.probation_unit import ProbationUnit
from deploy.device.release_store import ReleaseStore
from deploy.device.reversion import roll_back
from deploy.device.service import Service
from edge.errors import DeployError, UnhealthyError

#: Seconds between two questions about the service, and between two writes of what has passed: a card wears.
_POLL_S, _WRITE_S = 2.0, 15.0
#: How often a rollback is tried, while another installation holds the lock, and seconds between two attempts.
_ATTEMPTS, _RETRY_S = 30, 10.0


def watch(store: ReleaseStore, service: Service, unit: ProbationUnit, report: Callable[[str], None]) -> None:
    """Watch the release that is on probation until it has passed, has been replaced, or has failed.

    Args:
        store: where mien is installed.
        service: to watch.
        unit: that runs this; it is removed at the end.
        report: called with the outcome.
    """
    record, history = ProbationFile(store.state), History(store.state)
    probation = record.read()
    asked_s = written_s = time.monotonic()
    while probation is not None and store.current_version() == probation.version:
        now_s = time.monotonic()
        try:
            advanced = probation.advance(service.state(), boot_id(), now_s - asked_s)
        except UnhealthyError as error:
            report(_go_back(store, history, probation, f"{error}{service.last_words()}"))
            break
        if not advanced.left_s:
            history.add("probation", "passed", probation.version, probation.before)
            report(f"{probation.version} has passed its probation")
            break
        if advanced.boot != probation.boot or now_s - written_s >= _WRITE_S:
            record.write(advanced)
            written_s = now_s
        probation, asked_s = advanced, now_s
        time.sleep(_POLL_S)
    record.clear()
    unit.remove()


def _go_back(store: ReleaseStore, history: History, probation: Probation, reason: str) -> str:
    """Make the release before the current one again, and return what was done, in one line."""
    reason = f"{reason}, {probation.passed_s:.0f} s into its probation"
    history.add("probation", "unhealthy", probation.version, probation.before, reason)
    for attempt in range(_ATTEMPTS):
        if store.current_version() != probation.version:
            return f"{probation.version} is no longer current"
        try:
            # Without a self-test: it could only keep a release that is known to fail.
            done = roll_back(store, probation.before, is_forced=True, reason=reason, was_running=True)
            return f"{reason}: {done}"
        except UnhealthyError as error:
            return f"{reason}; {probation.before} is current again: {error}"
        except DeployError as error:
            if attempt == _ATTEMPTS - 1:
                history.add("rollback", "failed", probation.before, probation.version, str(error))
                return f"{reason}; cannot go back to {probation.before}: {error}"
            time.sleep(_RETRY_S)
    raise AssertionError
