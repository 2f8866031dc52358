"""Releases that fail after the switch, in a system that systemd has booted: the release before comes back."""

import json
import re
import shutil

import pytest

from deploy.build.signing_keys import generate_keys
from deploy.service.service_unit import SHIPPED_UNIT
from tests.booted.container import Container
from tests.deploy.made_release import Workshop

pytestmark = [pytest.mark.slow, pytest.mark.real_part, pytest.mark.timeout(1800)]
RELEASES = {
    "first": ("1.0", "well"),
    "good": ("2.0", "well"),
    "ends-soon": ("3.0", "ends-after-1"),
    "ends-late": ("4.0", "ends-after-60"),
    "hangs": ("5.0", "hangs"),
    "restarted": ("6.0", "well"),
    "replaced": ("6.1", "well"),
    "successor": ("6.2", "starts-slowly"),
    "rebooted": ("7.0", "ends-after-12"),
}


@pytest.fixture(scope="module")
def output(tmp_path_factory):
    """What the script has printed."""
    folder, container = tmp_path_factory.mktemp("made"), Container()
    generate_keys(folder / "key")
    workshop = Workshop(folder, folder / "key")
    # Debian's Python 3.11 runs them, whichever Python runs this.
    for name, (version, how) in RELEASES.items():
        bundle = workshop.bundle(version, how, unit=SHIPPED_UNIT.read_bytes(), python="3.11")
        shutil.copy(bundle, container.inbox / f"{name}.bundle")
    for path in (workshop.pubkey, workshop.installer):
        shutil.copy(path, container.inbox)
    return container.run("probation.sh", folder)


def status(output, step):
    match = re.search(rf"^{step}: (\{{.*\}})$", output, re.MULTILINE)
    assert match, output
    return json.loads(match[1])


def entries(found, action):
    """The versions, outcomes and reasons of one kind of entry of the history."""
    keys = ("version", "outcome", "reason")
    return [tuple(entry[key] for key in keys) for entry in found["history"] if entry["action"] == action]


def test_a_release_that_runs_well_passes(output):
    assert (
        "2.0 is the current release; it replaces 1.0; the service was restarted; it is on probation for 5 s" in output
    )
    found = status(output, "good")
    assert (found["current"], found["probation"]) == ("2.0", None)
    assert entries(found, "probation") == [("2.0", "passed", "")]


@pytest.mark.parametrize(
    ("name", "version", "result", "seconds"),
    [("ends-soon", "3.0", "exit-code", (0, 15)), ("ends-late", "4.0", "exit-code", (50, 75)),
     ("hangs", "5.0", "watchdog", (5, 40))],
)  # fmt: skip
def test_a_release_that_ends_or_hangs_is_replaced_by_the_one_before(output, name, version, result, seconds):
    found = status(output, name)
    assert (found["current"], found["probation"]) == ("2.0", None)
    assert f"{name} service: active" in output
    _, outcome, reason = entries(found, "probation")[-1]
    assert outcome == "unhealthy"
    # Without a result where it had been started again already.
    match = re.fullmatch(rf"the service has ended(?: \(result {result}\))?: .+, (\d+) s into its probation", reason)
    assert match, reason
    assert seconds[0] <= int(match[1]) <= seconds[1]
    assert entries(found, "rollback")[-1] == ("2.0", "activated", reason)
    assert found["history"][-1]["before"] == version


def test_a_restart_by_hand_is_no_failure(output):
    found = status(output, "restarted")
    assert found["current"] == "6.0"
    assert entries(found, "probation")[-1] == ("6.0", "passed", "")


def test_a_release_that_replaces_one_on_probation_has_its_own(output):
    found = status(output, "successor")
    assert (found["current"], found["probation"]) == ("6.2", None)
    assert entries(found, "probation")[-1] == ("6.2", "passed", "")
    assert "6.1" not in [version for version, *_ in entries(found, "probation")]


def test_a_probation_goes_on_after_the_device_has_started_again(output):
    before, after, over = (status(output, step) for step in ("before-reboot", "after-reboot", "rebooted"))
    assert before["probation"]["before"] == after["probation"]["before"] == "6.2"
    assert over["current"] == "6.2"
    assert entries(over, "probation")[-1][:2] == ("7.0", "unhealthy")
    assert "rebooted service: active" in output


def test_nothing_of_a_probation_stays(output):
    left = re.search(r"^left: (.+)$", output, re.MULTILINE)[1]
    assert "history.jsonl" in left
    assert "watch.py" not in left
    assert "probation" not in left
