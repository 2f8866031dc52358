"""What ships, each against its float model of record and the real faces."""

import json

import numpy as np
import pytest

from convert.analysis.verification import check_file, compare
from convert.float_model import load_float_model
from edge.datasets import load_dataset
from edge.inference.flatbuffer import Graph
from edge.inference.model_card import read_model
from edge.inference.shipped_models import shipped_models
from edge.system.hashing import sha256_of
from tests.commands import forget_keras_state
from tests.conftest import ROOT

#: At least, on PublicTest: accuracy in int8, share of faces with the same answer as in float, lowest recall.
FLOORS = {
    "mien-pico-int8": (0.64, 0.97, 0.35),
    "mien-nano-int8": (0.67, 0.98, 0.4),
    "mien-small-int8": (0.698, 0.985, 0.4),
    # Their labels are those of FER+, and these are FER-2013's.
    "mien-nano-ferplus-int8": (0.58, 0.985, 0.06),
    "mien-small-ferplus-int8": (0.585, 0.985, 0.07),
}


@pytest.fixture(params=shipped_models(), ids=lambda path: path.stem)
def shipped(request):
    return request.param


@pytest.fixture
def float_model(record):
    """Its float model, and none of the memory that it took once the test has ended."""
    yield load_float_model(record / "model.keras")
    forget_keras_state()


@pytest.fixture
def record(shipped):
    """Its run of record."""
    return ROOT / "train" / "records" / shipped.stem.removesuffix("-int8")


@pytest.fixture
def proof(shipped):
    return ROOT / "docs" / "proofs" / f"{shipped.stem}-proof.json"


def test_the_shipped_file_keeps_the_contract(shipped):
    checked = check_file(shipped)
    assert checked.model.card.scheme == "int8"
    assert checked.graph.float_tensors() == []
    assert {t.dtype for t in checked.graph.tensors} == {"UINT8", "INT8", "INT32"}


def test_its_proof_is_of_this_very_file(shipped, proof, record):
    page, proof, card = proof.with_suffix(".html"), json.loads(proof.read_text()), read_model(shipped).card
    assert proof["model"] == card.identity
    assert proof["passed"]
    assert proof["file"]["card"]["graph_sha256"] == card.graph_sha256
    assert proof["sha256"] == sha256_of(shipped)
    assert proof["source_sha256"] == sha256_of(record / "model.keras")
    # Measured again, on another processor: the float model's scores differ in the last bits.
    for name in ("mean_change", "worst_change"):
        assert proof["measured"].pop(name) == pytest.approx(card.measured[name], rel=1e-4)
    assert proof["measured"].items() <= card.measured.items()
    # No significant loss.
    lost = proof["measured"]["before"]["accuracy"] - proof["measured"]["after"]["accuracy"]
    assert lost <= 0 or not proof["significance"]["mcnemar_p"] < 0.05
    assert proof["file"]["float_operations"] == []
    assert f"{100 * proof['measured']['agreement']:.2f} %" in page.read_text()


def test_the_record_is_the_run_that_the_card_names(shipped, record):
    metrics, card = json.loads((record / "metrics.json").read_text()), read_model(shipped).card
    assert (metrics["recipe"], metrics["seed"], metrics["data"]) == (card.name, card.seed, card.training_data)
    # The recipe as committed is the recipe as run.
    from train.recipes.schema import load_recipe

    assert load_recipe(record / "recipe.toml") == load_recipe(record.name)


@pytest.mark.long
def test_it_is_the_conversion_of_the_float_model_of_record(shipped, float_model):
    int8 = Graph(read_model(shipped).graph, "int8")
    float32 = Graph(float_model.graph, "float32")
    ours = [o for o in int8.operations if o.weights]
    theirs = [o for o in float32.operations if o.weights]
    assert [o.layer for o in ours] == [o.layer for o in theirs]
    for a, b in zip(ours, theirs, strict=True):
        steps = np.reshape(np.array(a.weights.scales), (-1,) + (1,) * (len(a.weights.shape) - 1))
        assert (np.abs(a.weights.real_values() - b.weights.constant) <= 0.51 * steps).all()


@pytest.fixture(scope="module")
def splits(fer2013):
    """The real data, read once: that takes most of the time of the tests that need it."""
    return load_dataset(fer2013, ("Training", "PublicTest"))


def test_it_loses_at_most_a_third_of_a_point_and_answers_alike(shipped, float_model, splits):
    faces = splits["PublicTest"]
    assert len(faces) == 3589
    checked = check_file(shipped)
    comparison = compare(checked.classifier, float_model.scores(faces.images), faces, "PublicTest")
    accuracy, agreement, lowest_recall = FLOORS[shipped.stem]
    assert comparison.drop_points <= 0.3
    assert comparison.agreement >= agreement
    assert comparison.after.accuracy >= accuracy
    assert min(comparison.after.recall.values()) >= lowest_recall
    # Kernels of another processor may round a code differently.
    measured = checked.model.card.measured
    assert comparison.after.accuracy == pytest.approx(measured["after"]["accuracy"], abs=0.003)
    assert comparison.agreement == pytest.approx(measured["agreement"], abs=0.003)


def test_the_calibration_can_be_drawn_again(shipped, fer2013_as_distributed, splits):
    from convert.calibration import representative_faces

    calibration = read_model(shipped).card.calibration
    if sha256_of(fer2013_as_distributed) != calibration["data"]["sha256"]:
        pytest.skip("another file of FER-2013 than the model was calibrated on")
    drawn = representative_faces(splits["Training"], calibration["samples"], calibration["seed"], splits["PublicTest"])
    assert drawn.as_dict()["rows_sha256"] == calibration["rows_sha256"]
