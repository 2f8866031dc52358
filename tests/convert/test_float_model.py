"""Every format in, every scheme out."""

import json

import numpy as np
import pytest

from convert.float_model import load_float_model
from edge.inference.classifier import Classifier
from edge.inference.flatbuffer import Graph
from edge.inference.model_card import read_model

LENIENT = ("--max-drop", 5, "--max-class-drop", 100, "--min-agreement", 80, "--min-above-chance", -100, "--samples", 70)


@pytest.fixture(scope="module")
def schemes(mien, cnn_run, made_csv, tmp_path_factory):
    folder = tmp_path_factory.mktemp("schemes")
    each = [part for name in ("int8", "float32", "float16", "dynamic", "int16x8") for part in ("--scheme", name)]
    done = mien("quantize", cnn_run / "model.keras", "--data", made_csv, "--out", folder, *each, *LENIENT,
                module="convert")  # fmt: skip
    assert done.code == 0, done.err
    return folder


def test_several_schemes_in_one_call(schemes):
    assert sorted(p.name for p in schemes.glob("*.tflite")) == [
        f"cnn-{scheme}.tflite" for scheme in ("dynamic", "float16", "float32", "int16x8", "int8")
    ]
    size = {p.stem.removeprefix("cnn-"): p.stat().st_size for p in schemes.glob("*.tflite")}
    assert size["int8"] < 0.3 * size["float32"]
    assert size["dynamic"] < 0.3 * size["float32"]
    assert size["int16x8"] < 0.3 * size["float32"]
    assert 0.45 * size["float32"] < size["float16"] < 0.55 * size["float32"]


def test_each_scheme_has_its_types(schemes):
    dtypes = {}
    for path in schemes.glob("*.tflite"):
        graph = Graph(read_model(path).graph, path.name)
        weights = {o.weights.dtype for o in graph.operations if o.weights}
        activations = {o.outputs[0].dtype for o in graph.operations if o.kind == "CONV_2D"}
        dtypes[path.stem.removeprefix("cnn-")] = (weights, activations)
    assert dtypes["int8"] == ({"INT8"}, {"INT8"})
    assert dtypes["int16x8"] == ({"INT8"}, {"INT16"})
    assert dtypes["dynamic"] == ({"INT8"}, {"FLOAT32"})
    assert dtypes["float32"] == ({"FLOAT32"}, {"FLOAT32"})
    # Its weights are float16, dequantized as the graph runs.
    graph = Graph(read_model(schemes / "cnn-float16.tflite").graph, "x")
    assert sum(o.kind == "DEQUANTIZE" and o.inputs[0].dtype == "FLOAT16" for o in graph.operations) >= 8
    assert Graph(read_model(schemes / "cnn-int16x8.tflite").graph, "x").float_tensors() == []


def test_int8_has_a_scale_a_channel_and_the_contracts_ends(schemes):
    graph = Graph(read_model(schemes / "cnn-int8.tflite").graph, "x")
    convolutions = [o for o in graph.operations if o.kind == "CONV_2D"]
    assert all(len(o.weights.scales) == o.weights.shape[0] for o in convolutions)
    assert (graph.outputs[0].scales, graph.outputs[0].zero_points) == ((1 / 256,), (-128,))


def test_every_scheme_runs_in_the_classifier_and_answers_alike(schemes, made_faces):
    images = made_faces["PublicTest"].images[:20]
    answers = {
        path.stem: np.array([Classifier(path).scores(image) for image in images]) for path in schemes.glob("*.tflite")
    }
    exact = answers.pop("cnn-float32")
    for scores in answers.values():
        assert np.abs(scores - exact).max() < 0.25
        assert np.abs(scores - exact).mean() < 0.03
    assert np.abs(answers["cnn-float16"] - exact).max() < 0.01


@pytest.fixture(scope="module")
def formats(keras, cnn_run, schemes, tmp_path_factory):
    folder = tmp_path_factory.mktemp("formats")
    model = keras.saving.load_model(cnn_run / "model.keras")
    model.save(folder / "model.h5")
    model.export(folder / "saved", verbose=False)
    (folder / "metrics.json").write_text((cnn_run / "metrics.json").read_text())
    return {
        "keras": cnn_run / "model.keras",
        "h5": folder / "model.h5",
        "SavedModel": folder / "saved",
        "tflite": schemes / "cnn-float32.tflite",
    }


@pytest.mark.filterwarnings("ignore:You are saving your model as an HDF5 file")
def test_schemes_that_need_no_set_are_given_none(mien, cnn_run, tmp_path):
    from tests.made_data import write_csv

    # Fewer faces than --samples, and none to fit.
    data = write_csv(tmp_path / "test.csv", 0, 70)
    done = mien("quantize", cnn_run / "model.keras", "--data", data, "--out", tmp_path / "x.tflite",
                "--scheme", "float16", "--version", 3, module="convert")  # fmt: skip
    assert done.code == 0, done.err
    assert read_model(tmp_path / "x.tflite").card.version == 3
    assert read_model(tmp_path / "x.tflite").card.calibration == {}


