"""Evaluates a soak run: did the daemon do what its documentation promises?"""

import json
import re
from collections import Counter
from itertools import pairwise
from statistics import median

from edge.system.backoff import LONGEST_S
from edge.system.open_connections import MAX_CONNECTIONS
from tests.soak.attackers import DESCRIPTORS_OF_OTHERS

#: The growth of memory that is allowed after the first two minutes.
MAX_GROWTH_MB = 5.0
WARM_UP_S = 120.0
#: Lines of the log during one attack; the other lanes' are among them.
MAX_LINES = 100
#: A viewer is served within this time on a machine that does nothing else.
GOAL_S = 2.0
#: On one that is busy it may take this many seconds, or this many times as long as the same takes without an attack.
#: Attempts that fail count, and so do the moments in which a server is exchanged.
MAX_SERVED_S, MAX_SERVED_RATIO = 20.0, 20.0
#: What the daemon may allocate during an attack, in MB. A reload loads another model; a huge message is larger.
MAX_ALLOCATED_MB = 40.0
#: What it may keep of that, in MB: the allocator's share. Whether it accumulates, `_growth` shows.
MAX_KEPT_MB = 20.0

#: A traceback: the line before it, what is indented, and the error.
_TRACEBACK = re.compile(r"^.*\n+Traceback .*\n(?:[ \t].*\n|\n)*.*$", re.MULTILINE)


class Verdict:
    """The figures of a run, the expectations that it failed, and the tracebacks in the daemon's log."""

    def __init__(self):
        self.figures, self.failures, self.tracebacks = {}, [], []

    def note(self, name, value, passed=True, expected=""):
        self.figures[name] = value
        if not passed:
            self.failures.append(f"{name}: {value}, expected {expected}")


def evaluate(daemon, injectors, monitor, subscriber, usage, stopped_s, stall_timeout_s, min_faults):
    """Compare what was published with what arrived, and check for silence and growth of memory.

    Args:
        usage: what the daemon used before the first fault, and after the last.
    """
    verdict = Verdict()
    _faults(verdict, injectors, min_faults)
    errors = daemon.errors.read_text()
    verdict.note("exit status", daemon.status, daemon.status == 0, "0")
    # The documented 5 s, and a margin for a busy machine.
    verdict.note("seconds from SIGTERM to the end", round(stopped_s, 1), stopped_s < 8, "5")
    verdict.tracebacks = _TRACEBACK.findall(errors)
    verdict.note("tracebacks in the log", errors.count("Traceback"), "Traceback" not in errors, "none")
    verdict.note("lines in the log", errors.count("\n"))
    _events(verdict, daemon, subscriber)
    _silence(verdict, injectors, monitor, stall_timeout_s)
    _growth(verdict, monitor)
    _usage(verdict, *usage)
    attackers = next(each for each in injectors if each.target == "attackers")
    _attacks(verdict, attackers)
    verdict.note("huge messages that ended the subscription", errors.count("no longer listening to homeassistant"))
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
    """Check that nothing is lost, except for a sink that never takes anything."""
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
        lost = report["events"] if name == "jsonl:/dev/full" else 0
        expected = {"received": report["events"], "delivered": report["events"] - lost, "dropped": lost, "queued": 0}
        passed = counts == counts | expected
        verdict.note(f"sink {name.partition(':')[0]}:{name.rpartition('/')[2]}", counts, passed, json.dumps(expected))
    missing, unknown = len(events - subscriber.received), len(subscriber.received - events)
    verdict.note("events that the broker's client lacks", missing, not missing, "none")
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
    return fault.target == "camera" or fault.name in ("stream_that_dies", "absent_source")


def _unexplained(begin_s, end_s, faults):
    """Return the part of a gap that comes after the last fault in it."""
    inside = [fault.end_s for fault in faults if fault.begin_s < end_s and fault.end_s > begin_s]
    return end_s - max([begin_s, *(min(each_s, end_s) for each_s in inside)])


