import json

import numpy as np
import pytest

from edge.datasets.reader import Faces
from train.evaluation.prediction import keras_probabilities, load_keras_model
from train.models import build_model
from train.training.logit_adjustment import adjust_logits, logit_shifts


def doubtful(n=6000):
    """Probabilities that are right, of a class that is rarely the most probable one."""
    random = np.random.default_rng(0)
    logits = random.normal(0, 1, (n, 3)) + np.log([0.5, 0.4, 0.1])
    probabilities = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    class_ids = np.array([random.choice(3, p=p) for p in probabilities])
    return probabilities.astype(np.float32), class_ids


def test_each_class_is_answered_as_often_as_it_is_labelled():
    probabilities, class_ids = doubtful()
    labeled = np.bincount(class_ids) / len(class_ids)
    before = np.bincount(probabilities.argmax(axis=1), minlength=3) / len(class_ids)
    assert before[2] < 0.8 * labeled[2]
    shifts = logit_shifts(probabilities, class_ids)
    after = np.bincount((np.log(probabilities) + shifts).argmax(axis=1), minlength=3) / len(class_ids)
    np.testing.assert_allclose(after, labeled, atol=0.003)
    assert shifts.mean() == pytest.approx(0, abs=1e-9)


def test_a_class_without_a_face_is_left_alone():
    probabilities, class_ids = doubtful(500)
    probabilities = np.hstack([probabilities, np.full((500, 1), 1e-9, np.float32)])
    shifts = logit_shifts(probabilities, class_ids)
    assert shifts[3] == 0
    assert np.isfinite(shifts).all()


def test_the_models_biases_move_by_the_share_that_was_asked_for():
    model = build_model("mien", 7, {"widths": [4], "blocks": 1})
    random = np.random.default_rng(0)
    images = random.integers(0, 256, (64, 48, 48), np.uint8)
    labels = ("angry", "disgust", "fear", "happy", "sad", "surprise", "neutral")
    faces = Faces(images, random.integers(0, 7, 64), np.arange(64), labels)
    before, whole = keras_probabilities(model, images), model.get_layer("logits").get_weights()[1]
    shifts = adjust_logits(model, faces, 0.5, 32)
    np.testing.assert_allclose(list(shifts.values()), 0.5 * logit_shifts(before, faces.class_ids), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(model.get_layer("logits").get_weights()[1] - whole, list(shifts.values()), atol=1e-6)
    after = keras_probabilities(model, images)
    expected = before * np.exp(list(shifts.values()))
    np.testing.assert_allclose(after, expected / expected.sum(axis=1, keepdims=True), rtol=1e-3)


@pytest.mark.slow
def test_a_run_adjusts_its_best_epoch_and_records_the_shifts(mien, made_csv, tmp_path):
    text = 'name = "b"\narchitecture = "simple-nn"\n[model]\nunits = [16]\n[fit]\nepochs = 2\n'
    metrics, biases = {}, {}
    for name, line in (("plain", ""), ("adjusted", "logit_adjustment = 0.5\n")):
        recipe, run = tmp_path / f"{name}.toml", tmp_path / name
        recipe.write_text(text + line)
        done = mien("fit", "--recipe", recipe, "--data", made_csv, "--out", run, module="train")
        assert done.code == 0, done.err
        metrics[name] = json.loads((run / "metrics.json").read_text())
        biases[name] = load_keras_model(run / "model.keras").get_layer("logits").get_weights()[1]
    assert "logit_adjustment" not in metrics["plain"]
    assert metrics["adjusted"]["before_logit_adjustment"]["accuracy"] == metrics["plain"]["scores"]["accuracy"]
    shifts = list(metrics["adjusted"]["logit_adjustment"].values())
    assert any(shifts)
    np.testing.assert_allclose(biases["adjusted"] - biases["plain"], shifts, atol=1e-6)
