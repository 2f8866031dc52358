"""The committed results of `mien train robustness`, and the tables that pages make of them."""

import json

import pytest

from edge.inference import read_model
from edge.inference.shipped_models import MODELS_FOLDER
from tests.conftest import ROOT
from tests.docs.test_wild_tables import cells
from train.evaluation.corruptions import CORRUPTIONS

RESULTS = sorted((ROOT / "docs" / "robustness").glob("*.json"))


@pytest.mark.parametrize("path", RESULTS, ids=lambda path: path.stem)
def test_the_results_are_those_of_the_shipped_model(path):
    results = json.loads(path.read_text())
    measured = read_model(MODELS_FOLDER / f"{path.stem}.tflite").card.measured
    assert (results["model"], results["n"]) == (path.stem, measured["n"])
    assert results["clean"] == pytest.approx(measured["after"]["accuracy"])
    assert list(results["corruptions"]) == [corruption.name for corruption in CORRUPTIONS]


@pytest.mark.parametrize("path", RESULTS, ids=lambda path: path.stem)
def test_a_row_for_each_corruption(robustness_tables, path):
    rows = cells(robustness_tables.table(path))
    assert [row["corruption"] for row in rows] == [f"{each.name}, {each.unit}" for each in CORRUPTIONS]
    noise = json.loads(path.read_text())["corruptions"]["noise"]
    assert f"| {100 * noise['accuracy'][1]:.2f} (8) |" in robustness_tables.table(path)
