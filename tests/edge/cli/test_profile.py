"""`mien profile`: the stages of a run, compared with their bare parts."""

import json

import pytest

pytestmark = pytest.mark.usefixtures("weights")


def test_stages_are_compared_with_their_bare_parts(invoke, demo_clip):
    done = invoke("profile", "--source", demo_clip, "--detector", "blazeface", "--max-frames", 30, "--json")
    assert done.code == 0, done.err
    costs = json.loads(done.out)
    assert costs["frames"] == 30
    assert costs["faces"] >= 30
    stages = {stage["stage"]: stage for stage in costs["stages"]}
    assert list(stages) == ["capture", "detect", "classify", "track", "total"]
    for name in ("detect", "classify"):
        # A stage includes its part, but they are timed one after the other: on a busy machine either may be longer.
        stage = stages[name]
        assert stage["stage_ms"] > 0
        assert stage["bare_ms"] > 0
        assert stage["ratio"] > 0
    parts = [stages[name]["bare_ms"] for name in ("capture", "detect", "classify")]
    assert stages["total"]["bare_ms"] > max(parts)
    assert stages["track"]["bare_ms"] is None


def test_a_table_has_no_bare_part_where_there_is_none(invoke):
    done = invoke("profile", "--source", "demo", "--max-frames", 3, "--detector", "haar")
    assert done.code == 0, done.err
    rows = {line.split()[0]: line.split() for line in done.out.splitlines() if line}
    assert rows["classify"][-1] == "face"
    assert len(rows["detect"]) == len(rows["total"]) == 2


def test_a_missing_clip_is_reported(invoke):
    done = invoke("profile", "--source", "nothing.mp4")
    assert done.code == 1
    assert "no source 'nothing.mp4'" in done.error_line()
