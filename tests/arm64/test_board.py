"""The bundle on the emulated processor and system of a Raspberry Pi. Timings here would mean nothing."""

import json
import subprocess
import sys

import numpy as np
import pytest

from edge.inference.contract import FER2013_LABELS
from tests.arm64.board import CORES, FOLDER
from tests.conftest import ROOT, SHIPPED
from tests.made_data import draw_face

pytestmark = [pytest.mark.slow, pytest.mark.real_part, pytest.mark.usefixtures("weights"), pytest.mark.timeout(7200)]
MIEN = "/opt/mien/current/venv/bin/mien"
#: Of 256 steps from 0 to 1, the most that was seen. XNNPACK requantizes in float arithmetic, and other code on AArch64
#: than on x86; emulated x86 processors of three generations agree exactly.
MAX_STEPS_APART = 5


@pytest.fixture(params=CORES)
def core(request):
    return request.param


def test_the_bundle_installs_without_a_network_and_works(board):
    assert "1.0 is the current release" in board.installed
    status = json.loads(board.run("cortex-a72", MIEN, "deploy", "status", "--json").stdout)
    assert status["current"] == "1.0"
    assert [(r["target"], r["arch"]) for r in status["releases"]] == [(board.suite, "aarch64")]
    assert [attempt["outcome"] for attempt in status["history"]] == ["activated"]


def test_doctor_finds_a_64_bit_board(board, core):
    lines = board.run(core, MIEN, "doctor", "--json", check=False).stdout.splitlines()
    found = {finding["subject"]: finding for finding in map(json.loads, lines)}
    assert found["architecture"]["message"] == "aarch64, 64-bit"
    for subject in ("architecture", "Python", "OpenCV", "LiteRT"):
        assert found[subject]["state"] == "ok", found[subject]
    # The bundle has YuNet only where the machine that built it has; without it doctor warns.
    weights = found["detector weights"]
    assert weights["state"] == "ok" or "yunet is missing" in weights["message"], weights


def test_the_demo_face_is_classified_as_happy(board, core):
    done = board.run(core, MIEN, "run", "--source", "demo", "--max-frames", "3", "--emit", "frame", "--sink", "jsonl:-")
    events = [json.loads(line) for line in done.stdout.splitlines()]
    assert [event["emotion"] for event in events] == ["happy"] * 3


def test_scores_equal_those_on_x86(board, core, tmp_path):
    random = np.random.default_rng(0)
    faces = np.stack([draw_face(label, random) for _ in range(10) for label in FER2013_LABELS])
    np.save(tmp_path / "faces.npy", faces)
    board.copy(tmp_path / "faces.npy", FOLDER / "scores.py")
    model = f"/opt/mien/current/models/{SHIPPED.name}"
    there = board.run(core, "/opt/mien/current/venv/bin/python", "/root/scores.py", "/root/faces.npy", model).stdout
    here = subprocess.run(
        [sys.executable, "-P", FOLDER / "scores.py", tmp_path / "faces.npy", SHIPPED],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env={"PYTHONPATH": str(ROOT)},
    )
    assert here.returncode == 0, here.stderr
    ours, theirs = (
        {name: np.array(rows) for name, rows in json.loads(output.splitlines()[-1]).items()}
        for output in (here.stdout, there)
    )
    # The reference kernels agree bit for bit.
    assert (ours["reference"] == theirs["reference"]).all()
    # XNNPACK, which mien runs, gives nearly the same scores, and so the same class where one leads by more than that.
    apart = np.abs(ours["xnnpack"] - theirs["xnnpack"]).max(axis=1)
    same = ours["xnnpack"].argmax(axis=1) == theirs["xnnpack"].argmax(axis=1)
    print(
        f"{board.suite}, {core}: at most {apart.max()}/256 apart, on {(apart > 0).sum()} of {len(faces)} faces; "
        f"the same class on {same.sum()}"
    )
    assert apart.max() <= MAX_STEPS_APART
    second, first = np.sort(ours["xnnpack"], axis=1)[:, -2:].T
    clear = first - second > 2 * MAX_STEPS_APART
    assert clear.mean() > 0.8
    assert same[clear].all()
