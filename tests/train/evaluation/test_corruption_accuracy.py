import json

import numpy as np
import pytest

from edge.datasets.faces import Faces
from edge.datasets.reader import load_dataset
from edge.errors import ModelError
from edge.inference.contract import FER2013_LABELS
from tests.conftest import SHIPPED
from tests.made_data import draw_face
from train.evaluation.corruption_accuracy import measure_robustness
from train.evaluation.corruptions import CORRUPTIONS
from train.evaluation.prediction import load_model

BY_NAME = {one.name: one for one in CORRUPTIONS}


@pytest.fixture(scope="module")
def faces():
    random = np.random.default_rng(0)
    return np.stack([draw_face(FER2013_LABELS[i % 7], random) for i in range(14)])


@pytest.mark.parametrize("one", CORRUPTIONS, ids=lambda one: one.name)
def test_each_gets_worse_from_one_severity_to_the_next(one, faces):
    differences = [np.abs(one.apply(faces, severity).astype(int) - faces).mean() for severity in one.severities]
    assert len(differences) == 5
    assert differences[0] > 0
    assert differences == sorted(differences)


@pytest.mark.parametrize("one", CORRUPTIONS, ids=lambda one: one.name)
def test_the_same_seed_gives_the_same_faces_and_the_originals_stay(one, faces):
    before = faces.copy()
    once, again = (one.apply(faces, one.severities[2], seed=3) for _ in range(2))
    np.testing.assert_array_equal(once, again)
    np.testing.assert_array_equal(faces, before)
    assert once.dtype == np.uint8
    assert once.shape == faces.shape


def test_boxes_are_off_by_their_severity():
    dot = np.zeros((1, 48, 48), np.uint8)
    dot[0, 22:26, 22:26] = 255

    def middle(name, share):
        image = BY_NAME[name].apply(dot, share)[0].astype(float)
        rows, columns = np.indices(image.shape)
        return np.array([(rows * image).sum(), (columns * image).sum()]) / image.sum() - 23.5

    assert np.hypot(*middle("box shifted", 0.25)) == pytest.approx(12, abs=0.2)
    assert np.abs(middle("box too large", 0.25)).max() < 0.1
    square = np.zeros((1, 48, 48), np.uint8)
    square[0, 12:36, 12:36] = 200
    # A box that is a quarter too large shows the square at four fifths of its width.
    large = (BY_NAME["box too large"].apply(square, 0.25)[0] > 100).sum(axis=1).max()
    small = (BY_NAME["box too small"].apply(square, 0.25)[0] > 100).sum(axis=1).max()
    assert large == pytest.approx(24 / 1.25, abs=1)
    assert small == pytest.approx(24 / 0.75, abs=1)


def test_a_cover_hides_its_share_of_each_face_in_one_gray_level(faces):
    above, below = (BY_NAME[f"covered from {side}"].apply(faces, 0.5) for side in ("above", "below"))
    for face, top, bottom in zip(faces, above, below, strict=True):
        assert len(np.unique(top[:24])) == len(np.unique(bottom[24:])) == 1
        np.testing.assert_array_equal(top[24:], face[24:])
        np.testing.assert_array_equal(bottom[:24], face[:24])
    assert len({int(face[0, 0]) for face in above}) > 1


@pytest.mark.slow
def test_the_command_scores_every_severity(mien, cnn_run, made_csv, tmp_path):
    out = tmp_path / "robustness.json"
    done = mien("robustness", SHIPPED, "--data", made_csv, "--limit", 7, "--out", out, "--json", module="train")
    assert done.code == 0, done.err
    assert json.loads(done.out) == json.loads(out.read_text())
    done = mien("robustness", cnn_run / "model.keras", "--data", made_csv, "--out", out, module="train")
    assert done.code == 0, done.err
    found = json.loads(out.read_text())
    faces = load_dataset(made_csv, ("PublicTest",))["PublicTest"]
    assert found["n"] == len(faces)
    model = load_model(cnn_run / "model.keras")
    right = model.probabilities(faces.images).argmax(axis=1) == faces.class_ids
    assert found["clean"] == pytest.approx(right.mean())
    assert set(found["corruptions"]) == set(BY_NAME)
    dark = BY_NAME["darker"]
    again = model.probabilities(dark.apply(faces.images, dark.severities[4])).argmax(axis=1) == faces.class_ids
    assert found["corruptions"]["darker"]["accuracy"][4] == pytest.approx(again.mean())
    assert f"{100 * (again.mean() - right.mean()):+5.1f}" in done.out


@pytest.mark.slow
def test_a_model_without_the_data_s_classes(cnn_run):
    model = load_model(cnn_run / "model.keras")
    faces = Faces(np.zeros((2, 48, 48), np.uint8), np.array([0, 1]), np.arange(2), ("happy", "bored"))
    with pytest.raises(ModelError, match="bored is none of"):
        measure_robustness(model, faces)
