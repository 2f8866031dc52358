import json
import zipfile
from contextlib import suppress

import numpy as np
import pytest

from edge.errors import CardError, ModelError
from edge.inference.contract import FER2013_LABELS
from edge.inference.model_card import ModelCard, read_model, write_model
from tests.conftest import SHIPPED

GRAPH = b"\x1c\x00\x00\x00TFL3" + bytes(range(256))


@pytest.fixture
def model(tmp_path):
    path = tmp_path / "m.tflite"
    write_model(path, GRAPH, ModelCard(name="m", labels=FER2013_LABELS, scheme="int8", seed=3))
    return path


def test_a_card_is_read_back_as_it_was_written(model):
    read = read_model(model)
    assert read.graph == GRAPH
    assert read.card.identity == "m-int8@1"
    assert read.card.labels == FER2013_LABELS
    assert read.card.seed == 3


def test_labels_and_card_are_associated_files_that_unzip_reads(model):
    with zipfile.ZipFile(model) as archive:
        assert archive.read("labels.txt").decode().split() == list(FER2013_LABELS)
        assert json.loads(archive.read("model_card.json"))["name"] == "m"


def test_the_same_input_gives_the_same_bytes(model, tmp_path):
    other = tmp_path / "n.tflite"
    write_model(other, GRAPH, read_model(model).card)
    assert other.read_bytes() == model.read_bytes()


def test_flipped_bytes_and_truncation_are_detected(model):
    whole = model.read_bytes()
    for i in range(0, len(GRAPH), 7):
        model.write_bytes(whole[:i] + bytes([whole[i] ^ 0xFF]) + whole[i + 1 :])
        with pytest.raises(ModelError, match=r"damaged|not a \.tflite"):
            read_model(model)
    random = np.random.default_rng(0)
    for _ in range(300):
        damaged = bytearray(whole)
        damaged[int(random.integers(len(whole)))] ^= int(random.integers(1, 256))
        model.write_bytes(damaged)
        # A changed letter in the text of the card may go undetected; only other errors are not allowed.
        with suppress(ModelError):
            read_model(model)
    for n in range(0, len(whole), 37):
        model.write_bytes(whole[:n])
        with pytest.raises(ModelError):
            read_model(model)


def test_a_foreign_model_uses_the_card_beside_it(tmp_path):
    path = tmp_path / "foreign.tflite"
    path.write_bytes(GRAPH)
    with pytest.raises(CardError, match=r"has no model card.*foreign\.json"):
        read_model(path)
    side = {"name": "f", "labels": ["sad", "happy"], "input_shape": [1, 64, 64, 1], "input_range": [0, 1]}
    (tmp_path / "foreign.json").write_text(json.dumps(side))
    card = read_model(path).card
    assert card.labels == ("sad", "happy")
    assert card.input_range == (0, 1)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "is not valid JSON"),
        ("[]", "is not a JSON object"),
        ("{}", "lacks a name or labels"),
        ('{"name": "x", "labels": ["a"]}', "lacks a name or labels"),
        ('{"name": "x", "labels": ["a", "a"]}', "expected strings, each only once"),
        ('{"name": "x", "labels": ["a", "b"], "input_shape": [1, -1, 48, 1]}', r"expected \[1, H, W, C\]"),
        ('{"name": "x", "labels": ["a", "b"], "input_range": [1]}', r"expected \[low, high\]"),
        ('{"name": "x", "labels": ["a", "b"], "crop_margin": 9}', "expected a fraction"),
        ('{"name": "x", "labels": ["a", "b"], "resize": "cubic"}', "expected one of area, linear, nearest"),
        ('{"name": "x", "labels": ["a", "b"], "input_range": [1, 1]}', "expected the low end first"),
        ('{"name": "x", "labels": ["a", "b"], "licence": null}', "expected a string"),
        ('{"name": "x", "labels": ["a", "b"], "calibration": 7}', "expected an object"),
        ('{"name": "x", "labels": ["a", "b"], "keep_float": "logits"}', "expected a list of layer names"),
        ('{"name": "x", "labels": ["a", "b"], "input_shape": null}', r"expected \[1, H, W, C\]"),
        ('{"name": "x", "labels": ["a", "b"], "input_shape": 5}', r"expected \[1, H, W, C\]"),
        ('{"name": "x", "labels": ["a", "b"], "input_range": [NaN, 1]}', r"expected \[low, high\]"),
        ('{"name": "x", "labels": ["a", "b"], "input_range": [0, Infinity]}', r"expected \[low, high\]"),
        ('{"name": "x", "labels": ["a", "b"], "version": "x"}', "expected a whole number"),
        ('{"name": "x\\n", "labels": ["a", "b"]}', "lacks a name"),
        ('{"name": "x", "labels": ["a", "b"], "scheme": "\\u001b[2J"}', "scheme .* printable"),
        ('{"name": "' + 101 * "x" + '", "labels": ["a", "b"]}', "name .* at most 100 printable"),
        ("[" * 100_000, "is not valid JSON"),
    ],
)
def test_an_invalid_side_card_is_reported(tmp_path, text, message):
    path = tmp_path / "foreign.tflite"
    path.write_bytes(GRAPH)
    (tmp_path / "foreign.json").write_text(text)
    with pytest.raises(CardError, match=message):
        read_model(path)


def test_missing_files_and_other_files_are_reported(tmp_path):
    with pytest.raises(ModelError, match="cannot read the model"):
        read_model(tmp_path / "none.tflite")
    (tmp_path / "text.tflite").write_text("hello there")
    with pytest.raises(ModelError, match=r"is not a \.tflite"):
        read_model(tmp_path / "text.tflite")


def test_the_shipped_card_has_every_required_field():
    card = read_model(SHIPPED).card
    assert card.identity == "mien-small-ferplus-int8@1"
    assert card.labels == FER2013_LABELS
    assert card.input_shape == (1, 48, 48, 1)
    assert len(card.training_data["sha256"]) == len(card.calibration["rows_sha256"]) == 64
    assert card.calibration["split"] == "Training"
    assert card.measured["split"] == "PublicTest"
    assert card.measured["n"] == 3589
    # By FER-2013's labels, and by the majority of the votes that it was trained on.
    assert card.measured["after"]["accuracy"] >= 0.58
    assert card.score_calibration["before"]["accuracy"] >= 0.82
    assert card.measured["agreement"] > 0.95
    assert card.licence
    assert len(card.source_commit) == 40
    assert card.intended_use
    assert card.limits
