"""`mien benchmark wild` as a user calls it, on the demo's portrait and on blank pictures."""

import csv
import io
import json
import os
import re
import signal
from contextlib import contextmanager

import cv2
import numpy as np
import pytest
from jsonschema import Draft202012Validator
from rich.console import Console

from edge.benchmark.chain import largest_face
from edge.benchmark.wild_measurement import DEFAULT_PRIOR
from edge.benchmark.wild_table import print_chain_results
from edge.inference.contract import FER2013_LABELS
from edge.inference.model_card import read_model
from edge.recognizer import Recognizer
from edge.types import Detection
from tests.conftest import PORTRAIT, ROOT, SHIPPED

pytestmark = pytest.mark.usefixtures("weights")

IMAGE = cv2.imread(str(PORTRAIT))
BLANK = np.full((120, 160, 3), 128, np.uint8)


def check(table, name="wild"):
    schema = json.loads((ROOT / "edge" / "benchmark" / f"{name}.schema.json").read_text())
    Draft202012Validator.check_schema(schema)
    Draft202012Validator(schema).validate(table)
    return table


def write(folder, **images):
    for name, image in images.items():
        path = folder / (name.replace("__", "/") + ".png")
        path.parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(path), image)
    return folder


@pytest.fixture
def photographs(tmp_path):
    """Two smiles, of which one is turned around, and two pictures in which there is no face to find."""
    return write(
        tmp_path / "faces",
        happiness__001_female_white=IMAGE,
        happiness__002_male_east_asian=IMAGE[:, ::-1],
        neutral__003_male_white=BLANK,
        neutral__004_male_white=BLANK,
    )


@pytest.fixture(scope="module")
def foreign(tmp_path_factory):
    """Somebody's model: the shipped network with its classes in another order, its card beside it."""
    path = tmp_path_factory.mktemp("foreign") / "theirs.tflite"
    path.write_bytes(read_model(SHIPPED).graph)
    card = {"name": "theirs", "labels": FER2013_LABELS[::-1], "input_shape": [1, 48, 48, 1], "input_range": [0, 255]}
    path.with_suffix(".json").write_text(json.dumps(card))
    return path


def test_the_chain_by_model_and_group(invoke, photographs, foreign, tmp_path):
    out = tmp_path / "out"
    done = invoke("benchmark", "wild", photographs, SHIPPED.stem, foreign, "--name-pattern", "ID_gender_ethnicity",
                  "--out", out)  # fmt: skip
    assert done.code == 0, done.err
    table = check(json.loads((out / "results.json").read_text()))
    assert table["data"]["labels"] == {"happy": 2, "neutral": 2}
    assert table["data"]["groups"] == {"gender": ["female", "male"], "ethnicity": ["east_asian", "white"]}
    ours, theirs = table["models"]
    assert table["prior"] == list(DEFAULT_PRIOR) == ["auto"]
    assert ours["with_prior"]["summary"]["n"] == 4
    assert theirs["with_prior"] is None
    assert any("its card has no score calibration" in note for note in table["notes"])
    read = [Recognizer()(image)[0].emotion for image in (IMAGE, IMAGE[:, ::-1])]
    assert read == ["happy", "happy"]
    summary = ours["raw"]["summary"]
    assert (summary["n"], summary["found"]["value"], summary["support"]) == (4, 0.5, {"happy": 2, "neutral": 2})
    # What is not found is wrong in the accuracy of the chain, and left out where found.
    assert (summary["accuracy"]["value"], summary["accuracy_found"]["value"]) == (0.5, 1.0)
    assert {label: recall["value"] for label, recall in summary["recall"].items()} == {"happy": 1.0, "neutral": 0.0}
    assert ours["raw"]["macro_recall"]["value"] == 0.5
    assert ours["raw"]["macro_recall_found"]["value"] == 1.0
    assert ours["raw"]["confusion"] == [[0, 0, 0, 2, 0, 0, 0, 0], [0, 0, 0, 0, 0, 0, 0, 2]]
    groups = ours["raw"]["groups"]
    assert {value: group["n"] for value, group in groups["gender"].items()} == {"female": 1, "male": 3}
    assert groups["gender"]["male"]["accuracy"]["value"] == pytest.approx(1 / 3)
    assert groups["gender"]["female"]["recall"].keys() == {"happy"}
    # The same network; in the other order of its classes, happy (3) is happy again.
    assert theirs["raw"]["summary"]["accuracy_found"]["value"] == 1.0
    assert theirs["identity"].startswith("theirs")

    rows = list(csv.DictReader((out / "results.csv").read_text().splitlines()))
    assert [(row["model"], row["column"], row["group"], row["pictures"]) for row in rows[:5]] == [
        (SHIPPED.stem, "", "", "4"),
        (SHIPPED.stem, "gender", "female", "1"),
        (SHIPPED.stem, "gender", "male", "3"),
        (SHIPPED.stem, "ethnicity", "east_asian", "1"),
        (SHIPPED.stem, "ethnicity", "white", "3"),
    ]
    assert float(rows[0]["recall_happy"]) == 1.0
    assert rows[1]["recall_neutral"] == ""
    page = (out / "report.html").read_text()
    assert "By ethnicity" in page
    assert not re.search(r'(src|href)="(?!#)', page)
    assert cv2.imread(str(out / "selective.png")).shape[0] > 300
    assert "east_asian" in done.out


