"""The scripts that made the tables in docs/explanation/models.md run with the arguments of their first lines."""

import json
import shutil
import subprocess
import sys
from dataclasses import replace

import numpy as np

from edge.inference.classifier import Classifier
from edge.inference.model_card import read_model, write_model
from tests.conftest import PORTRAIT, ROOT, SHIPPED
from tests.made_data import draw_face


def run(script, *arguments):
    command = [sys.executable, ROOT / "docs" / "experiments" / script, *arguments]
    return subprocess.run([str(part) for part in command], capture_output=True, text=True, cwd=ROOT, timeout=280)


def test_unseen_leaves_out_what_training_holds(tmp_path):
    random = np.random.default_rng(0)
    rows = [(3, draw_face("happy", random)) for _ in range(6)]
    lines = ["emotion,pixels,Usage"]
    for i, (class_id, face) in enumerate(rows):
        # The last two of PublicTest are in Training as well.
        splits = ("PublicTest", "Training") if i >= 4 else ("PublicTest",)
        lines += [f"{class_id},{' '.join(map(str, face.ravel()))},{split}" for split in splits]
    data = tmp_path / "faces.csv"
    data.write_text("\n".join(lines) + "\n")
    done = run("unseen.py", data, SHIPPED)
    assert done.returncode == 0, done.stderr
    assert "6 faces of PublicTest, 4 of them not in Training" in done.stdout
    classifier = Classifier(SHIPPED)
    right = [classifier.labels[classifier.scores(face).argmax()] == "happy" for _, face in rows]
    row = done.stdout.splitlines()[-1]
    assert row == f"| `{SHIPPED.stem}` | {np.mean(right):.2%} | {np.mean(right[:4]):.2%} |"
    assert run("unseen.py", data).returncode == 1


def test_crop_margin_on_drawn_faces(made_csv, weights):
    done = run("crop_margin.py", SHIPPED, made_csv)
    assert done.returncode == 0, done.stderr
    rows = {line.split("|")[1].strip(): line.split("|")[2:-1] for line in done.stdout.splitlines()}
    assert {"0.00", "0.17", "0.50", "original crop"} <= set(rows)
    assert 0 < int(rows["found"][1].split()[0]) <= 70


def test_crop_margin_without_a_face(tmp_path, weights):
    blank = " ".join(["128"] * 48 * 48)
    (tmp_path / "blank.csv").write_text(f"emotion,pixels,Usage\n3,{blank},PublicTest\n")
    done = run("crop_margin.py", SHIPPED, tmp_path / "blank.csv")
    assert done.returncode == 1
    assert "blazeface finds none of these faces" in done.stderr


def test_detection_interval_on_a_clip_and_a_still_room(demo_clip, weights):
    done = run("detection_interval.py", demo_clip, "--rounds", "1")
    assert done.returncode == 0, done.stderr
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in done.stdout.splitlines()[2:]]
    still = "still empty room"
    assert [row[:2] for row in rows] == [["demo", "1"], ["demo", "auto"], [still, "1"], [still, "auto"]]
    assert [row[2] for row in rows[::2]] == ["90 of 90", "300 of 300"]
    assert int(rows[1][2].split()[0]) <= 30
    assert float(rows[1][3]) >= 0.75
    # Idle: at most a tenth of the detector runs.
    assert int(rows[3][2].split()[0]) <= 30


def selective_rows(answers):
    """Rows of selective accuracy: threshold to answered, correct, of 100 faces."""
    return [
        {"threshold": threshold, "answered": n / 100, "accuracy": {"value": right / n}, "net": (2 * right - n) / 100}
        for threshold, (n, right) in answers.items()
    ]


def test_the_threshold_of_uncertain_has_the_largest_mean_net(tmp_path):
    selective = {"rows": selective_rows({0.0: (100, 60), 0.35: (90, 58), 0.4: (70, 50), 0.45: (40, 36)})}
    other = {"rows": selective_rows({0.0: (100, 70), 0.35: (95, 70), 0.4: (90, 69), 0.45: (50, 45)})}
    bench, wild = tmp_path / "bench.json", tmp_path / "wild.json"
    bench.write_text(json.dumps({"data": {"split": "PublicTest"}, "models": [{"accuracy": {"selective": selective}}]}))
    model = {"raw": {"selective": selective}, "with_prior": {"selective": other}}
    table = {"kind": "photographs", "prior": ["neutral=0.5"], "data": {"name": "lfw"}, "models": [model]}
    wild.write_text(json.dumps(table))
    done = run("uncertain_threshold.py", bench, wild)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0] == "| threshold | PublicTest | lfw | lfw with prior neutral=0.5 | mean net |"
    assert lines[4] == "| 0.40 | 70.0, 71.4, 30.0 | 70.0, 71.4, 30.0 | 90.0, 76.7, 48.0 | 36.0 |"
    # Nets of 20, 26, 30, 32 and of 40, 45, 48, 40 percent.
    assert lines[-1] == "largest mean net at 0.40"
    assert run("uncertain_threshold.py").returncode == 1


def test_room_prior_chooses_on_one_set_and_writes_the_card(weights, tmp_path):
    for name in ("choose", "report"):
        for label in ("happy", "neutral"):
            (tmp_path / name / label).mkdir(parents=True)
            shutil.copyfile(PORTRAIT, tmp_path / name / label / "001_female.jpg")
    model = tmp_path / "model.tflite"
    shutil.copyfile(SHIPPED, model)
    before = read_model(model)
    command = ("room_prior.py", tmp_path / "choose", tmp_path / "report", "--detector", "blazeface", "--model", model)
    done = run(*command)
    assert done.returncode == 0, done.stderr
    assert "choose: a face found in 2 of 2 pictures (blazeface)" in done.stdout
    # One of two equal pictures is right, whatever is shifted.
    assert done.stdout.count("| 100 | 0 | 50.0 |") >= 2
    assert "| female | 100 (n = 1) | 0 (n = 1) |" in done.stdout
    assert model.read_bytes() == SHIPPED.read_bytes()
    done = run(*command, "--write")
    assert done.returncode == 0, done.stderr
    after = read_model(model)
    assert after.graph == before.graph
    room = after.card.score_calibration["room"]
    assert f"{before.card.identity}: " + str({k: room[k] for k in ("happy", "sad", "angry", "surprise")}) in done.stdout
    write_model(model, before.graph, replace(before.card, score_calibration={}))
    done = run(*command)
    assert (done.returncode, "run mien convert calibrate first" in done.stderr) == (1, True)


def test_tracks_keep_identities_on_simulated_clips():
    done = run("tracking.py", "simulated", "--seeds", "1")
    assert done.returncode == 0, done.stderr
    rows = {line.split("|")[1].strip(): line.split("|")[2:-1] for line in done.stdout.splitlines() if "|" in line}
    perfect, idf1, switches = (cell.strip() for cell in rows["all"][1:4])
    # With velocities over two frames and no memory, 0.65 and 298.
    assert float(perfect) > float(idf1) > 0.8
    assert int(switches) < 200
    assert run("tracking.py", "real", "--seeds", "0").returncode == 2
