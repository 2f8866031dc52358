"""Evaluates a soak run: did the daemon do what its documentation promises?"""

import json
from collections import Counter
from itertools import pairwise
from statistics import median

from edge.system.backoff import LONGEST_S

#: The growth of memory that is allowed after the first two minutes.
MAX_GROWTH_MB = 5.0
WARM_UP_S = 120.0


class Verdict:
    """The figures of a run, and the expectations that it failed."""

    def __init__(self):
        self.figures, self.failures = {}, []

    def note(self, name, value, passed=True, expected=""):
        self.figures[name] = value
        if not passed:
            self.failures.append(f"{name}: {value}, expected {expected}")


def evaluate(daemon, injectors, monitor, subscriber, stopped_s, stall_timeout_s, min_faults):
    """Compare what was published with what arrived, and check for silence and growth of memory."""
    verdict = Verdict()
    _faults(verdict, injectors, min_faults)
    errors = daemon.errors.read_text()
    verdict.note("exit status", daemon.status, daemon.status == 0, "0")
    # The documented 5 s, and a margin for a busy machine.
    verdict.note("seconds from SIGTERM to the end", round(stopped_s, 1), stopped_s < 8, "5")
    verdict.note("tracebacks in the log", errors.count("Traceback"), "Traceback" not in errors, "none")
    verdict.note("lines in the log", errors.count("\n"))
    _events(verdict, daemon, subscriber)
    _silence(verdict, injectors, monitor, stall_timeout_s)
    _growth(verdict, monitor)
    verdict.note("scrapes, and failed ones", [monitor.scrapes, len(monitor.failed)], not monitor.failed, "none")
    for part in (monitor, *injectors):
        name = f"error of the {getattr(part, 'target', 'monitor')} thread"
        verdict.note(name, str(part.error or ""), part.error is None, "none")
    return verdict


def _faults(verdict, injectors, min_faults):
    faults = Counter(f"{fault.target}: {fault.name}" for injector in injectors for fault in injector.faults)
    verdict.note("faults injected", faults.total(), faults.total() >= min_faults, f"at least {min_faults}")
    verdict.note("faults by kind", dict(sorted(faults.items())))


def _events(verdict, daemon, subscriber):
    """Check that the file has every event, and that each other sink has counted what it lacks."""
    report = json.loads(daemon.report_path.read_text())
    lines = [line.encode() for line in daemon.events_path.read_text().splitlines()]
    kinds = Counter("source" if b'"reason"' in line else "event" for line in lines)
    events = {line for line in lines if b'"reason"' not in line}
    verdict.note("frames processed", report["frames_processed"])
    verdict.note("frames dropped", report["frames_dropped"])
    verdict.note(
        "messages published", report["events"], len(lines) == report["events"], f"{len(lines)}, as in the file"
    )
    verdict.note("events, and changes of the source's state", dict(kinds), kinds["source"] > 0, "both")
    for name, counts in report["sinks"].items():
        passed = counts["received"] == counts["delivered"] + counts["dropped"] == report["events"]
        verdict.note(
            f"sink {name.partition(':')[0]}:{name.rpartition('/')[2]}", counts, passed, "received = delivered + dropped"
        )
    broker = next(counts for name, counts in report["sinks"].items() if name.startswith("mqtt"))
    missing, unknown = len(events - subscriber.received), len(subscriber.received - events)
    verdict.note("events that the broker's client lacks", missing, missing <= broker["dropped"], f"{broker['dropped']}")
    verdict.note("events that it has and that were never published", unknown, not unknown, "none")
    verdict.note("events that it got twice", subscriber.repeated)
    rows = sum(
        sum(not row.startswith("time,") for row in path.read_text().splitlines())
        for path in daemon.rotated.parent.glob("events*")
    )
    verdict.note("rows in the rotated files", rows, rows > 0, "some")


def _silence(verdict, injectors, monitor, stall_timeout_s):
    """Measure how long no frame came: in all, and after the end of each fault of the source."""
    times = [time_s for time_s, _ in monitor.frames]
    gaps = list(pairwise(times))
    verdict.note("longest silence, s", round(max(b - a for a, b in gaps), 1))
    injected = [fault for injector in injectors for fault in injector.faults]
    faults = [fault for fault in injected if _is_of_the_source(fault) and fault.end_s < times[-1]]
    recoveries = []
    for fault in faults:
        # Where the next fault begins before the first frame, the silence belongs to that fault.
        first = next((t for t in times if t > fault.end_s), None)
        begun = [each.begin_s for each in faults if each.begin_s > fault.end_s]
        if first is not None and not any(begin_s < first for begin_s in begun):
            recoveries.append(first - fault.end_s)
    if recoveries:
        verdict.note("longest time from the end of a camera's fault to the next frame, s", round(max(recoveries), 1))
        verdict.note("its median, s", round(median(recoveries), 2))
    silent_s, allowed_s = max(_unexplained(*gap, faults) for gap in gaps), stall_timeout_s + LONGEST_S
    verdict.note("longest silence outside of faults, s", round(silent_s, 1), silent_s < allowed_s, f"{allowed_s:g}")


def _is_of_the_source(fault):
    return fault.target == "camera" or fault.name == "stream_that_dies"


def _unexplained(begin_s, end_s, faults):
    """Return the part of a gap that comes after the last fault in it."""
    inside = [fault.end_s for fault in faults if fault.begin_s < end_s and fault.end_s > begin_s]
    return end_s - max([begin_s, *(min(each_s, end_s) for each_s in inside)])


def _growth(verdict, monitor):
    warm = [row for row in monitor.idle if row[0] >= WARM_UP_S]
    if len(warm) < 20 or warm[-1][0] < 3 * WARM_UP_S:
        verdict.note("memory and descriptors", "not checked: the run was too short")
        return
    end_s = warm[-1][0]
    first = [row for row in warm if row[0] < WARM_UP_S + 60]
    last = [row for row in warm if row[0] > end_s - 60]
    grown_mb = median(row[1] for row in last) - median(row[1] for row in first)
    verdict.note("memory after two minutes, MB", round(median(row[1] for row in first), 1))
    verdict.note("growth since then, MB", round(grown_mb, 2), grown_mb < MAX_GROWTH_MB, f"less than {MAX_GROWTH_MB}")
    for name, column in (("descriptors", 2), ("threads", 3)):
        before, after = (median(row[column] for row in rows) for rows in (first, last))
        # A client may be just disconnecting, or the broker absent.
        verdict.note(f"{name}, after two minutes and at the end", [before, after], after <= before + 1, "no more")