def test_the_prior_is_that_of_the_recognizer(invoke, photographs):
    done = invoke("benchmark", "wild", photographs, "mien-small-int8", "--prior", "neutral=0.999", "--json")
    assert done.code == 0, done.err
    model = check(json.loads(done.out))["models"][0]
    assert model["raw"]["summary"]["predicted"]["happy"] == 2
    read = Recognizer("mien-small-int8", prior=["neutral=0.999"])(IMAGE)[0].emotion
    assert model["with_prior"]["summary"]["predicted"][read] >= 1
    assert model["with_prior"]["selective"]["rows"] != model["raw"]["selective"]["rows"]


def test_all_shipped_models_unless_some_are_named(invoke, photographs):
    table = json.loads(invoke("benchmark", "wild", photographs, "--json").out)
    assert [model["name"] for model in table["models"]] == [
        "mien-nano-ferplus-int8", "mien-nano-int8", "mien-pico-int8", "mien-small-ferplus-int8", "mien-small-int8",
    ]  # fmt: skip


def test_pictures_without_labels_some_of_them_broken(invoke, tmp_path):
    """Large with a tiny face, tiny, several faces, cut off, and no picture at all."""
    large = np.full((4000, 5000, 3), 128, np.uint8)
    large[2000:2100, 2000:2100] = cv2.resize(IMAGE, (100, 100), interpolation=cv2.INTER_AREA)
    tiny = cv2.resize(IMAGE, (40, 40), interpolation=cv2.INTER_AREA)
    folder = write(tmp_path, large=large, tiny=tiny, two=np.hstack([IMAGE, IMAGE]), one=IMAGE)
    (folder / "cut.jpg").write_bytes(PORTRAIT.read_bytes()[:3000])
    (folder / "text.jpg").write_text("no picture")
    done = invoke("benchmark", "wild", folder, SHIPPED.stem, "--out", tmp_path / "out")
    assert done.code == 0, done.err
    assert "the pictures have no labels" in done.out
    assert "2 of 6 pictures could not be read" in done.out
    assert "not read: text.jpg is not an image" in done.out
    assert "pictures with several faces: 1;" in done.out
    table = check(json.loads((tmp_path / "out" / "results.json").read_text()))
    assert [picture["file"] for picture in table["data"]["unreadable"]] == ["cut.jpg", "text.jpg"]
    assert str(tmp_path) not in json.dumps(table)
    figures = table["models"][0]["raw"]
    assert figures["summary"]["accuracy"] is figures["selective"] is figures["macro_recall"] is None
    assert sum(figures["summary"]["predicted"].values()) == round(4 * figures["summary"]["found"]["value"]) >= 2
    assert "text.jpg is not an image" in (tmp_path / "out" / "report.html").read_text()
    assert not (tmp_path / "out" / "selective.png").exists()


def test_the_label_is_that_of_the_largest_face():
    faces = [Detection((0, 0, 10, 10), 0.9), Detection((50, 0, 30, 20), 0.5), Detection((90, 0, 20, 20), 0.8)]
    assert largest_face(faces) is faces[1]


