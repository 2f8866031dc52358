"""fit, quantize, verify and run, one after the other, as a user calls them."""

import json
import shutil
from dataclasses import replace

import numpy as np
import pytest

from convert.analysis.verification import check_file
from edge.errors import ModelError
from edge.inference.classifier import Classifier
from edge.inference.contract import FER2013_LABELS
from edge.inference.model_card import ModelCard, read_model, write_model
from tests.commands import run_mien
from tests.conftest import SHIPPED
from tests.made_data import draw_face


def test_the_file_is_int8_throughout_and_keeps_the_contract(quantized):
    checked = check_file(quantized)
    assert {tensor.dtype for tensor in checked.graph.tensors} <= {"UINT8", "INT8", "INT32"}
    assert len(checked.graph.tensors) > 20
    assert checked.graph.outputs[0].dtype == "INT8"
    card = checked.model.card
    assert card.identity == "cnn-int8@1"
    assert card.labels == FER2013_LABELS
    assert card.calibration["samples"] == 70
    assert card.measured["n"] == 70
    assert card.measured["agreement"] > 0.9
    assert card.training_data["name"] == "fer2013.csv.bz2"
    assert [p.name for p in quantized.parent.iterdir() if p.name.startswith(".")] == []


def test_it_reads_drawn_faces(quantized):
    classifier = Classifier(quantized)
    random = np.random.default_rng(99)
    right = [
        classifier.labels[classifier.scores(draw_face(label, random)).argmax()] == label
        for label in FER2013_LABELS
        for _ in range(10)
    ]
    assert np.mean(right) > 0.5


def test_verify_proves_it(mien, quantized, cnn_run, made_csv, tmp_path):
    done = mien("verify", quantized, "--data", made_csv, "--reference", cnn_run / "model.keras",
                "--max-drop", 5, "--max-class-drop", 50, "--min-agreement", 80,
                "--min-above-chance", -100, "--json", tmp_path / "proof.json",
                module="convert")  # fmt: skip
    assert done.code == 0, done.err
    assert "0 float tensors" in done.out
    proof = json.loads((tmp_path / "proof.json").read_text())
    assert proof["measured"] == read_model(quantized).card.measured
    done = mien("verify", quantized, "--data", made_csv, "--reference", cnn_run / "model.keras", "--limit", 14,
                "--max-drop", 100, "--max-class-drop", 100, "--min-agreement", 0, "--min-above-chance", -100,
                "--json", "-", module="convert")  # fmt: skip
    assert json.loads(done.out)["measured"]["n"] == 14, done.err


def test_the_loop_runs_on_it(mien, quantized, demo_clip, weights):
    done = mien("run", "--model", quantized, "--source", demo_clip, "--max-frames", 5)
    assert done.code == 0, done.err
    assert "+ face 1" in done.out


def test_the_same_run_converts_to_the_same_file(mien, quantized, cnn_run, made_csv, tmp_path):
    again = tmp_path / "again.tflite"
    done = mien("quantize", cnn_run / "model.keras", "--data", made_csv, "--out", again, "--samples", 70,
                "--max-drop", 5, "--max-class-drop", 50, "--min-agreement", 80,
                "--min-above-chance", -100, module="convert")  # fmt: skip
    assert done.code == 0, done.err
    assert again.read_bytes() == quantized.read_bytes()


def test_wrong_use_of_quantize(mien, cnn_run, quantized, made_csv, tmp_path):
    for arguments, message in (
        (("--out", quantized), "exists: give another --out, or --force"),
        (("--out", tmp_path / "x.txt"), "does not end in .tflite"),
        (("--out", tmp_path / "x.tflite", "--split", "Training"), "calibrated on"),
        (("--out", tmp_path / "x.tflite", "--samples", 3), "fewer than the 7 classes"),
    ):
        done = mien("quantize", cnn_run / "model.keras", "--data", made_csv, *arguments, module="convert")
        assert done.code == 2
        assert message in done.err.strip().splitlines()[-1]
    done = mien("quantize", tmp_path / "none.keras", "--data", made_csv, "--out", tmp_path / "x.tflite",
                module="convert")  # fmt: skip
    assert done.code == 1
    assert "no model at" in done.error_line()
    assert list(tmp_path.iterdir()) == []


