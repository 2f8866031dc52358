"""Ordinary mistakes end in one line and exit status 1 or 2, and leave no partial files."""

import json
import os
import subprocess
import sys
import zipfile

import numpy as np
import pytest

from convert.float_model import load_float_model
from edge.errors import ModelError
from edge.inference.contract import FER2013_LABELS
from edge.inference.flatbuffer import Graph
from edge.inference.model_card import ModelCard, write_model
from tests.conftest import SHIPPED
from tests.made_data import write_csv


def save(model, path):
    model.save(path)
    return path


@pytest.mark.slow
def test_models_that_are_none(tmp_path):
    (tmp_path / "text.keras").write_text("no model")
    (tmp_path / "text.h5").write_text("no model")
    (tmp_path / "text.tflite").write_text("no model")
    (tmp_path / "folder").mkdir()
    for name, message in (
        ("none.keras", "no model at"),
        ("text.keras", "is not a model that Keras"),
        ("text.h5", "is not a model that Keras"),
        ("text.tflite", "is not a .tflite"),
        ("folder", "is not a SavedModel"),
    ):
        with pytest.raises(ModelError, match=message) as caught:
            load_float_model(tmp_path / name)
        assert "\n" not in str(caught.value)


def test_a_model_of_another_keras_major(keras, tmp_path):
    path = tmp_path / "old.keras"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("metadata.json", json.dumps({"keras_version": "2.15.0", "date_saved": "2023-01-01"}))
        archive.writestr("config.json", json.dumps({"module": "keras.src.engine.functional", "class_name": "Gone"}))
        archive.writestr("model.weights.h5", "")
    with pytest.raises(ModelError, match=r"was saved by Keras 2\.15\.0, this is Keras 3\.[^:]*: load it there"):
        load_float_model(path)


def test_shapes_that_do_not_fit(keras, tmp_path):
    pixels, other = keras.Input((48, 48, 1)), keras.Input((48, 48, 1))
    flat = keras.layers.Flatten()
    two = keras.Model([pixels, other], keras.layers.Dense(7)(flat(keras.layers.Add()([pixels, other]))))
    free = keras.Input((None, None, 1))
    dynamic = keras.Model(free, keras.layers.Dense(7)(keras.layers.GlobalAveragePooling2D()(free)))
    oblong, two_channels = (
        keras.Model(shape, keras.layers.Dense(7)(keras.layers.Flatten()(shape)))
        for shape in (keras.Input((48, 64, 1)), keras.Input((48, 48, 2)))
    )
    large = keras.Input((2000, 2000, 1))
    huge = keras.Model(large, keras.layers.Dense(7)(keras.layers.GlobalAveragePooling2D()(large)))
    for model, message in (
        (two, "has 2 inputs, 1 outputs: expected 1 and 1"),
        (dynamic, r"takes \(None, None, None, 1\): expected \(None, H, H, 1\) or \(None, H, H, 3\), square"),
        (oblong, r"takes \(None, 48, 64, 1\): expected \(None, H, H, 1\)"),
        (huge, r"takes \(None, 2000, 2000, 1\): expected .* of at most 1024 pixels"),
        (two_channels, r"takes \(None, 48, 48, 2\): expected \(None, H, H, 1\)"),
    ):
        with pytest.raises(ModelError, match=message):
            load_float_model(save(model, tmp_path / "x.keras"))


def test_weights_that_are_no_numbers(small_model, tmp_path):
    with pytest.raises(ModelError, match=r"has NaN or infinite weights in .*stem/kernel"):
        load_float_model(save(small_model(weights=np.nan), tmp_path / "nan.keras"))
    graph = Graph(load_float_model(save(small_model(), tmp_path / "x.keras")).graph, "x")
    weight = next(o.weights for o in graph.operations if o.weights)
    broken = np.full(weight.shape, np.inf, np.float32)
    graph.model.buffers[graph.main.tensors[weight.index].buffer].data = np.frombuffer(broken.tobytes(), np.uint8)
    path = tmp_path / "inf.tflite"
    write_model(path, graph.pack(), ModelCard(name="inf", labels=FER2013_LABELS, input_range=(0, 255)))
    with pytest.raises(ModelError, match="has NaN or infinite weights in"):
        load_float_model(path)