def test_folders_that_are_no_labels_are_named(invoke, photographs):
    write(photographs, smiling__a=IMAGE, loose=IMAGE)
    done = invoke("benchmark", "wild", photographs, SHIPPED.stem)
    assert done.code == 0, done.err
    assert "not measured: smiling, because no expression has such a name" in done.out
    assert "not measured: 1 picture beside the folders" in done.out
    assert "4 pictures" in done.out


@pytest.mark.parametrize(
    ("arguments", "code", "complaint"),
    [
        (["nowhere"], 1, "nowhere is missing: expected a folder"),
        (["empty"], 1, "empty has no images: expected <label>/*"),
        (["broken"], 1, "none of the 1 pictures in"),
        (["faces", "nothing.tflite"], 1, "no model 'nothing.tflite'"),
        (["faces", "--groups", "groups.csv"], 1, "names none of the pictures"),
        (["faces", "--name-pattern", "a_b_c_d_e"], 1, "no file name has 5 parts"),
        (["faces", "--name-pattern", "ID"], 2, "name pattern 'ID'"),
        (["faces", "--prior", "joyful=0.5"], 2, "prior 'joyful=0.5'"),
        (["faces", "--detector", "eyes"], 2, "no detector 'eyes'"),
        (["faces", "--detector", "haar", "--detector", "blazeface"], 2, "expected one detector, or --boxes"),
        (["faces", SHIPPED.stem, "--boxes", "groups.csv"], 2, "expected it without models"),
        (["faces", "--prior", "sad=0.5", "--groups", "x", "--boxes", "x"], 2, "without --prior and --groups"),
        (["faces", "--boxes", "groups.csv"], 1, "line 2: expected the number of faces"),
        (["faces", "--out", "empty/.."], 2, "is not an empty folder"),
        ([], 2, "Missing argument 'DATA'"),
    ],
)
def test_wrong_use(invoke, photographs, tmp_path, monkeypatch, arguments, code, complaint):
    (tmp_path / "empty").mkdir()
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "a.jpg").write_text("no picture")
    (tmp_path / "groups.csv").write_text("file,age\nz.jpg,old\n")
    monkeypatch.chdir(tmp_path)
    done = invoke("benchmark", "wild", *arguments)
    assert (done.code, complaint in done.error_line()) == (code, True), done.err


def test_a_model_without_a_class_of_the_data(invoke, photographs, tmp_path):
    write(photographs, contempt__a=IMAGE)
    done = invoke("benchmark", "wild", photographs, SHIPPED.stem)
    assert done.code == 1
    assert "the data also has contempt" in done.error_line()


def test_a_damaged_model_has_a_row_and_the_others_continue(invoke, photographs, tmp_path):
    broken = tmp_path / "broken.tflite"
    broken.write_bytes(SHIPPED.read_bytes()[:5000])
    done = invoke("benchmark", "wild", photographs, broken, SHIPPED.stem, "--json")
    assert done.code == 0, done.err
    bad, good = check(json.loads(done.out))["models"]
    assert bad["error"]
    assert bad["raw"] is None
    assert good["raw"]["summary"]["n"] == 4


@pytest.mark.parametrize(("width", "has_intervals"), [(80, False), (160, True)])
def test_a_narrow_terminal_shows_no_intervals(width, has_intervals):
    results = json.loads((ROOT / "docs" / "wild" / "london.json").read_text())
    console = Console(width=width, file=io.StringIO())
    print_chain_results(results, console)
    text = console.file.getvalue()
    assert ("where found" in text, bool(re.search(r"\d% \d+-\d+", text))) == (has_intervals, has_intervals)
    assert "east_asian" in text


@contextmanager
def interrupted_after(n):
    def step(label, done, total):
        if done >= n:
            os.kill(os.getpid(), signal.SIGINT)

    yield step


def test_ctrl_c_keeps_what_is_measured(invoke, photographs, tmp_path, monkeypatch):
    monkeypatch.setattr("edge.cli.wild.progress_steps", lambda: interrupted_after(2))
    done = invoke("benchmark", "wild", photographs, SHIPPED.stem, "--out", tmp_path / "out")
    assert done.code == 130, done.err
    table = check(json.loads((tmp_path / "out" / "results.json").read_text()))
    assert table["partial"]
    assert table["models"][0]["raw"]["summary"]["n"] == 2
    assert "partial: interrupted before the end" in done.out