def _growth(verdict, monitor):
    warm = [row for row in monitor.idle if row[0] >= WARM_UP_S]
    if len(warm) < 40 or warm[-1][0] < 3 * WARM_UP_S:
        verdict.note("memory and descriptors", "not checked: the run was too short")
        return
    # The first minute and the last one, in which there may be few moments without any fault.
    count = max(20, min(sum(row[0] < WARM_UP_S + 60 for row in warm), sum(row[0] > warm[-1][0] - 60 for row in warm)))
    first, last = warm[:count], warm[-count:]
    grown_mb = median(row[1] for row in last) - median(row[1] for row in first)
    verdict.note("memory after two minutes, MB", round(median(row[1] for row in first), 1))
    verdict.note("growth since then, MB", round(grown_mb, 2), grown_mb < MAX_GROWTH_MB, f"less than {MAX_GROWTH_MB}")
    for name, column in (("descriptors", 2), ("threads", 3)):
        before, after = (median(row[column] for row in rows) for rows in (first, last))
        # A client may be just disconnecting, or the broker absent.
        verdict.note(f"{name}, after two minutes and at the end", [before, after], after <= before + 1, "no more")


def _usage(verdict, before, after):
    for name in ("descriptors", "threads"):
        counts = [getattr(usage, name) for usage in (before, after)]
        # The preview's server keeps the threads that read the page's files for many requests at once.
        allowed = counts[0] + (1 if name == "descriptors" else 4)
        verdict.note(f"{name} before the first fault and after the last", counts, counts[1] <= allowed, "no more")
    verdict.note(
        "memory before the first fault and after the last, MB", [round(u.memory_mb, 1) for u in (before, after)]
    )


def _attacks(verdict, attackers):
    """Check that whoever has the tokens was served meanwhile, and what the attacks cost."""
    attacks = attackers.attacks
    verdict.note("attacks", len(attacks), len(attacks) > 0, "some")
    if not attacks:
        return
    before_s = [attack.before_s for attack in attacks]
    served_s = [each_s for attack in attacks for each_s in attack.served_s]
    allowed_s = max(MAX_SERVED_S, MAX_SERVED_RATIO * median(before_s))
    for name, times_s in (("before", before_s), ("during", served_s)):
        figures = [len(times_s), round(median(times_s), 2), round(max(times_s), 2)]
        passed = name == "before" or max(times_s) < allowed_s
        verdict.note(
            f"viewer served {name} an attack: times, median and longest, s", figures, passed, f"{allowed_s:g} s"
        )
    verdict.note(
        "served within 2 s during an attack, percent", round(100 * sum(s < 2 for s in served_s) / len(served_s), 1)
    )
    most = max(attack.lines for attack in attacks)
    verdict.note("most lines in the log during an attack", most, most < MAX_LINES, f"less than {MAX_LINES}")
    for name, attribute, allowed_more, allowed_kept in (
        ("descriptors", "descriptors", MAX_CONNECTIONS + 32, DESCRIPTORS_OF_OTHERS),
        ("memory, MB", "memory_mb", MAX_ALLOCATED_MB, MAX_KEPT_MB),
    ):
        more = [
            max(getattr(usage, attribute) for usage in usages) - getattr(attack.before, attribute)
            for attack in attacks
            for usages in ((attack.peak, attack.after), (attack.after,))
        ]
        during, kept = round(max(more[::2]), 1), round(max(more[1::2]), 1)
        expected = f"at most {allowed_more}"
        verdict.note(f"more {name} during an attack, at most", during, during <= allowed_more, expected)
        verdict.note(f"more {name} after an attack, at most", kept, kept <= allowed_kept, f"at most {allowed_kept}")
    verdict.note(
        "answers to the attackers' requests", {kind: dict(answers) for kind, answers in attackers.answers.items()}
    )
    verdict.note("what else happened in attacks", dict(attackers.counts))
    verdict.note("files written through an attacker's links", attackers.overwritten, not attackers.overwritten, "none")
    verdict.note("attacks by kind", {name: _of_kind(attacks, name) for name in sorted({each.name for each in attacks})})


def _of_kind(attacks, name):
    those = [attack for attack in attacks if attack.name == name]
    served_s = [each_s for attack in those for each_s in attack.served_s]
    return {
        "attacks": len(those),
        "served": len(served_s),
        "median_s": round(median(served_s), 2) if served_s else None,
        "longest_s": round(max(served_s, default=0), 2),
        "most_lines": max(attack.lines for attack in those),
        "more_descriptors": max(attack.peak.descriptors - attack.before.descriptors for attack in those),
        "more_descriptors_after": max(attack.after.descriptors - attack.before.descriptors for attack in those),
        "more_memory_mb": round(max(attack.peak.memory_mb - attack.before.memory_mb for attack in those), 1),
        "details": sorted({detail for attack in those for detail in attack.details}),
    }
