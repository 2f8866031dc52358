import json

import keras
import numpy as np
import pytest

from edge.datasets.reader import Faces, load_dataset
from edge.errors import ModelError, WrongUseError
from edge.inference.contract import EIGHT_LABELS, FER2013_LABELS
from tests.conftest import ROOT, SHIPPED
from train.cli.evaluate import format_metrics
from train.evaluation.evaluation_report import (
    MISTAKES,
    check_report_folder,
    evaluate,
    evaluate_on_votes,
    write_evaluation,
)
from train.evaluation.prediction import class_names, keras_probabilities, load_model

RECORD = ROOT / "train" / "records" / SHIPPED.stem.removesuffix("-int8") / "model.keras"
FILES = [
    "classification_report.txt",
    "confusion.png",
    "metrics.json",
    "mistakes.png",
    "predictions.png",
    "reliability.png",
    "roc.png",
]


def small_model(n_classes, activation="softmax", seed=3):
    """Not trained, but no two faces get the same scores."""
    keras.utils.set_random_seed(seed)
    pixels = keras.Input((48, 48, 1))
    x = keras.layers.Rescaling(1 / 40, -3.0)(pixels)
    x = keras.layers.Flatten()(keras.layers.AveragePooling2D(8)(x))
    return keras.Model(pixels, keras.layers.Dense(n_classes, activation=activation)(x))


class Fixed:
    """A model with fixed scores."""

    def __init__(self, scores, labels, path="fixed.keras"):
        self.path, self.labels, self._scores = path, labels, np.array(scores, np.float32)
        self.n_classes = len(labels)

    def probabilities(self, images):
        return self._scores


def faces_of(class_ids, labels=FER2013_LABELS, votes=None):
    ids = np.array(class_ids, np.int64)
    images = np.random.default_rng(0).integers(0, 256, (len(ids), 48, 48)).astype(np.uint8)
    return Faces(images, ids, 100 + np.arange(len(ids), dtype=np.int64), labels, votes)


@pytest.fixture(scope="module")
def public(made_csv):
    return load_dataset(made_csv, ("PublicTest",))["PublicTest"]


@pytest.mark.slow
def test_every_format_of_a_model_scores_alike(public, tmp_path):
    model = small_model(7)
    model.save(tmp_path / "m.keras")
    model.save(tmp_path / "m.h5")
    model.export(tmp_path / "saved", format="tf_saved_model", verbose=False)
    expected = keras_probabilities(model, public.images)
    for name in ("m.keras", "m.h5", "saved"):
        loaded = load_model(tmp_path / name)
        assert class_names(loaded, public.labels) == FER2013_LABELS
        assert np.abs(loaded.probabilities(public.images) - expected).max() < 1e-5


def test_a_tflite_reports_nearly_what_the_keras_file_it_came_from_does(public):
    whole, quantised = (evaluate(load_model(path), public) for path in (RECORD, SHIPPED))
    assert np.abs(np.array(whole.metrics.confusion) - quantised.metrics.confusion).sum() <= 8
    assert quantised.roc.macro.area == pytest.approx(whole.roc.macro.area, abs=0.02)
    assert quantised.calibration.ece == pytest.approx(whole.calibration.ece, abs=0.05)
    # The drawn faces do not make the test easy: both are far from right.
    assert whole.mistakes


def test_evaluate_a_tflite_writes_every_chart(mien, made_csv, tmp_path):
    # No backend of Keras is needed.
    done = mien("evaluate", SHIPPED, "--data", made_csv, "--out", tmp_path / "out", module="train",
                KERAS_BACKEND="none")  # fmt: skip
    assert done.code == 0, done.err
    assert done.err == ""
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == FILES
    for name in FILES:
        assert str(tmp_path / "out" / name) in done.out
    assert "before publishing it" in done.out
    table = json.loads((tmp_path / "out" / "metrics.json").read_text(), parse_constant=pytest.fail)
    assert table["labels"] == list(FER2013_LABELS)
    assert f"AUC {table['auc']['macro']:.4f} macro" in done.out
    assert sum(one["n"] for one in table["calibration"]["bins"]) == table["scores"]["n"] == 70
    assert f"{table['scores']['accuracy']:.4f}" in (tmp_path / "out" / "classification_report.txt").read_text()
    scores = [one["score"] for one in table["mistakes"]]
    assert scores == sorted(scores, reverse=True)