@pytest.fixture
def boxes(tmp_path):
    """Scenes with the portrait in them, a scene whose face nobody labeled, an empty one, and one that is missing."""
    face = Recognizer(detector="blazeface")(IMAGE)[0].box
    lines = []
    for name, side in (("near", 400), ("middle", 200), ("far", 60)):
        scene, scale = np.full((480, 640, 3), 120, np.uint8), side / 400
        scene[40 : 40 + side, 100 : 100 + side] = cv2.resize(IMAGE, (side, side), interpolation=cv2.INTER_AREA)
        write(tmp_path / "scenes", **{name: scene})
        x, y, w, h = (round(v * scale) for v in face)
        lines += [f"{name}.png", "1", f"{x + 100} {y + 40} {w} {h} 0 0 0 0 0 0"]
    write(tmp_path / "scenes", unlabeled=IMAGE, ignored=IMAGE, empty=BLANK)
    lines += ["unlabeled.png", "0", "0 0 0 0 0 0 0 0 0 0", "empty.png", "0", "missing.png", "0"]
    lines += ["ignored.png", "1", f"{' '.join(str(round(v)) for v in face)} 2 0 0 1 0 0"]
    path = tmp_path / "boxes.txt"
    path.write_text("\n".join(lines) + "\n")
    return path


def test_detectors_on_pictures_with_boxes(invoke, boxes, tmp_path):
    out = tmp_path / "out"
    done = invoke("benchmark", "wild", tmp_path / "scenes", "--boxes", boxes, "--detector", "blazeface-short",
                  "--detector", "blazeface", "--out", out)  # fmt: skip
    assert done.code == 0, done.err
    table = check(json.loads((out / "results.json").read_text()), "detectors")
    assert (table["data"]["pictures"], table["data"]["faces"]) == (6, 3)
    assert table["data"]["faces_by_size"] == [1, 1, 0, 0, 1]
    assert [picture["file"] for picture in table["data"]["unreadable"]] == ["missing.png"]
    full, short = table["detectors"]
    assert (full["name"], short["name"]) == ("blazeface", "blazeface-short")
    assert full["recall_by_size"][0]["value"] == 1.0
    assert full["recall_by_size"][2] is None
    assert short["recall_by_size"][4]["value"] == 0.0
    # The face that nobody labeled, in one of six pictures; the one that is to be ignored is not false.
    assert full["false_per_100"]["value"] == pytest.approx(100 / 6)
    assert full["cost"] == {"value": 1.0, "low": 1.0, "high": 1.0}
    assert short["cost"]["value"] > 0
    assert "blazeface-short" in (out / "report.html").read_text()
    rows = list(csv.DictReader((out / "results.csv").read_text().splitlines()))
    assert [row["detector"] for row in rows] == ["blazeface", "blazeface-short"]
    assert float(rows[0]["recall"]) == pytest.approx(full["recall"]["value"])
    assert "not read: cannot read missing.png" in done.out


def test_detectors_are_given_once_and_pictures_are_there(invoke, boxes, tmp_path):
    twice = invoke(
        "benchmark", "wild", tmp_path / "scenes", "--boxes", boxes, "--detector", "haar", "--detector", "haar"
    )
    assert (twice.code, "expected each detector only once" in twice.error_line()) == (2, True)
    (tmp_path / "elsewhere").mkdir()
    done = invoke("benchmark", "wild", tmp_path / "elsewhere", "--boxes", boxes)
    assert done.code == 1
    assert "none of the 7 pictures in" in done.error_line()


def test_ctrl_c_during_detection(invoke, boxes, tmp_path, monkeypatch):
    monkeypatch.setattr("edge.cli.wild.progress_steps", lambda: interrupted_after(2))
    done = invoke("benchmark", "wild", tmp_path / "scenes", "--boxes", boxes, "--json")
    assert done.code == 130, done.err
    table = check(json.loads(done.out), "detectors")
    assert (table["partial"], table["data"]["pictures"]) == (True, 2)
