"""Which quantizer and which ranges are taken."""

import json

import numpy as np
import pytest

import convert.range_choice as range_choice
from convert.analysis.activation_ranges import activation_ranges, percentile_range
from convert.calibration import network_inputs
from convert.float_model import load_float_model
from convert.range_choice import AI_EDGE, TENSORFLOW, choose_quantization
from convert.schemes import ESTIMATORS
from edge.errors import ModelError
from edge.inference.flatbuffer import Graph
from edge.inference.model_card import read_model

PIXELS = (0.0, 255.0)


def network(keras, activation):
    keras.utils.set_random_seed(0)
    pixels = keras.Input((48, 48, 1))
    x = keras.layers.Conv2D(8, 3, 2)(keras.layers.Rescaling(1 / 255)(pixels))
    x = keras.layers.Conv2D(8, 3, 2)(activation(x))
    x = keras.layers.GlobalAveragePooling2D()(activation(x))
    # As far apart as the scores of a trained network.
    wide = keras.initializers.RandomNormal(stddev=5.0)
    return keras.Model(pixels, keras.layers.Dense(7, activation="softmax", kernel_initializer=wide)(x))


def ranges_of(graph, images, added=0):
    return activation_ranges(graph, lambda: network_inputs(images, PIXELS), len(images), PIXELS, added=added)


def test_each_estimator_has_a_range_of_its_own(cnn_model, made_faces):
    images = np.concatenate([made_faces["Training"].images[:20], np.zeros((1, 48, 48), np.uint8)])
    images = np.concatenate([images, np.full((1, 48, 48), 255, np.uint8)])
    ranges = ranges_of(cnn_model.graph, images, added=2)
    assert ranges["pixels"].estimates == {}
    first = next(span for name, span in ranges.items() if name != "pixels")
    assert list(first.estimates) == list(ESTIMATORS)
    for span in (span for span in ranges.values() if span.estimates):
        found = {name: span.by(name) for name in ESTIMATORS}
        assert (found["mse"].low, found["mse"].high) == (span.low, span.high)
        assert (found["min-max"].low, found["min-max"].high) == (span.observed_low, span.observed_high)
        for name, estimated in found.items():
            assert span.observed_low <= estimated.low <= estimated.high <= span.observed_high, name
        assert found["average"].high <= found["min-max-drawn"].high + 1e-6
    # The white image alone reaches this far.
    assert any(span.by("min-max-drawn").high < span.observed_high for span in ranges.values() if span.estimates)


def test_a_percentile_leaves_out_one_in_ten_thousand():
    counts = np.full(2000, 100.0)
    assert percentile_range(counts, 0.0, 2.0) == pytest.approx((0.0, 2.0), abs=0.002)
    counts[1500:] = 0
    counts[-1] = 1
    assert percentile_range(counts, 0.0, 2.0)[1] == pytest.approx(1.5, abs=0.002)
    assert percentile_range(np.zeros(10), 1.0, 1.0) == (1.0, 1.0)


def test_operators_that_one_quantizer_lacks_are_quantized_by_the_other(keras, made_faces, tmp_path):
    for name, activation in (
        ("leaky_relu", keras.layers.LeakyReLU(0.1)),
        ("elu", keras.layers.Activation("elu")),
        ("mish", keras.layers.Activation("mish")),
    ):
        network(keras, activation).save(tmp_path / f"{name}.keras")
        source = load_float_model(tmp_path / f"{name}.keras")
        images, others = made_faces["Training"].images[:40], made_faces["PublicTest"].images
        answers = source.scores(others).argmax(axis=1)
        choice = choose_quantization(source.graph, ranges_of(source.graph, images), others, answers)
        assert choice.tried[0].quantizer == AI_EDGE
        assert choice.tried[0].float_layers
        assert choice.chosen.quantizer == TENSORFLOW
        graph = Graph(choice.chosen.graph, name)
        assert graph.float_tensors() == []
        assert (graph.inputs[0].dtype, graph.inputs[0].scales, graph.inputs[0].zero_points) == ("UINT8", (1.0,), (0,))
        assert choice.chosen.agreement > 0.9