def test_a_foreign_model_of_another_size_and_range(keras, mien, made_csv, tmp_path):
    keras.utils.set_random_seed(0)
    pixels = keras.Input((64, 64, 1))
    x = keras.layers.Conv2D(4, 3, 2, activation="relu")(pixels)
    x = keras.layers.Dense(7, activation="softmax")(keras.layers.GlobalAveragePooling2D()(x))
    keras.Model(pixels, x).export(tmp_path / "saved", verbose=False)
    import tensorflow

    foreign = tmp_path / "foreign.tflite"
    foreign.write_bytes(tensorflow.lite.TFLiteConverter.from_saved_model(str(tmp_path / "saved")).convert())
    labels = ["angry", "disgust", "fear", "happy", "sad", "surprise", "neutral"]
    side = {
        "name": "foreign",
        "labels": labels,
        "input_shape": [1, 64, 64, 1],
        "input_range": [-1, 1],
        "resize": "linear",
    }
    foreign.with_suffix(".json").write_text(json.dumps(side))
    out = tmp_path / "foreign-int8.tflite"
    done = mien("quantize", foreign, "--data", made_csv, "--out", out, *LENIENT, module="convert")
    assert done.code == 0, done.err
    card = read_model(out).card
    assert (card.input_range, card.resize, card.input_shape) == ((-1, 1), "linear", (1, 64, 64, 1))
    graph = Graph(read_model(out).graph, "x")
    assert graph.float_tensors() == []
    assert graph.inputs[0].scales[0] == pytest.approx(2 / 255)
    done = mien("verify", out, "--data", made_csv, "--reference", foreign, *LENIENT[:-2], "--html", tmp_path / "p.html",
                module="convert")  # fmt: skip
    assert done.code == 0, done.err
    face = np.random.default_rng(0).integers(0, 256, (48, 48)).astype(np.uint8)
    assert Classifier(out).scores(face) == pytest.approx(Classifier(foreign).scores(face), abs=0.02)


@pytest.mark.long
def test_every_format_is_the_same_model(formats, made_faces):
    images = made_faces["PublicTest"].images[:20]
    sources = {kind: load_float_model(path) for kind, path in formats.items()}
    expected = sources["keras"].scores(images)
    for source in sources.values():
        assert source.labels == sources["keras"].labels
        assert source.scores(images) == pytest.approx(expected, abs=1e-4)
        assert source.graph_scores(images) == pytest.approx(expected, abs=1e-4)
        assert source.check_folding(images) < 1e-4


@pytest.mark.parametrize("kind", ["SavedModel", "tflite"])
def test_other_formats_are_quantized_as_well(mien, formats, made_csv, quantized, tmp_path, kind):
    out = tmp_path / "x.tflite"
    done = mien("quantize", formats[kind], "--data", made_csv, "--out", out, *LENIENT, module="convert")
    assert done.code == 0, done.err
    face = np.random.default_rng(5).integers(0, 256, (48, 48)).astype(np.uint8)
    assert np.array_equal(Classifier(out).scores(face), Classifier(quantized).scores(face))


def test_layers_that_are_asked_for_stay_in_float(mien, cnn_run, made_csv, tmp_path):
    out = tmp_path / "x.tflite"
    done = mien("quantize", cnn_run / "model.keras", "--data", made_csv, "--out", out, *LENIENT,
                "--keep-float", "logits", "--keep-float", "block1_conv1", module="convert")  # fmt: skip
    assert done.code == 0, done.err
    assert "float operations: " in done.out
    model = read_model(out)
    assert model.card.keep_float == ("logits", "block1_conv1")
    kept = {o.layer for o in Graph(model.graph, "x").operations if o.outputs[0].is_float and "QUANT" not in o.kind}
    assert kept == {"logits", "block1_conv1"}
    face = np.random.default_rng(5).integers(0, 256, (48, 48)).astype(np.uint8)
    assert Classifier(out).scores(face).sum() == pytest.approx(1, abs=0.02)


def test_a_layer_that_is_not_there(mien, cnn_run, made_csv, tmp_path):
    done = mien("quantize", cnn_run / "model.keras", "--data", made_csv, "--out", tmp_path / "x.tflite", *LENIENT,
                "--keep-float", "nonsense", module="convert")  # fmt: skip
    assert done.code == 1
    assert "no layer 'nonsense'" in done.error_line()
    assert "block1_conv1" in done.error_line()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.long
def test_a_detector_becomes_int8_and_still_finds_the_face(mien, weights, demo_clip, tmp_path):
    from edge.detection.weights import WEIGHTS
    from edge.system.cache import cache_folder

    out = tmp_path / "blazeface-int8.tflite"
    done = mien("quantize", cache_folder() / WEIGHTS["blazeface"].file, "--frames", demo_clip, "--samples", 12,
                "--out", out, module="convert")  # fmt: skip
    assert done.code == 0, done.err
    graph = Graph(out.read_bytes(), "x")
    # Float ends: it drops in where the float one was.
    assert [t.dtype for t in (*graph.inputs, *graph.outputs)] == ["FLOAT32"] * 3
    assert {o.outputs[0].dtype for o in graph.operations if o.weights} == {"INT8"}
    assert out.stat().st_size < (cache_folder() / WEIGHTS["blazeface"].file).stat().st_size
    assert json.loads(out.with_name("blazeface-int8-proof.json").read_text())["measured"] is None
    for detector in ("blazeface", f"blazeface:{out}"):
        report = tmp_path / "report.json"
        done = mien("run", "--source", demo_clip, "--detector", detector, "--report", report)
        assert done.code == 0, done.err
        assert json.loads(report.read_text())["faces"] >= 88