def test_layers_that_tflite_does_not_have(keras, tmp_path):
    pixels = keras.Input((48, 48, 1))

    class Eigen(keras.layers.Layer):
        def call(self, x):
            return keras.ops.eigh(x[..., 0])[0]

    scores = keras.layers.Softmax()(keras.layers.Dense(7)(Eigen()(pixels)))
    path = tmp_path / "odd"
    keras.Model(pixels, scores).export(path, verbose=False)
    with pytest.raises(ModelError, match="TensorFlow cannot convert") as caught:
        load_float_model(path)
    assert "\n" not in str(caught.value)


def test_a_model_that_answers_no_probabilities(keras, mien, made_csv, tmp_path):
    pixels = keras.Input((48, 48, 1))
    each = keras.layers.Dense(7, activation="sigmoid")
    save(keras.Model(pixels, each(keras.layers.Flatten()(pixels))), tmp_path / "x.keras")
    done = mien("quantize", tmp_path / "x.keras", "--data", made_csv, "--samples", 70,
                "--out", tmp_path / "o" / "x.tflite", module="convert")  # fmt: skip
    assert done.code == 1
    assert "are between 0 and 1, and do not sum to 1: expected logits or a softmax" in done.error_line()
    assert not (tmp_path / "o").exists()


def test_nothing_is_replaced_unasked(mien, quantized, cnn_run, made_csv, tmp_path):
    (tmp_path / "x-proof.json").write_text("mine")
    done = mien(
        "quantize", cnn_run / "model.keras", "--data", made_csv, "--out", tmp_path / "x.tflite", module="convert"
    )
    assert done.code == 2
    assert "x-proof.json exists" in done.error_line()
    done = mien("quantize", quantized, "--data", made_csv, "--out", quantized, "--force", module="convert")
    assert done.code == 2
    assert "is the model itself" in done.error_line()


def test_a_file_of_another_scheme_than_its_card_names(cnn_model, tmp_path):
    from convert.analysis.verification import check_file

    path = tmp_path / "x.tflite"
    for scheme, message in (("int8", "not full int8"), ("float16", "is not float16"), ("dynamic", "is not dynamic"),
                         ("banana", "expected one of int8")):  # fmt: skip
        write_model(path, cnn_model.graph, ModelCard("x", FER2013_LABELS, scheme=scheme, input_range=(0, 255)))
        with pytest.raises(ModelError, match=message):
            check_file(path)


def test_an_int8_graph_with_float_input_and_output_is_not_int8(cnn_model, tmp_path):
    """Other tools call this int8."""
    from convert.analysis.activation_ranges import activation_ranges
    from convert.analysis.verification import check_file
    from convert.quantization import quantize_graph

    runs = [[np.random.default_rng(0).uniform(0, 255, (1, 48, 48, 1)).astype(np.float32)]]
    ranges = activation_ranges(cnn_model.graph, lambda: iter(runs), 1, (0.0, 255.0))
    body = quantize_graph(cnn_model.graph, "int8", ranges, io_types="float32")
    path = tmp_path / "x.tflite"
    write_model(path, body, ModelCard("x", FER2013_LABELS, scheme="int8", input_range=(0, 255)))
    with pytest.raises(ModelError, match=r"is not full int8: 2 operations are float: .*QUANTIZE"):
        check_file(path)


def test_a_file_that_is_quantized_already():
    with pytest.raises(ModelError, match="is quantized already"):
        load_float_model(SHIPPED)


def test_eight_outputs_and_seven_labels(mien, small_model, made_csv, tmp_path):
    path = save(small_model(8), tmp_path / "eight.keras")
    done = mien("quantize", path, "--data", made_csv, "--out", tmp_path / "o" / "x.tflite", "--samples", 70,
                module="convert")  # fmt: skip
    assert done.code == 1
    assert "has 8 classes" in done.error_line()
    assert "has 7" in done.error_line()
    (tmp_path / "metrics.json").write_text(json.dumps({"labels": FER2013_LABELS}))
    with pytest.raises(ModelError, match="has 8 classes, expected 7"):
        load_float_model(path)
    assert not (tmp_path / "o").exists()


