"""The tables that pages make of the shipped models' cards."""

import pytest

from edge.inference import find_model, read_model, shipped_models
from tests.docs.test_wild_tables import cells


def test_all_shipped_models_are_in_the_tables(card_tables):
    assert {path.stem for path in shipped_models()} == set(card_tables.MODELS)
    names = [row["model"] for row in cells(card_tables.adjustments())]
    adjusted = [model for model in card_tables.MODELS if read_model(find_model(model)).card.score_adjustment]
    assert names == [f"`{model.removesuffix('-int8')}`" for model in adjusted]
    assert len(names) >= 3


def test_a_confusion_counts_every_face(card_tables):
    for model in card_tables.MODELS:
        rows = cells(card_tables.confusion(model))
        faces = sum(int(value.strip("*")) for row in rows for value in list(row.values())[1:])
        right = sum(int(value.strip("*")) for row in rows for value in row.values() if value.startswith("**"))
        measured = next(read_model(path).card for path in shipped_models() if path.stem == model).measured
        assert faces == measured["n"] == 3589
        assert right / faces == pytest.approx(measured["after"]["accuracy"])


def test_calibrations_are_in_percent(card_tables):
    lines = [line.split("|")[1:-1] for line in card_tables.calibrations().splitlines()]
    assert {len(line) for line in lines} == {1 + 2 * len(card_tables.MODELS)}
    accuracy = next(line for line in lines if line[0].strip() == "accuracy")
    assert all(50 < float(cell) < 100 for cell in accuracy[1:])
