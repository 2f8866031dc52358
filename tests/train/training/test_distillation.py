import json
from pathlib import Path

import numpy as np
import pytest

from edge.datasets.reader import load_dataset
from edge.errors import ModelError
from edge.inference.contract import EIGHT_LABELS, FER2013_LABELS
from edge.inference.shipped_models import DEFAULT_MODEL, find_model
from tests.train.conftest import epochs_of, kill_after
from train.data.batches import Batches
from train.evaluation.prediction import keras_probabilities, load_keras_model
from train.training.distillation import Teachers, teacher_file


@pytest.fixture
def recipe(tmp_path):
    path = tmp_path / "student.toml"
    path.write_text(
        'name = "student"\narchitecture = "simple-nn"\n[model]\nunits = [16]\n[augment]\nenabled = true\n'
        '[fit]\nepochs = 8\nbatch_size = 32\nteacher_share = 0.75\nprecision = "float32"\n'
    )
    return path


@pytest.fixture(scope="module")
def shipped():
    return find_model(DEFAULT_MODEL)


@pytest.fixture(scope="module")
def training(made_csv):
    return load_dataset(made_csv, ("Training",))["Training"]


@pytest.mark.slow
def test_targets_have_the_mean_of_their_answers_in_them(cnn_run, shipped, training):
    by_run = keras_probabilities(load_keras_model(cnn_run / "model.keras"), training.images[:20])
    pixels = training.images[:20].astype(np.float32)
    labels = np.eye(7, dtype=np.float32)[training.class_ids[:20]]
    alone = Teachers([cnn_run], FER2013_LABELS, 0.75).mix(pixels, labels)
    assert alone.dtype == np.float32
    np.testing.assert_allclose(alone, 0.25 * labels + 0.75 * by_run, atol=1e-5)
    by_int8 = Teachers([shipped], FER2013_LABELS, 1.0).mix(pixels, labels)
    both = Teachers([cnn_run, shipped], FER2013_LABELS, 1.0).mix(pixels, labels)
    np.testing.assert_allclose(both, (by_run + by_int8) / 2, atol=0.02)
    np.testing.assert_allclose(both.sum(axis=1), 1, atol=1e-5)


def test_they_see_each_face_as_the_student_does(training):
    class Watching:
        def mix(self, pixels, targets):
            self.seen = pixels.copy()
            return targets[:, ::-1]

    watching = Watching()
    pixels, targets = Batches(training, 32, 0, teachers=watching)[0]
    np.testing.assert_array_equal(watching.seen, pixels[..., 0])
    np.testing.assert_array_equal(targets, np.eye(7)[training.class_ids[:32]][:, ::-1])


def test_a_shipped_teacher_by_its_name():
    file = find_model("mien-nano-int8")
    assert teacher_file(Path("mien-nano-int8")) == teacher_file(file) == file
    Teachers([Path("mien-nano-int8")], FER2013_LABELS, 0.5).check()


@pytest.mark.slow
def test_a_teacher_of_other_classes(cnn_run):
    with pytest.raises(ModelError, match="contempt of a teacher"):
        Teachers([cnn_run], EIGHT_LABELS, 0.5).check()


@pytest.mark.slow
@pytest.mark.long
def test_a_student_learns_from_them_and_resumes(mien, recipe, cnn_run, shipped, made_csv, tmp_path):
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    given = ("--recipe", recipe, "--data", made_csv, "--teacher", cnn_run, "--teacher", shipped)
    done = mien("distill", *given, "--out", whole, module="train")
    assert done.code == 0, done.err
    known = json.loads((whole / "metrics.json").read_text())["data"]["teachers"]
    assert [teacher["name"] for teacher in known] == [cnn_run.name, shipped.name]

    kill_after(3, "distill", *given, "--out", broken)
    wrong = mien("distill", *given[:-2], "--out", broken, "--resume", module="train")
    assert "expected the teachers that the run" in wrong.error_line()
    assert "use mien train distill" not in wrong.error_line()
    done = mien("distill", *given, "--out", broken, "--resume", module="train")
    assert done.code == 0, done.err
    assert epochs_of(broken) == epochs_of(whole)


@pytest.mark.slow
def test_wrong_use(mien, recipe, cnn_run, made_csv, tmp_path):
    unfinished = tmp_path / "unfinished"
    unfinished.mkdir()
    (unfinished / "recipe.toml").write_text("")
    for arguments, message in (
        (("--arch", "cnn", "--teacher", cnn_run), "cnn has no share for teachers: give --teacher-share"),
        (("--recipe", recipe, "--teacher", tmp_path / "none"), "no teacher at"),
        (("--recipe", recipe, "--teacher", unfinished), "is not finished"),
    ):
        done = mien("distill", *arguments, "--data", made_csv, "--out", tmp_path / "a", module="train")
        assert done.code in (1, 2)
        assert message in done.error_line()
    assert not (tmp_path / "a").exists()
