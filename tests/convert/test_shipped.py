"""What ships, against the float model of record and the real faces."""

import json

import numpy as np
import pytest

from convert.graph import Graph
from convert.source import load_source
from convert.verify import check_file, compare
from edge.card import read_model
from edge.dataset import read_faces
from edge.digest import sha256_of
from tests.conftest import ROOT, SHIPPED

RECORD = ROOT / "train" / "records" / "mien-small"
PROOF = ROOT / "docs" / "proofs" / "mien-small-int8-proof.json"


def test_the_shipped_file_keeps_the_contract():
    checked = check_file(SHIPPED)
    assert checked.model.card.scheme == "int8"
    assert checked.graph.float_tensors() == []
    assert {t.dtype for t in checked.graph.tensors} == {"UINT8", "INT8", "INT32"}


def test_its_proof_is_of_this_very_file():
    proof, card = json.loads(PROOF.read_text()), read_model(SHIPPED).card
    assert proof["model"] == card.identity
    assert proof["passed"]
    assert proof["file"]["card"]["graph_sha256"] == card.graph_sha256
    assert proof["measured"] == card.measured
    assert proof["file"]["float_operations"] == []
    assert f"{100 * proof['measured']['agreement']:.2f} %" in PROOF.with_suffix(".html").read_text()


def test_the_record_is_the_run_that_the_card_names():
    metrics, card = json.loads((RECORD / "metrics.json").read_text()), read_model(SHIPPED).card
    assert (metrics["recipe"], metrics["seed"], metrics["data"]) == (card.name, card.seed, card.training_data)
    # The recipe as committed is the recipe as run.
    from train.recipe import load_recipe

    assert load_recipe(RECORD / "recipe.toml") == load_recipe("mien-small")


def test_it_is_the_conversion_of_the_float_model_of_record():
    shipped = Graph(read_model(SHIPPED).graph, "shipped")
    record = Graph(load_source(RECORD / "model.keras").graph, "record")
    ours = [o for o in shipped.operations if o.weights]
    theirs = [o for o in record.operations if o.weights]
    assert [o.layer for o in ours] == [o.layer for o in theirs]
    for a, b in zip(ours, theirs, strict=True):
        steps = np.reshape(np.array(a.weights.scales), (-1,) + (1,) * (len(a.weights.shape) - 1))
        assert (np.abs(a.weights.real_values() - b.weights.constant) <= 0.51 * steps).all()


def test_it_loses_at_most_a_third_of_a_point_and_answers_alike(fer2013):
    faces = read_faces(fer2013, ("PublicTest",))["PublicTest"]
    assert len(faces) == 3589
    source = load_source(RECORD / "model.keras")
    checked = check_file(SHIPPED)
    comparison = compare(checked.classifier, source.scores(faces.images), faces, "PublicTest")
    assert comparison.drop_points <= 0.3
    assert comparison.agreement >= 0.985
    assert comparison.after.accuracy >= 0.68
    # Kernels of another processor may round a code differently.
    measured = checked.model.card.measured
    assert comparison.after.accuracy == pytest.approx(measured["after"]["accuracy"], abs=0.003)
    assert comparison.agreement == pytest.approx(measured["agreement"], abs=0.003)


def test_the_calibration_can_be_drawn_again(fer2013):
    from convert.calibrate import representative_faces

    faces = read_faces(fer2013, ("Training", "PublicTest"))
    calibration, rows = read_model(SHIPPED).card.calibration, json.loads(PROOF.read_text())["calibration"]["rows"]
    if sha256_of(fer2013) != calibration["data"]["sha256"]:
        pytest.skip("another file of FER-2013 than the model was calibrated on")
    drawn = representative_faces(faces["Training"], calibration["samples"], calibration["seed"], faces["PublicTest"])
    assert drawn.rows.tolist() == rows
    assert drawn.as_dict()["rows_sha256"] == calibration["rows_sha256"]