def test_the_names_of_shipped_models_and_run_folders_are_taken(mien, made_csv, cnn_run):
    named = mien("evaluate", "mien-small", "--data", made_csv, "--limit", 14, "--json", module="train")
    assert json.loads(named.out)["labels"] == list(FER2013_LABELS)
    folder = mien("evaluate", cnn_run, "--data", made_csv, "--limit", 14, "--json", module="train")
    file = mien("evaluate", cnn_run / "model.keras", "--data", made_csv, "--limit", 14, "--json", module="train")
    assert json.loads(folder.out)["scores"] == json.loads(file.out)["scores"]


def test_without_out_the_text_shows_how_to_get_the_charts(mien, made_csv):
    done = mien("evaluate", SHIPPED, "--data", made_csv, "--limit", 14, module="train")
    assert done.code == 0, done.err
    assert done.out.splitlines()[-1].startswith("give --out DIR for the charts")


def test_the_result_as_json(mien, made_csv, tmp_path):
    done = mien("evaluate", SHIPPED, "--data", made_csv, "--limit", 14, "--json", module="train")
    assert done.code == 0, done.err
    found = json.loads(done.out, parse_constant=pytest.fail)
    assert found["scores"]["n"] == 14
    assert found["split"] == "PublicTest"


def test_the_most_confident_mistakes_come_first():
    scores = np.full((60, 7), 0.01)
    scores[np.arange(60), np.arange(60) % 7] = np.linspace(0.5, 0.9, 60)
    scores /= scores.sum(axis=1, keepdims=True)
    ids = np.arange(60) % 7
    ids[:50] = (ids[:50] + 1) % 7
    found = evaluate(Fixed(scores, FER2013_LABELS), faces_of(ids))
    assert len(found.mistakes) == MISTAKES
    first = found.mistakes[0]
    assert (first.row, first.label, first.answer) == (149, "disgust", "angry")
    assert found.mistakes[-1].row == 110


def test_an_eight_class_model_on_seven_class_data(public, tmp_path):
    small_model(8).save(tmp_path / "eight.keras")
    model = load_model(tmp_path / "eight.keras")
    assert class_names(model, public.labels) == EIGHT_LABELS
    found = evaluate(model, public)
    assert len(found.metrics.confusion) == 8
    assert found.metrics.support["contempt"] == 0
    assert found.roc.undefined == ("contempt",)
    assert found.metrics.support["neutral"] == 10
    written = write_evaluation(found, public, tmp_path / "out", "eight", {})
    assert sorted(name for name, _ in written) == FILES
    json.dumps(found.as_dict(), allow_nan=False)


def test_classes_are_matched_by_name_not_by_place():
    data = faces_of([0, 1, 1], ("happy", "angry"))
    scores = np.eye(7)[[3, 0, 3]] * 0.9 + 0.1 / 7
    found = evaluate(Fixed(scores, FER2013_LABELS), data)
    assert found.predicted.tolist() == [3, 0, 3]
    assert found.metrics.accuracy == pytest.approx(2 / 3)


def test_data_with_a_class_that_the_model_has_not():
    with pytest.raises(ModelError, match="has 7 classes, the data has 8: contempt is none of angry"):
        evaluate(Fixed(np.ones((1, 7)) / 7, FER2013_LABELS), faces_of([0], EIGHT_LABELS))


def test_a_run_folder_names_the_classes(tmp_path):
    small_model(3).save(tmp_path / "model.keras")
    (tmp_path / "metrics.json").write_text(json.dumps({"labels": ["calm", "tense", "glad"]}))
    assert class_names(load_model(tmp_path / "model.keras"), ("a", "b", "c")) == ("calm", "tense", "glad")
    (tmp_path / "metrics.json").write_text(json.dumps({"labels": ["calm"]}))
    with pytest.raises(ModelError, match=r"has 3 classes, .*metrics\.json beside it names 1: calm"):
        load_model(tmp_path / "model.keras")
    (tmp_path / "metrics.json").unlink()
    assert class_names(load_model(tmp_path / "model.keras"), ("a", "b", "c")) == ("a", "b", "c")


