"""Networks that return logits, as tutorials with `from_logits=True` have them."""

import json

import numpy as np
import pytest

from convert.float_model import load_float_model
from edge.datasets import load_dataset
from edge.inference.flatbuffer import Graph

LENIENT = ("--max-drop", 100, "--max-class-drop", 100, "--min-agreement", 0, "--min-above-chance", -100,
           "--samples", 70)  # fmt: skip


@pytest.fixture(scope="module")
def networks(keras, small_model, tmp_path_factory):
    """The same network with a softmax and without, as .keras and SavedModel."""
    folder = tmp_path_factory.mktemp("networks")
    probabilities = small_model()
    logits = keras.Model(probabilities.inputs, probabilities.get_layer("logits").output, name="logits")
    sequential = keras.Sequential([*(layer for layer in probabilities.layers if layer.name != "softmax")])
    probabilities.save(folder / "probabilities.keras")
    logits.save(folder / "logits.keras")
    sequential.save(folder / "sequential.keras")
    logits.export(folder / "saved", verbose=False)
    nested = keras.Model(inputs := keras.Input((48, 48, 1)), logits(inputs))
    nested.save(folder / "nested.keras")
    return folder


@pytest.mark.slow
@pytest.mark.parametrize("name", ["logits.keras", "sequential.keras", "nested.keras", "saved"])
def test_a_softmax_is_added_to_logits(networks, made_csv, name):
    images = load_dataset(made_csv, ("PublicTest",))["PublicTest"].images[:20]
    expected = load_float_model(networks / "probabilities.keras").scores(images)
    model = load_float_model(networks / name)
    assert model.scores(images) == pytest.approx(expected, abs=1e-5)
    assert model.graph_scores(images) == pytest.approx(expected, abs=1e-4)
    assert model.check_folding(images) < 1e-4
    assert [o.kind for o in Graph(model.graph, name).operations].count("SOFTMAX") == 1


@pytest.mark.slow
def test_logits_become_int8_and_are_scored(mien, networks, made_csv, tmp_path):
    int8 = tmp_path / "int8.tflite"
    done = mien("quantize", networks / "logits.keras", "--data", made_csv, "--out", int8, *LENIENT, module="convert")
    assert done.code == 0, done.err
    figures = {}
    for name in ("logits.keras", "probabilities.keras", "saved"):
        out = tmp_path / name
        done = mien("evaluate", networks / name, "--data", made_csv, "--out", out, module="train")
        assert done.code == 0, done.err
        figures[name] = json.loads((out / "metrics.json").read_text())["calibration"]["ece"]
    assert figures["logits.keras"] == pytest.approx(figures["probabilities.keras"], abs=1e-6)
    assert figures["saved"] == pytest.approx(figures["probabilities.keras"], abs=1e-6)


@pytest.mark.slow
def test_a_network_with_a_softmax_stays_as_it_is(networks):
    from train.models.keras_files import load_keras_model
    from train.models.probabilities import softmax, with_probabilities

    path = networks / "probabilities.keras"
    model = load_keras_model(path)
    assert with_probabilities(model, path) is model
    logits = np.array([[1000.0, 999.0], [-1000.0, -1000.0]], np.float32)
    assert softmax(logits) == pytest.approx(np.array([[0.7310586, 0.2689414], [0.5, 0.5]]))
