"""A release on probation: what counts, what ends it, and what is left behind; tests/booted has systemd itself."""

import json
from dataclasses import asdict

import pytest

from deploy.device import probation_watch
from deploy.device.history import History
from deploy.device.install_status import as_text, read_status
from deploy.device.probation import Probation, ProbationFile, boot_id
from deploy.device.probation_watch import watch
from deploy.device.release_store import ReleaseStore
from edge.errors import DeployError, UnhealthyError

RUNNING = {
    "ActiveState": "active",
    "SubState": "running",
    "Result": "success",
    "NRestarts": "0",
    "StatusText": "demo: running",
}
PROBATION = Probation("2.0", "1.0", 60.0, boot="now")


def test_only_the_time_counts_in_which_the_service_processes_frames():
    for state, passed_s in (
        (RUNNING, 2.0),
        ({**RUNNING, "StatusText": "camera:0: 9.9 frames per second, mien-small-int8"}, 2.0),
        ({**RUNNING, "StatusText": "camera:0: no frame, mien-small-int8"}, 0.0),
        ({**RUNNING, "ActiveState": "activating", "SubState": "start"}, 0.0),
        # Somebody has stopped it.
        ({**RUNNING, "ActiveState": "inactive", "SubState": "dead"}, 0.0),
        # systemctl has not answered.
        ({}, 0.0),
    ):
        assert PROBATION.advance(state, "now", 2.0).passed_s == passed_s, state
    assert Probation("2.0", "1.0", 3.0, 2.0, boot="now").advance(RUNNING, "now", 2.0).left_s == 0


@pytest.mark.parametrize(
    ("state", "reason"),
    [
        ({"ActiveState": "failed", "SubState": "failed", "Result": "exit-code"}, r"has ended \(result exit-code\)"),
        ({"ActiveState": "activating", "SubState": "auto-restart", "Result": "watchdog"}, r"\(result watchdog\)"),
        ({"NRestarts": "1"}, "^the service has ended$"),
    ],
)
def test_a_service_that_ends_fails_the_release(state, reason):
    with pytest.raises(UnhealthyError, match=reason):
        PROBATION.advance({**RUNNING, **state}, "now", 2.0)


def test_restarts_before_the_probation_and_by_hand_do_not_count():
    probation = Probation("2.0", "1.0", 60.0, restarts=3, boot="now")
    assert probation.advance({**RUNNING, "NRestarts": "3"}, "now", 2.0).restarts == 3
    # A start by hand sets systemd's counter back.
    probation = probation.advance(RUNNING, "now", 2.0)
    with pytest.raises(UnhealthyError):
        probation.advance({**RUNNING, "NRestarts": "1"}, "now", 2.0)


def test_a_device_that_starts_again_and_again_fails_the_release():
    probation = PROBATION
    for number in range(3):
        probation = probation.advance(RUNNING, f"boot {number}", 2.0)
    assert probation.passed_s == 6.0
    with pytest.raises(UnhealthyError, match="started 4 times"):
        probation.advance(RUNNING, "boot 3", 2.0)


def test_the_record_survives_and_a_damaged_one_is_none(tmp_path):
    record = ProbationFile(tmp_path)
    assert record.read() is None
    record.write(PROBATION)
    assert record.read() == PROBATION
    for text in ("", "[]", "{", '{"version": "2.0"}', "[" * 10_000, '{"version": null, "duration_s": "x"}'):
        record.path.write_text(text)
        assert record.read() is None
    for change in ({"duration_s": "Infinity"}, {"passed_s": "NaN"}, {"before": "../1.0"}, {"restarts": "1e999"},
                   {"boots": 10**2000}, {"restarts": 10**2000}, {"boots": -1}):  # fmt: skip
        record.path.write_text(json.dumps({**asdict(PROBATION), **change}).replace('"1e999"', "1e999"))
        assert record.read() is None, change
    record.clear()
    record.clear()


class Service:
    """A service with the given states; the last one stays."""

    def __init__(self, *states):
        self._states = list(states)

    def state(self):
        return self._states.pop(0) if len(self._states) > 1 else self._states[0]

    def last_words(self):
        return ": its last words"


class Unit:
    """Counts how often it is removed."""

    removed = 0

    def remove(self):
        self.removed += 1


@pytest.fixture
def store(device, workshop, monkeypatch):
    """2.0 is current and on probation for 0.05 s, 1.0 was before."""
    for version in ("1.0", "2.0"):
        assert device.install(workshop.bundle(version)).code == 0
    monkeypatch.setattr(probation_watch, "_POLL_S", 0.02)
    monkeypatch.setattr(probation_watch, "_RETRY_S", 0.01)
    store = ReleaseStore(device.prefix)
    ProbationFile(store.state).write(Probation("2.0", "1.0", 0.05, boot=boot_id()))
    return store


def watched(store, *states):
    """What is reported, after everything of the probation is gone."""
    lines, unit = [], Unit()
    watch(store, Service(*states), unit, lines.append)
    assert unit.removed == 1
    assert ProbationFile(store.state).read() is None
    return lines


def test_a_release_passes(store):
    assert read_status(store)["probation"] == {"version": "2.0", "before": "1.0", "left_s": 0}
    assert "probation 0 s to run, else back to 1.0" in as_text(read_status(store))
    assert watched(store, RUNNING) == ["2.0 has passed its probation"]
    assert store.current_version() == "2.0"
    assert History(store.state).read()[-1].outcome == "passed"
    assert read_status(store)["probation"] is None


def test_a_release_that_fails_is_replaced(store):
    (line,) = watched(store, {**RUNNING, "ActiveState": "failed", "Result": "exit-code"})
    reason = "the service has ended (result exit-code): its last words, 0 s into its probation"
    assert line == f"{reason}: 1.0 is the current release; it replaces 2.0"
    assert store.current_version() == "1.0"
    assert [(e.action, e.outcome, e.version, e.reason) for e in History(store.state).read()[-2:]] == [
        ("probation", "unhealthy", "2.0", reason), ("rollback", "activated", "1.0", reason),
    ]  # fmt: skip


def test_a_rollback_waits_for_another_installation(store, monkeypatch):
    attempts = []

    def roll_back(*arguments, **options):
        attempts.append(arguments)
        if len(attempts) < 3:
            raise DeployError("another installation is in progress (process 7): wait until it ends")
        return "done"

    monkeypatch.setattr(probation_watch, "roll_back", roll_back)
    (line,) = watched(store, {**RUNNING, "NRestarts": "1"})
    assert line.endswith(": done")
    assert len(attempts) == 3


def test_a_release_to_go_back_to_that_is_damaged_leaves_the_new_one(store):
    next(store.release("1.0").glob("venv/lib/python*/site-packages/mien/__init__.py")).write_text("changed")
    (line,) = watched(store, {**RUNNING, "NRestarts": "1"})
    assert "cannot go back to 1.0: the release 1.0 is damaged" in line
    assert store.current_version() == "2.0"
    assert History(store.state).read()[-1].outcome == "failed"


def test_a_probation_of_a_release_that_is_no_longer_current_is_over(store):
    store.switch("1.0")
    assert read_status(store)["probation"] is None
    assert watched(store, {**RUNNING, "ActiveState": "failed"}) == []
    assert store.current_version() == "1.0"


def test_without_a_service_nothing_is_on_probation(device, workshop):
    for version in ("1.0", "2.0"):
        done = device.install(workshop.bundle(version), "--probation", 300)
        assert "probation" not in done.out
    assert not (device.prefix / "state" / "probation.json").exists()
