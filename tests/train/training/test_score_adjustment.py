import numpy as np
import pytest

from train.evaluation.prediction import keras_probabilities
from train.models import build_model
from train.training.score_adjustment import (
    Quality,
    adjustment_of,
    best_strength,
    best_temperature,
    log_scores,
    quality,
)


def labeled(temperature, n=20000):
    """Logits that are `temperature` times as large as they should be, and labels."""
    random = np.random.default_rng(0)
    logits = random.normal(0, 2, (n, 4)) + np.log([0.5, 0.3, 0.15, 0.05])
    probabilities = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    class_ids = (probabilities.cumsum(axis=1) > random.random((n, 1))).argmax(axis=1)
    return temperature * logits, class_ids


@pytest.mark.parametrize("temperature", [0.7, 1.0, 1.4])
def test_the_temperature_is_found_and_improves_the_calibration(temperature):
    logits, class_ids = labeled(temperature)
    found = best_temperature(logits, class_ids)
    assert found == pytest.approx(temperature, abs=0.05)
    before, after = (quality(adjustment_of(t, 0.0, class_ids, 4)(logits), class_ids) for t in (1.0, found))
    assert after.nll <= before.nll
    assert after.accuracy == before.accuracy
    if temperature != 1:
        assert after.ece < before.ece / 2


def test_a_rare_class_is_recognized_more_often():
    logits, class_ids = labeled(1.0)
    recall = []
    for strength in (0.0, 0.5, 1.0):
        adjustment = adjustment_of(1.0, strength, class_ids, 4)
        assert adjustment.shifts.mean() == pytest.approx(0, abs=1e-12)
        answers = adjustment(logits).argmax(axis=1)
        recall.append((answers[class_ids == 3] == 3).mean())
    assert recall[0] < recall[1] < recall[2]
    shares = np.bincount(class_ids) / len(class_ids)
    np.testing.assert_allclose(np.diff(adjustment.shifts), -np.diff(np.log(shares)), rtol=1e-6)


def test_a_class_without_faces_is_left_alone():
    assert adjustment_of(1.0, 1.0, np.array([0, 0, 1]), 3).shifts[2] == 0


def test_the_strength_may_cost_three_tenths_of_a_point():
    def row(accuracy, macro_recall):
        return Quality(accuracy, macro_recall, 0.0, 1.0)

    table = {0.0: row(0.7, 0.6), 0.5: row(0.698, 0.65), 1.0: row(0.69, 0.7)}
    assert best_strength(table, table[0.0]) == 0.5


def test_what_is_folded_is_what_was_chosen():
    model = build_model("mien", 4, {"widths": [4], "blocks": 1})
    random = np.random.default_rng(0)
    images = random.integers(0, 256, (32, 48, 48), np.uint8)
    adjustment = adjustment_of(0.8, 0.5, random.integers(0, 4, 50), 4)
    expected = adjustment(log_scores(keras_probabilities(model, images)))
    adjustment.fold(model)
    np.testing.assert_allclose(keras_probabilities(model, images), expected, rtol=1e-3)


@pytest.mark.slow
def test_a_run_is_adjusted_once(mien, made_csv, tmp_path):
    import json

    recipe = tmp_path / "b.toml"
    recipe.write_text('name = "b"\narchitecture = "simple-nn"\n[model]\nunits = [16]\n[fit]\nepochs = 2\n')
    run, out = tmp_path / "run", tmp_path / "adjusted"
    done = mien("fit", "--recipe", recipe, "--data", made_csv, "--out", run, module="train")
    assert done.code == 0, done.err
    done = mien("adjust", run, "--data", made_csv, "--out", out, "--strength", "0.5", module="train")
    assert done.code == 0, done.err
    before, after = (json.loads((path / "metrics.json").read_text()) for path in (run, out))
    entry = after["score_adjustment"]
    assert (entry["strength"], set(entry["shifts"])) == (0.5, set(before["labels"]))
    assert f"temperature {entry['temperature']:g}, strength 0.5" in done.out
    assert entry["after"]["nll"] <= entry["before"]["nll"] + 0.5
    assert after["scores"]["accuracy"] == pytest.approx(entry["after"]["accuracy"], abs=1e-6)
    again = mien("adjust", out, "--data", made_csv, "--out", tmp_path / "again", module="train")
    assert (again.code, "is adjusted already" in again.err) == (2, True)
    wrong = mien("adjust", tmp_path, "--data", made_csv, "--out", tmp_path / "again", module="train")
    assert (wrong.code, "is not a finished run" in wrong.err) == (1, True)
    assert not (tmp_path / "again").exists()