def test_representative_sets_that_cannot_be(mien, small_model, tmp_path):
    path = save(small_model(), tmp_path / "x.keras")
    one = tmp_path / "one.csv"
    lines = write_csv(tmp_path / "all.csv").read_text().splitlines()
    one.write_text(
        "\n".join([lines[0], *(x for x in lines[1:] if x.startswith("3,") or x.endswith("PublicTest"))]) + "\n"
    )
    empty, small, black = tmp_path / "empty.csv", tmp_path / "small.csv", tmp_path / "black.csv"
    empty.write_text("\n".join([lines[0], *(x for x in lines[1:] if x.endswith("PublicTest"))]) + "\n")
    small.write_text(f"{lines[0]}\n0,1 2 3,Training\n1,1 2 3,PublicTest\n")
    dark = " ".join(["0"] * 2304)
    black.write_text(
        "\n".join([lines[0], *(f"{i % 7},{dark},{s}" for s in ("Training", "PublicTest") for i in range(70))])
    )
    for data, message in (
        (one, "all 30 faces of Training are happy"),
        (empty, "has no Training faces"),
        (small, "3 pixels: expected 2304"),
        (black, "one flat gray"),
    ):
        done = mien("quantize", path, "--data", data, "--out", tmp_path / "out" / "x.tflite", "--samples", 14,
                    module="convert")  # fmt: skip
        assert done.code == 1
        assert message in done.error_line()
    assert not (tmp_path / "out").exists()


def test_a_set_that_overlaps_the_scored_split_is_rejected(mien, small_model, tmp_path):
    rows = write_csv(tmp_path / "a.csv").read_text().splitlines()
    training = [row for row in rows if row.endswith("Training")]
    (tmp_path / "b.csv").write_text(
        "\n".join([rows[0], *training, *(r.replace("Training", "PublicTest") for r in training)])
    )
    done = mien("quantize", save(small_model(), tmp_path / "x.keras"), "--data", tmp_path / "b.csv", "--out",
                tmp_path / "o.tflite", "--samples", 70, module="convert")  # fmt: skip
    assert done.code == 1
    assert "210 of 210 faces of Training are also in the split to score on" in done.error_line()


def test_wrong_use_of_schemes_and_sets(mien, cnn_run, made_csv, tmp_path):
    model = cnn_run / "model.keras"
    (tmp_path / "folder.tflite").mkdir()
    for arguments, message in (
        (("--out", tmp_path / "x.tflite"), "give either --data"),
        (("--out", tmp_path / "x.tflite", "--data", made_csv, "--frames", made_csv), "give either --data"),
        (
            ("--out", tmp_path / "x.tflite", "--data", made_csv, "--scheme", "int8", "--scheme", "float16"),
            "give a folder",
        ),
        (("--out", tmp_path / "folder.tflite", "--data", made_csv), "is a folder"),
        (("--out", model, "--data", made_csv), "is not a folder"),
        (("--out", tmp_path / "x.tflite", "--data", made_csv, "--scheme", "int4"), "int4"),
        (("--out", tmp_path / "x.tflite", "--frames", made_csv), "is not a network for whole RGB frames"),
    ):
        done = mien("quantize", model, *arguments, module="convert")
        assert done.code == 2, arguments
        assert message in done.err.strip().splitlines()[-1]
    assert [p.name for p in tmp_path.iterdir()] == ["folder.tflite"]


def test_a_detector_is_not_scored_on_faces(mien, weights, made_csv, tmp_path):
    from edge.detection.weights import WEIGHTS
    from edge.system.cache import cache_folder

    done = mien("quantize", cache_folder() / WEIGHTS["blazeface-short"].file, "--data", made_csv, "--out",
                tmp_path / "x.tflite", module="convert")  # fmt: skip
    assert done.code == 2
    assert "is not a classifier of faces with labels" in done.error_line()


@pytest.mark.long
def test_a_disk_that_is_full_half_way_leaves_nothing(cnn_run, made_csv, tmp_path):
    """A real, tiny file system: the model fits, its second writing does not."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=300k", "tmpfs", str(disk)]
    if os.geteuid() or subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("cannot mount a small file system here: run as root")
    try:
        command = [sys.executable, "-m", "convert", "quantize", str(cnn_run / "model.keras"), "--data", str(made_csv),
                   "--out", str(disk / "x.tflite"), "--samples", "70"]  # fmt: skip
        done = subprocess.run(command, capture_output=True, text=True)
        assert done.returncode == 1
        assert done.stderr.strip().count("\n") == 0
        assert "No space left on device" in done.stderr
        assert list(disk.iterdir()) == []
    finally:
        subprocess.run(["umount", str(disk)], check=True)