def test_the_default_is_kept_unless_another_is_significantly_better(cnn_model, made_faces, monkeypatch):
    images, others = made_faces["Training"].images[:40], made_faces["PublicTest"].images
    ranges, answers = ranges_of(cnn_model.graph, images), cnn_model.scores(others).argmax(axis=1)
    choice = choose_quantization(cnn_model.graph, ranges, others, answers)
    assert (choice.chosen.quantizer, choice.chosen.estimator) == (AI_EDGE, "mse")
    # Ranges that clip nearly everything.
    spoiled = {
        name: span.by("mse") if not span.estimates
        else type(span)(span.low / 50, span.high / 50, span.observed_low, span.observed_high,
                        {**span.estimates, "mse": (span.low / 50, span.high / 50)})
        for name, span in ranges.items()
    }  # fmt: skip
    monkeypatch.setattr(range_choice, "_GOOD_ENOUGH", 1.1)
    choice = choose_quantization(cnn_model.graph, spoiled, others, answers)
    assert choice.chosen.estimator != "mse"
    assert [candidate.estimator for candidate in choice.tried] == list(ESTIMATORS)
    assert choice.chosen.agreement > choice.tried[0].agreement
    assert choose_quantization(cnn_model.graph, spoiled, others, answers, estimator="mse").chosen.estimator == "mse"


def test_layers_that_neither_has_are_named(keras, tensorflow, mien, made_csv, tmp_path):
    keras.utils.set_random_seed(0)
    pixels = keras.Input((48, 48, 1))
    x = keras.layers.Conv2D(8, 3, 2)(keras.layers.Rescaling(1 / 255)(pixels))
    x = keras.layers.GlobalAveragePooling2D()(keras.ops.sin(x))
    keras.Model(pixels, keras.layers.Dense(7, activation="softmax")(x)).save(tmp_path / "wave.keras")
    done = mien("quantize", tmp_path / "wave.keras", "--data", made_csv, "--out", tmp_path / "x.tflite",
                "--samples", 70, "--min-above-chance", -100, module="convert")  # fmt: skip
    assert done.code == 1
    line = done.error_line()
    assert "neither ai-edge-quantizer nor TensorFlow has 1 layers of" in line
    assert "in int8: give --keep-float " in line
    assert not (tmp_path / "x.tflite").exists()


def test_the_card_and_the_proof_state_the_choice(quantized):
    calibration = read_model(quantized).card.calibration
    assert (calibration["quantizer"], calibration["ranges"]) == (AI_EDGE, "mse")
    assert "tried" not in calibration
    proof = json.loads(quantized.with_name("cnn-int8-proof.json").read_text())
    assert proof["calibration"]["tried"][0] == {
        "quantizer": AI_EDGE, "ranges": "mse", "float_layers": 0,
        "agreement": proof["calibration"]["tried"][0]["agreement"], "n": proof["calibration"]["tried"][0]["n"],
    }  # fmt: skip
    page = quantized.with_name("cnn-int8-proof.html").read_text()
    assert "Quantized by ai-edge-quantizer, ranges of the activations by <code>mse</code>" in page
    assert "% by <code>mse</code> of ai-edge-quantizer" in page


def test_a_named_estimator_is_used(mien, cnn_run, made_csv, tmp_path):
    out = tmp_path / "x.tflite"
    done = mien("quantize", cnn_run / "model.keras", "--data", made_csv, "--out", out, "--samples", 70, "--ranges",
                "min-max", "--max-drop", 100, "--max-class-drop", 100, "--min-agreement", 0, "--min-above-chance", -100,
                module="convert")  # fmt: skip
    assert done.code == 0, done.err
    assert read_model(out).card.calibration["ranges"] == "min-max"


def test_a_graph_that_cannot_be_quantized_is_an_error_of_the_first_quantizer(cnn_model, made_faces):
    with pytest.raises(ModelError, match="there is no layer 'absent' to keep in float"):
        choose_quantization(
            cnn_model.graph, {}, made_faces["PublicTest"].images, np.zeros(1, np.int64), keep_float=("absent",)
        )
