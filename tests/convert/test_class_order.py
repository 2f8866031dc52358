"""Networks whose outputs are in another order than the data's classes, as those trained on folders are."""

import json
from dataclasses import replace

import numpy as np
import pytest

from edge.benchmark.class_order_check import find_better_order
from edge.datasets.class_order import ALPHABETICAL, common_orders, parse_class_order, resolve_class_order
from edge.errors import WrongUseError
from edge.evaluation.classification import score
from edge.inference.contract import EIGHT_LABELS, FER2013_LABELS
from edge.inference.model_card import read_model, write_model

SORTED = tuple(sorted(FER2013_LABELS))
LENIENT = ("--max-drop", 5, "--max-class-drop", 100, "--min-agreement", 80, "--min-above-chance", -100, "--samples", 70)


@pytest.fixture(scope="module")
def sorted_network(keras, cnn_run, tmp_path_factory):
    """The textbook network with its outputs in alphabetical order, in a file alone."""
    model = keras.saving.load_model(cnn_run / "model.keras")
    kernel, bias = model.get_layer("logits").get_weights()
    order = [FER2013_LABELS.index(label) for label in SORTED]
    model.get_layer("logits").set_weights([kernel[:, order], bias[order]])
    path = tmp_path_factory.mktemp("sorted") / "theirs.keras"
    model.save(path)
    return path


def test_another_order_is_an_error_that_names_it(mien, sorted_network, made_csv, tmp_path):
    done = mien(
        "quantize", sorted_network, "--data", made_csv, "--out", tmp_path / "x.tflite", *LENIENT, module="convert"
    )
    assert done.code == 1
    assert "has its classes in another order than angry, disgust" in done.error_line()
    assert done.error_line().endswith("give --class-order alphabetical")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("order", [ALPHABETICAL, ",".join(SORTED)])
def test_the_stated_order_is_that_of_the_card(mien, sorted_network, cnn_run, made_csv, tmp_path, order):
    out = tmp_path / "x.tflite"
    done = mien("quantize", sorted_network, "--data", made_csv, "--out", out, *LENIENT, "--class-order", order,
                module="convert")  # fmt: skip
    assert done.code == 0, done.err
    card = read_model(out).card
    assert card.labels == SORTED
    expected = json.loads((cnn_run / "metrics.json").read_text())["scores"]["accuracy"]
    assert card.measured["before"]["accuracy"] == pytest.approx(expected, abs=0.02)
    # The file states its classes now: they are matched by name, here and in the verification.
    done = mien("verify", out, "--data", made_csv, "--reference", sorted_network, *LENIENT[:-2], module="convert")
    assert done.code == 0, done.err
    found = json.loads(mien("evaluate", out, "--data", made_csv, "--json", module="train").out)
    assert found["scores"]["accuracy"] == pytest.approx(expected, abs=0.06)


def test_evaluate_warns_and_has_the_same_option(mien, sorted_network, cnn_run, made_csv):
    wrong = mien("evaluate", sorted_network, "--data", made_csv, "--json", module="train")
    assert wrong.code == 0
    assert "seems to have its classes in another order" in wrong.err
    right = mien(
        "evaluate", sorted_network, "--data", made_csv, "--json", "--class-order", "alphabetical", module="train"
    )
    assert "another order" not in right.err
    expected = json.loads((cnn_run / "metrics.json").read_text())["scores"]["accuracy"]
    assert json.loads(right.out)["scores"]["accuracy"] == pytest.approx(expected, abs=0.02)


def test_the_benchmark_warns(mien, sorted_network, cnn_run, made_csv, tmp_path):
    for network, warns in ((sorted_network, True), (cnn_run / "model.keras", False)):
        done = mien("benchmark", network, "--data", made_csv, "--rounds", 1, "--out", tmp_path / str(warns))
        assert done.code == 0, done.err
        assert ("in another order: " in done.out + done.err) is warns
    # A .tflite whose card has the wrong labels.
    mien("quantize", cnn_run, "--data", made_csv, "--out", tmp_path / "x.tflite", *LENIENT, module="convert")
    model = read_model(tmp_path / "x.tflite")
    write_model(tmp_path / "wrong.tflite", model.graph, replace(model.card, labels=SORTED))
    done = mien("benchmark", tmp_path / "wrong.tflite", "--data", made_csv, "--rounds", 1, "--json")
    (warning,) = [text for text in json.loads(done.out)["marks"] if "in another order" in text]
    assert "if the order is fer2013 (labels in the card" in warning


def test_a_model_that_states_its_classes_needs_no_order(mien, cnn_run, made_csv, tmp_path):
    for command, module, more in (("quantize", "convert", ("--out", tmp_path / "x.tflite")), ("evaluate", "train", ())):
        done = mien(command, cnn_run, "--data", made_csv, "--class-order", "alphabetical", *more, module=module)
        assert done.code == 2
        assert "states its classes (angry, disgust, " in done.error_line()


def test_orders_that_do_not_fit(mien, sorted_network, made_csv, tmp_path):
    done = mien("quantize", sorted_network, "--data", made_csv, "--out", tmp_path / "x.tflite", *LENIENT,
                "--class-order", "affectnet", module="convert")  # fmt: skip
    assert done.code == 2
    assert "--class-order has neutral, happy, " in done.error_line()
    with pytest.raises(WrongUseError, match="expected the same"):
        resolve_class_order(("happy", "sad"), FER2013_LABELS)
    assert parse_class_order("alphabetical") == ("alphabetical",)
    assert resolve_class_order(parse_class_order("raf-db"), FER2013_LABELS)[0] == "surprise"


def test_which_orders_are_tried_and_when_one_is_better():
    assert set(common_orders(FER2013_LABELS)) == {ALPHABETICAL, "fer2013", "raf-db"}
    assert set(common_orders(EIGHT_LABELS)) == {ALPHABETICAL, "affectnet", "ferplus"}
    random = np.random.default_rng(0)
    class_ids = random.integers(0, 8, 300)

    def better_order(outputs):
        return find_better_order(score(class_ids, outputs, EIGHT_LABELS).confusion, EIGHT_LABELS)

    for name, order in common_orders(EIGHT_LABELS).items():
        outputs = np.array([order.index(EIGHT_LABELS[i]) for i in class_ids])
        noisy = np.where(random.random(300) < 0.4, random.integers(0, 8, 300), outputs)
        found = better_order(noisy)
        assert (found.name, found.n) == (name, 300)
        assert found.accuracy_better > 0.55 > found.accuracy_used
    # A network in the data's order, and one that guesses.
    assert better_order(class_ids) is None
    assert better_order(random.integers(0, 8, 300)) is None