def test_a_sigmoid_for_each_class_is_rejected(tmp_path):
    small_model(7, activation="sigmoid").save(tmp_path / "m.keras")
    with pytest.raises(ModelError, match=r"do not sum to 1: expected logits or a softmax"):
        load_model(tmp_path / "m.keras")


def test_a_saved_model_needs_tensorflow(tmp_path, monkeypatch):
    (tmp_path / "saved").mkdir()
    with pytest.raises(ModelError, match="is not a SavedModel"):
        load_model(tmp_path / "saved")
    monkeypatch.setattr(keras.backend, "backend", lambda: "jax")
    with pytest.raises(
        WrongUseError, match="runs on TensorFlow only, this is Keras on jax: set KERAS_BACKEND=tensorflow"
    ):
        load_model(tmp_path / "saved")


def test_tflites_that_break_their_contract(mien, made_csv, tmp_path):
    (tmp_path / "text.tflite").write_text("no model")
    (tmp_path / "cut.tflite").write_bytes(SHIPPED.read_bytes()[:2000])
    messages = {"none": "cannot read the model", "text": "is not a .tflite", "cut": "has no model card"}
    for name, message in messages.items():
        done = mien("evaluate", tmp_path / f"{name}.tflite", "--data", made_csv, module="train")
        assert done.code == 1
        assert message in done.error_line()


def test_slices_do_not_change_the_scores(public, monkeypatch):
    model = small_model(7)
    whole = keras_probabilities(model, public.images)
    monkeypatch.setattr("train.evaluation.prediction._BATCHES", 1)
    assert np.array_equal(keras_probabilities(model, public.images, batch_size=32)[:5], whole[:5])
    assert np.abs(keras_probabilities(model, public.images, batch_size=32) - whole).max() < 1e-6


def test_majority_of_the_votes():
    # Eight expressions, unknown, NF.
    votes = np.zeros((5, 10), np.uint8)
    votes[0, 3] = 9
    votes[1, 3], votes[1, 4] = 5, 5
    votes[2, 8] = 9
    votes[3, 7] = 9
    votes[4, 0] = 9
    faces = faces_of([0] * 5, votes=votes)
    answers = [3, 3, 3, 7, 3]
    eight = evaluate(Fixed(np.eye(8)[answers], EIGHT_LABELS), faces)
    assert evaluate_on_votes(eight, faces) == {"accuracy": pytest.approx(2 / 3), "n": 3, "left_out": 2}
    answers[3] = 0
    seven = evaluate(Fixed(np.eye(7)[answers], FER2013_LABELS), faces)
    assert evaluate_on_votes(seven, faces) == {"accuracy": 0.5, "n": 2, "left_out": 3}


@pytest.mark.slow
def test_a_run_folder_is_not_written_over(mien, cnn_run, made_csv):
    before = (cnn_run / "metrics.json").read_text()
    done = mien("evaluate", cnn_run / "model.keras", "--data", made_csv, "--out", cnn_run, module="train")
    assert done.code == 2
    assert "is a run folder" in done.error_line()
    assert (cnn_run / "metrics.json").read_text() == before


def test_a_report_replaces_an_earlier_report(tmp_path):
    out, labels = tmp_path / "report", ("a", "b")
    for scores, expected in (([[0.9, 0.1], [0.2, 0.8]], 1.0), ([[0.9, 0.1], [0.7, 0.3]], 0.5)):
        check_report_folder(out)
        faces = faces_of([0, 1], labels)
        write_evaluation(evaluate(Fixed(scores, labels), faces), faces, out, "t", {})
        assert sorted(path.name for path in out.iterdir()) == FILES
        assert json.loads((out / "metrics.json").read_text())["scores"]["accuracy"] == expected
    # A run folder has a metrics.json of its own, which no report may replace.
    (out / "recipe.toml").write_text("")
    with pytest.raises(WrongUseError, match="is a run folder"):
        check_report_folder(out)


def test_the_table_stays_in_line_with_long_names():
    labels = ("contemptuous and bored", "b")
    lines = format_metrics(
        evaluate(Fixed([[0.9, 0.1], [0.2, 0.8]], labels), faces_of([0, 1], labels)).metrics, "t"
    ).splitlines()
    assert len({len(line) for line in lines[1:]}) == 1
    assert "contemp…" in lines[1]