@pytest.fixture(scope="module")
def float_model(keras, tensorflow, cnn_run, tmp_path_factory):
    """A float .tflite of the same network, as a stranger would have it."""
    model = keras.saving.load_model(cnn_run / "model.keras")
    folder = tmp_path_factory.mktemp("float")
    spec = tensorflow.TensorSpec((1, 48, 48, 1), tensorflow.float32)
    model.export(folder / "saved", format="tf_saved_model", verbose=False, input_signature=[spec])
    path = folder / "float.tflite"
    path.write_bytes(tensorflow.lite.TFLiteConverter.from_saved_model(str(folder / "saved")).convert())
    return path


def test_a_float_model_that_claims_int8_fails_verification(float_model, tmp_path, mien, cnn_run, made_csv):
    path = tmp_path / "f.tflite"
    card = ModelCard(name="f", labels=FER2013_LABELS, scheme="int8")
    write_model(path, float_model.read_bytes(), card)
    with pytest.raises(ModelError, match=r"is not full int8: \d+ operations are float"):
        check_file(path)
    done = mien("verify", path, "--data", made_csv, "--reference", cnn_run / "model.keras", module="convert")
    assert done.code == 1
    assert "is not full int8" in done.error_line()
    # Whatever the card claims: without an input_range the input is the contract's.
    write_model(path, float_model.read_bytes(), replace(card, scheme="float32"))
    with pytest.raises(ModelError, match="expected uint8"):
        check_file(path)


def test_a_foreign_float_model_runs_with_a_card_beside_it(keras, float_model, cnn_run, tmp_path):
    path = tmp_path / "foreign.tflite"
    shutil.copy(float_model, path)
    side = {"name": "foreign", "labels": FER2013_LABELS, "input_shape": [1, 48, 48, 1], "input_range": [0, 255]}
    path.with_suffix(".json").write_text(json.dumps(side))
    face = draw_face("happy", np.random.default_rng(0))
    model = keras.saving.load_model(cnn_run / "model.keras")
    expected = np.asarray(model(face[None, :, :, None].astype(np.float32)))[0]
    assert Classifier(path).scores(face) == pytest.approx(expected, abs=1e-4)


def test_a_damaged_file_fails_verification(mien, cnn_run, made_csv, tmp_path):
    path = tmp_path / "m.tflite"
    whole = SHIPPED.read_bytes()
    path.write_bytes(whole[:5000] + b"\x00\x01\x02" + whole[5003:])
    done = mien("verify", path, "--data", made_csv, "--reference", cnn_run / "model.keras", module="convert")
    assert done.code == 1
    assert "is damaged" in done.error_line()


@pytest.fixture(scope="module")
def real_faces(fer2013, tmp_path_factory):
    """The first 512 faces of the real Training and the first 256 of PublicTest."""
    path, left = tmp_path_factory.mktemp("real") / "fer2013.csv", {"Training": 512, "PublicTest": 256}
    with fer2013.open() as stream, path.open("w") as out:
        out.write(next(stream))
        for line in stream:
            usage = line.rstrip().rpartition(",")[2]
            if left.get(usage):
                left[usage] -= 1
                out.write(line)
    return path


@pytest.mark.long
@pytest.mark.timeout(900)
def test_the_whole_chain_on_real_faces(real_faces, demo_clip, tmp_path, weights):
    """In processes of their own, as a user runs them."""
    model, tflite = tmp_path / "cnn" / "model.keras", tmp_path / "cnn-int8.tflite"
    limits = ("--max-drop", 5, "--max-class-drop", 100, "--min-agreement", 85, "--min-above-chance", -100)
    for module, arguments in (
        ("train", ("fit", "--arch", "cnn", "--epochs", 1, "--data", real_faces, "--out", model.parent)),
        ("convert", ("quantize", model, "--data", real_faces, "--samples", 140, *limits, "--out", tflite)),
        ("convert", ("verify", tflite, "--data", real_faces, *limits, "--reference", model)),
        ("edge", ("run", "--model", tflite, "--source", demo_clip, "--max-frames", 5)),
    ):
        done = run_mien(*arguments, module=module)
        assert done.code == 0, done.err
