import os
from dataclasses import replace

import pytest

from edge.benchmark.conditions import MachineState, condition_warnings, machine, read_machine_state

QUIET = MachineState(100.0, 0.1, (1500.0, 1500.0), 50.0, "0", 3, 1000.0, 10.0)


def later(**changes):
    """Ten seconds later; the benchmark has used nine seconds of processor time."""
    return replace(QUIET, time_s=110.0, busy_s=1009.5, own_s=19.0, **changes)


def test_a_quiet_run_has_no_warning():
    assert condition_warnings(QUIET, later()) == []


def test_other_work_causes_a_warning():
    cores = len(os.sched_getaffinity(0))
    found = condition_warnings(QUIET, replace(later(), busy_s=1009.0 + 10 * cores * 0.5))
    assert found == [f"other work took 50% of the {cores} cores: read latencies as ratios, or run again"]


@pytest.mark.parametrize(("before", "after"), [("0", "50005"), ("50005", "50005"), ("0", "50000"), ("1", "0")])
def test_a_board_that_throttled_causes_a_warning(before, after):
    found = condition_warnings(replace(QUIET, throttled=before), later(throttled=after))
    assert len(found) == 1
    assert f"{before} before, {after} after" in found[0]


def test_throttling_before_the_run_causes_none():
    assert condition_warnings(replace(QUIET, throttled="50000"), later(throttled="50000")) == []


def test_a_processor_that_throttled_causes_a_warning():
    assert "was throttled" in condition_warnings(QUIET, later(throttle_count=5))[0]
    assert condition_warnings(replace(QUIET, throttle_count=None), later(throttle_count=None)) == []


def test_this_machine():
    about, now = machine(), read_machine_state()
    assert about["cores"] >= about["usable_cores"] >= 1
    assert about["processor"]
    assert about["packages"]["numpy"]
    assert now.busy_s > 0
    assert now.own_s > 0
