"""One epoch has one accuracy: that of the file that is saved."""

import csv
import json

import pytest

from train.evaluation.evaluation_report import evaluate

pytestmark = pytest.mark.slow


def test_the_accuracy_of_the_best_epoch_is_that_of_the_saved_model(mien, made_csv, tmp_path):
    """In mixed precision some faces of 70 were predicted otherwise than by the saved float32 model."""
    recipe = tmp_path / "r.toml"
    recipe.write_text(
        'name = "r"\narchitecture = "simple-nn"\n[model]\nunits = [64, 32]\n[fit]\nepochs = 4\nbatch_size = 64\n'
        'learning_rate = 0.003\nlabel_smoothing = 0.1\nema = 0.9\nprecision = "mixed_bfloat16"\n'
    )
    run = tmp_path / "run"
    done = mien("fit", "--recipe", recipe, "--data", made_csv, "--out", run, module="train")
    assert done.code == 0, done.err
    with (run / "history.csv").open() as stream:
        rows = [float(row["val_accuracy"]) for row in csv.DictReader(stream)]
    metrics = json.loads((run / "metrics.json").read_text())
    assert max(rows) == metrics["scores"]["accuracy"] == evaluate(run, made_csv).metrics.accuracy
    assert metrics["precision"] == "mixed_bfloat16"
