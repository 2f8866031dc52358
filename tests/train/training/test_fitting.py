import json
import os
import shutil
import signal
import subprocess
import sys
import time
import zipfile

import keras
import numpy as np
import pytest

from edge.datasets.reader import load_dataset
from edge.errors import WrongUseError
from tests.made_data import write_csv, write_folder, write_votes
from tests.train.conftest import epochs_of, kill_after
from train.data.batches import Batches
from train.evaluation import evaluate
from train.evaluation.prediction import keras_probabilities as predict
from train.evaluation.prediction import load_keras_model
from train.models import build_model
from train.models.branches import has_branches
from train.recipes.schema import load_recipe
from train.run_folder import RunFolder
from train.training import fit
from train.training.interrupt import InterruptBetweenBatches

LONG = 600


@pytest.mark.slow
def test_a_run_folder_holds_model_history_recipe_and_metrics(cnn_run):
    assert sorted(p.name for p in cnn_run.iterdir()) == [
        "curves.png",
        "history.csv",
        "metrics.json",
        "model.keras",
        "recipe.toml",
    ]
    metrics = json.loads((cnn_run / "metrics.json").read_text())
    assert metrics["labels"][3] == "happy"
    assert metrics["scores"]["n"] == 70
    # Drawn faces are easy: a network that learns at all is far above one in seven.
    assert metrics["scores"]["accuracy"] > 0.5
    assert len((cnn_run / "history.csv").read_text().splitlines()) == 7
    assert 'sha256 = "' in (cnn_run / "recipe.toml").read_text()


@pytest.mark.slow
def test_the_model_loads_without_mien(cnn_run, made_csv):
    code = (
        "import sys; sys.modules['train'] = sys.modules['edge'] = None\n"
        f"import keras; m = keras.saving.load_model({str(cnn_run / 'model.keras')!r}); print(m.input_shape)"
    )
    done = subprocess.run([sys.executable, "-P", "-c", code], capture_output=True, text=True)
    assert "(None, 48, 48, 1)" in done.stdout, done.stderr


@pytest.mark.slow
def test_the_saved_model_is_the_best_epoch(cnn_run, made_csv):
    faces = load_dataset(made_csv, ("PublicTest",))["PublicTest"]
    answers = predict(load_keras_model(cnn_run / "model.keras"), faces.images).argmax(axis=1)
    rows = (cnn_run / "history.csv").read_text().splitlines()
    column = rows[0].split(",").index("val_accuracy")
    best = max(float(row.split(",")[column]) for row in rows[1:])
    assert (answers == faces.class_ids).mean() == pytest.approx(best, abs=0.001)


@pytest.mark.slow
def test_a_run_with_branches_saves_its_best_epoch_without_them(mien, made_csv, tmp_path):
    recipe, run = tmp_path / "branches.toml", tmp_path / "run"
    recipe.write_text(
        'name = "b"\narchitecture = "mien"\n[model]\nwidths = [8, 8]\nblocks = 1\nbranches = true\n'
        "[fit]\nepochs = 3\nlearning_rate = 0.02\n"
    )
    done = mien("fit", "--recipe", recipe, "--data", made_csv, "--out", run, module="train")
    assert done.code == 0, done.err
    saved = load_keras_model(run / "model.keras")
    assert not has_branches(saved)
    best = max(float(row["val_accuracy"]) for row in RunFolder(run).read_history())
    metrics = json.loads((run / "metrics.json").read_text())
    assert metrics["scores"]["accuracy"] == pytest.approx(best, abs=0.02)
    assert metrics["parameters"] == saved.count_params()


@pytest.mark.slow
def test_evaluate_scores_the_model_again(mien, cnn_run, made_csv, tmp_path):
    done = mien("evaluate", cnn_run / "model.keras", "--data", made_csv, "--out", tmp_path, module="train")
    assert done.code == 0, done.err
    assert "accuracy" in done.out
    assert "surprise" in done.out
    again = json.loads((tmp_path / "metrics.json").read_text())["scores"]
    assert again == json.loads((cnn_run / "metrics.json").read_text())["scores"]


@pytest.mark.slow
def test_evaluate_against_ferplus_votes(mien, cnn_run, made_csv, tmp_path):
    # A tie has no majority.
    write_votes(tmp_path / "votes.csv", lambda i, label: {"neutral": 9, label: 9} if i == 0 else {label: 9})
    done = mien("evaluate", cnn_run / "model.keras", "--data", made_csv, "--votes", tmp_path / "votes.csv",
                "--out", tmp_path, module="train")  # fmt: skip
    assert "of 69 faces with one" in done.out, done.err
    table = json.loads((tmp_path / "metrics.json").read_text())
    assert table["ferplus_majority"]["n"] == 69


@pytest.mark.slow
def test_a_folder_of_images_trains_too_with_augmentation_and_averaging(mien, tmp_path):
    folder = write_folder(tmp_path / "faces", 4)
    recipe = tmp_path / "mine.toml"
    recipe.write_text(
        'name = "mine"\narchitecture = "mien"\n[model]\nwidths = [8, 16]\nblocks = 1\n[augment]\nenabled = true\n'
        'brightness = 0.1\nerasing = 0.2\n[fit]\nepochs = 2\nbatch_size = 8\noptimizer = "sgd"\n'
        'learning_rate = 0.01\nschedule = "cosine"\nwarmup_epochs = 0.5\nweight_decay = 0.001\nema = 0.9\n'
        'label_smoothing = 0.1\nprecision = "mixed_bfloat16"\n'
    )
    done = mien("fit", "--recipe", recipe, "--data", folder, "--out", tmp_path / "run", module="train")
    assert done.code == 0, done.err
    model = load_keras_model(tmp_path / "run" / "model.keras")
    # Neither the augmentation nor the mixed precision is in the saved model.
    assert {layer.compute_dtype for layer in model.layers} == {"float32"}
    assert not any("random" in type(layer).__name__.lower() for layer in model.layers)


@pytest.mark.slow
def test_early_stopping_stops(mien, made_csv, tmp_path):
    recipe = tmp_path / "r.toml"
    recipe.write_text(
        'name = "r"\narchitecture = "simple-nn"\n[model]\nunits = [4]\n[fit]\nepochs = 50\npatience = 2\n'
        'learning_rate = 1e-9\nprecision = "float32"\n'
    )
    done = mien("fit", "--recipe", recipe, "--data", made_csv, "--out", tmp_path / "run", module="train")
    assert done.code == 0, done.err
    assert json.loads((tmp_path / "run" / "metrics.json").read_text())["epochs"] == 3


def test_batches_depend_on_seed_and_epoch_alone(made_csv):
    faces = load_dataset(made_csv, ("Training",))["Training"]
    a, b = Batches(faces, 32, 5), Batches(faces, 32, 5)
    a.shuffle(0)
    a.shuffle(3)
    b.shuffle(3)
    assert np.array_equal(a[0][0], b[0][0])
    a.shuffle(4)
    assert not np.array_equal(a[0][0], b[0][0])
    assert sum(len(a[i][0]) for i in range(len(a))) == 210
    assert a[0][1].sum(axis=1).tolist() == [1] * 32


def recipe_of(tmp_path, epochs):
    path = tmp_path / "resumable.toml"
    path.write_text(
        'name = "resumable"\narchitecture = "simple-nn"\n[model]\nunits = [16]\ndropout = 0.2\n'
        "[augment]\nenabled = true\nbrightness = 0.1\nerasing = 0.3\n"
        f'[fit]\nepochs = {epochs}\nbatch_size = 32\noptimizer = "sgd"\nlearning_rate = 0.05\n'
        'schedule = "cosine"\nema = 0.9\nprecision = "float32"\n'
    )
    return path


@pytest.mark.slow
def test_a_killed_run_resumes_and_ends_as_a_whole_one_would(mien, made_csv, tmp_path):
    recipe = recipe_of(tmp_path, 20)
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    assert mien("fit", "--recipe", recipe, "--data", made_csv, "--out", whole, module="train").code == 0
    kill_after(3, "fit", "--recipe", recipe, "--data", made_csv, "--out", broken)
    assert not (broken / "model.keras").exists()
    assert not (broken / "metrics.json").exists()
    done = mien("fit", "--data", made_csv, "--out", broken, "--resume", module="train")
    assert done.code == 0, done.err
    a, b = (np.genfromtxt(run / "history.csv", delimiter=",", names=True) for run in (whole, broken))
    assert b["epoch"].tolist() == list(range(20))
    assert b["loss"] == pytest.approx(a["loss"], rel=1e-4)
    assert b["val_accuracy"] == pytest.approx(a["val_accuracy"], abs=0.03)


@pytest.mark.slow
def test_ctrl_c_reports_how_to_resume(made_csv, tmp_path):
    out = tmp_path / "run"
    command = [sys.executable, "-P", "-m", "train", "fit", "--recipe", recipe_of(tmp_path, LONG), "--data", made_csv,
               "--out", out]  # fmt: skip
    with subprocess.Popen(
        [str(a) for a in command], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    ) as process:
        deadline = time.monotonic() + 120
        while time.monotonic() < deadline and not (out / "history.csv").exists():
            time.sleep(0.05)
        time.sleep(0.5)
        os.kill(process.pid, signal.SIGINT)
        _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "--resume continues" in err
    assert "Traceback" not in err


STAGED = (
    'name = "staged"\narchitecture = "mien"\n[model]\nwidths = [4]\nblocks = 1\n[augment]\nenabled = true\n'
    'mixup = 0.2\n[fit]\nbatch_size = 32\noptimizer = "sgd"\nschedule = "plateau"\nplateau_patience = 2\n'
    'class_weights = true\nprecision = "float32"\n[[stages]]\nname = "head"\ntrain = "head"\nepochs = 8\n'
    'learning_rate = 0.05\n[[stages]]\nname = "all"\ntrain = "all"\nbatch_norm = true\nepochs = 8\n'
    "learning_rate = 0.1\n"
)


@pytest.mark.slow
@pytest.mark.long
@pytest.mark.parametrize("rows", [4, 11], ids=["first stage", "second stage"])
def test_a_run_killed_in_a_stage_resumes_and_ends_as_a_whole_one_would(
    mien, made_csv, pretrained, staged_run, tmp_path, rows
):
    recipe, whole = staged_run
    broken = tmp_path / "broken"
    command = ("--recipe", recipe, "--seed", 0, "--data", made_csv, "--out", broken)
    kill_after(rows, "fit", *command)
    # What the first weights came from may be gone by now.
    moved = pretrained.rename(pretrained.with_suffix(".moved"))
    done = mien("fit", *command, "--resume", module="train")
    moved.rename(pretrained)
    assert done.code == 0, done.err
    a, b = (np.genfromtxt(run / "history.csv", delimiter=",", names=True) for run in (whole, broken))
    assert b["epoch"].tolist() == list(range(16))
    assert b["stage"].tolist() == [0] * 8 + [1] * 8
    assert b["learning_rate"] == pytest.approx(a["learning_rate"])
    assert len(set(a["learning_rate"])) > 2
    assert b["loss"] == pytest.approx(a["loss"], rel=1e-3)


@pytest.fixture(scope="module")
def staged_run(mien, made_csv, pretrained, tmp_path_factory):
    """A recipe of two stages, and the folder of a whole run of it."""
    folder = tmp_path_factory.mktemp("staged")
    recipe = folder / "staged.toml"
    recipe.write_text(STAGED.replace("[model]", f'weights = "{pretrained}"\n[model]', 1))
    done = mien("fit", "--recipe", recipe, "--data", made_csv, "--out", folder / "whole", module="train")
    assert done.code == 0, done.err
    assert "stage 1, head: 35 trainable parameters" in done.out
    assert "stage 2, all: " in done.out
    assert "stage 2, all: 35 trainable" not in done.out
    return recipe, folder / "whole"


@pytest.fixture(scope="module")
def pretrained(tmp_path_factory):
    """A model of the same family, for eight classes, whose backbone a run starts from."""
    keras.utils.set_random_seed(3)
    path = tmp_path_factory.mktemp("pretrained") / "eight.keras"
    build_model("mien", 8, {"widths": [4], "blocks": 1}).save(path)
    return path


@pytest.mark.slow
def test_one_seed_gives_one_history(mien, made_csv, tmp_path):
    recipe = recipe_of(tmp_path, 3)
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        done = mien("fit", "--recipe", recipe, "--data", made_csv, "--seed", seed, "--out", tmp_path / name,
                    module="train")  # fmt: skip
        assert done.code == 0, done.err
    a, b, c = (epochs_of(tmp_path / name) for name in "abc")
    assert a == b
    assert a != c


@pytest.mark.slow
@pytest.mark.long
def test_ctrl_c_in_a_second_stage_still_stops_and_reports_how_to_resume(made_csv, pretrained, tmp_path):
    recipe, out = tmp_path / "staged.toml", tmp_path / "run"
    text = STAGED.replace("[model]", f'weights = "{pretrained}"\n[model]', 1)
    recipe.write_text(text.replace("epochs = 8", "epochs = 1", 1).replace("epochs = 8", "epochs = 600", 1))
    command = [sys.executable, "-P", "-m", "train", "fit", "--recipe", recipe, "--data", made_csv, "--out", out]
    with subprocess.Popen(
        [str(a) for a in command], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    ) as process:
        history = out / "history.csv"
        deadline = time.monotonic() + 120
        while time.monotonic() < deadline and not (history.exists() and len(history.read_text().splitlines()) > 3):
            time.sleep(0.05)
        os.kill(process.pid, signal.SIGINT)
        _, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    assert "--resume continues" in err


def test_ctrl_c_means_again_what_it_did_after_all_stages():
    before = signal.getsignal(signal.SIGINT)
    interrupt = InterruptBetweenBatches()
    interrupt.on_train_begin()
    interrupt.on_train_begin()
    assert signal.getsignal(signal.SIGINT) != before
    interrupt.uninstall()
    assert signal.getsignal(signal.SIGINT) == before


@pytest.mark.slow
def test_tensorboard_on_request(mien, made_csv, tmp_path):
    done = mien("fit", "--recipe", recipe_of(tmp_path, 2), "--tensorboard", "--data", made_csv, "--out",
                tmp_path / "run", module="train")  # fmt: skip
    assert done.code == 0, done.err
    logs = list((tmp_path / "run" / "tensorboard").rglob("events.out.tfevents.*"))
    assert {log.parent.name for log in logs} == {"train", "validation"}


@pytest.mark.slow
def test_bad_rows_are_left_out_and_listed(mien, tmp_path):
    data = write_csv(tmp_path / "d.csv")
    lines = data.read_text().splitlines()
    lines[5] = "1,7 7 7,Training"
    data.write_text("\n".join(lines) + "\n")
    done = mien("fit", "--recipe", recipe_of(tmp_path, 1), "--data", data, "--out", tmp_path / "run", module="train")
    assert done.code == 0, done.err
    assert "209 faces to fit" in done.out
    assert "skipped 1 of 280 records" in done.err
    assert (tmp_path / "run" / "bad_rows.txt").read_text() == "line 6: 3 pixels: expected 2304 (48 x 48)\n"


@pytest.mark.slow
@pytest.mark.long
def test_ferplus_labels_make_eight_classes(mien, made_csv, tmp_path):
    votes_csv = write_votes(
        tmp_path / "votes.csv", lambda i, label: {label: 6, "contempt": 4} | ({"NF": 9} if i == 0 else {})
    )
    for mode in ("majority", "probability"):
        done = mien("fit", "--recipe", recipe_of(tmp_path, 1), "--data", made_csv, "--labels", "ferplus",
                    "--label-mode", mode, "--votes", votes_csv, "--out", tmp_path / mode, module="train")  # fmt: skip
        assert done.code == 0, done.err
        assert "209 faces to fit, 69 to validate on" in done.out
        metrics = json.loads((tmp_path / mode / "metrics.json").read_text())
        assert metrics["labels"][-1] == "contempt"
        assert metrics["data"]["label_mode"] == mode
        assert "faces left out because they have no clear vote: 1 of Training, 1 of PublicTest" in done.out
    # Such a model is converted and proven under the labels that it learnt.
    model, int8 = tmp_path / "majority" / "model.keras", tmp_path / "eight-int8.tflite"
    loose = ("--max-drop", 100, "--max-class-drop", 100, "--min-agreement", 0, "--min-above-chance", -100)
    done = mien("quantize", model, "--data", made_csv, "--out", int8, module="convert")
    assert "was trained on FER+'s labels: give --votes" in done.error_line()
    given = ("--data", made_csv, "--votes", votes_csv, *loose)
    done = mien("quantize", model, *given, "--out", int8, "--samples", 28, module="convert")
    assert done.code == 0, done.err
    done = mien("verify", int8, *given, "--reference", model, module="convert")
    assert done.code == 0, done.err


@pytest.mark.slow
def test_a_folder_of_ones_own_classes_makes_a_model_that_runs(mien, tmp_path, demo_clip, weights):
    folder = write_folder(tmp_path / "faces", 12)
    for split in ("train", "test"):
        for label in ("angry", "disgust", "fear", "surprise", "neutral"):
            shutil.rmtree(folder / split / label)
        (folder / split / "sad").rename(folder / split / "bored")
    done = mien("fit", "--recipe", recipe_of(tmp_path, 2), "--data", folder, "--out", tmp_path / "run", module="train")
    assert done.code == 0, done.err
    assert json.loads((tmp_path / "run" / "metrics.json").read_text())["labels"] == ["happy", "bored"]
    out = tmp_path / "own-int8.tflite"
    done = mien("quantize", tmp_path / "run" / "model.keras", "--data", folder, "--out", out, "--samples", 8,
                "--max-drop", 100, "--max-class-drop", 100, "--min-agreement", 0,
                "--min-above-chance", -100, module="convert")  # fmt: skip
    assert done.code == 0, done.err
    done = mien("run", "--model", out, "--source", demo_clip, "--max-frames", 3, "--emit", "frame", "--sink", "jsonl:-")
    assert set(json.loads(done.out.splitlines()[0])["emotions"]) == {"happy", "bored"}


@pytest.mark.slow
def test_a_loss_that_is_no_number_is_an_error(mien, made_csv, tmp_path):
    recipe = tmp_path / "r.toml"
    recipe.write_text(
        'name = "r"\narchitecture = "simple-nn"\n[model]\nunits = [64]\n[fit]\nepochs = 30\noptimizer = "sgd"\n'
        'learning_rate = 1000.0\nbatch_size = 8\nprecision = "float32"\nweight_decay = 900.0\n'
    )
    done = mien("fit", "--recipe", recipe, "--data", made_csv, "--out", tmp_path / "run", module="train")
    assert done.code == 1
    assert "the loss is no longer a number" in done.err.strip().splitlines()[-1]
    assert not (tmp_path / "run" / "model.keras").exists()


def test_a_recipe_that_fits_no_model_leaves_no_run_behind(mien, made_csv, tmp_path):
    recipe = tmp_path / "r.toml"
    recipe.write_text('name = "r"\narchitecture = "cnn"\n[model]\ndropout = 2.0\n')
    done = mien("fit", "--recipe", recipe, "--data", made_csv, "--out", tmp_path / "run", module="train")
    assert done.code == 1
    assert "does not fit cnn" in done.err.strip().splitlines()[-1]
    assert not (tmp_path / "run").exists()


@pytest.mark.slow
def test_a_recorded_recipe_is_a_recipe(cnn_run):
    assert load_recipe(cnn_run / "recipe.toml").fit.epochs == 6


def test_an_unknown_backend(mien, made_csv, tmp_path):
    done = mien("fit", "--arch", "cnn", "--data", made_csv, "--out", tmp_path / "r", module="train",
                KERAS_BACKEND="foo")  # fmt: skip
    assert done.code == 2
    assert "expected tensorflow, jax or torch" in done.error_line()


@pytest.mark.slow
def test_wrong_use_of_fit(mien, cnn_run, made_csv, tmp_path):
    for arguments, message in (
        (("--arch", "cnn", "--out", cnn_run), "is not empty"),
        (("--out", tmp_path / "a"), "give either --arch NAME"),
        (("--arch", "cnn", "--recipe", "x.toml", "--out", tmp_path / "a"), "give either --arch NAME"),
        (("--arch", "nonsense", "--out", tmp_path / "a"), "no recipe 'nonsense'"),
        (("--resume", "--out", tmp_path / "a"), "no run to resume"),
        (("--resume", "--out", cnn_run), "is finished"),
        (("--resume", "--out", cnn_run, "--epochs", 9), "--epochs cannot change with --resume"),
        (("--arch", "cnn", "--labels", "ferplus", "--out", tmp_path / "a"), "give --votes fer2013new.csv"),
        (("--arch", "cnn", "--label-mode", "majority", "--out", tmp_path / "a"), "belongs to --labels ferplus"),
        (
            ("--arch", "cnn", "--soft-labels", 0.5, "--out", tmp_path / "a"),
            "takes 50% of each target from",
        ),
        (("--arch", "cnn", "--soft-labels", 2, "--out", tmp_path / "a"), "soft_labels in the command line is 2.0"),
        (("--arch", "cnn", "--votes", made_csv, "--out", tmp_path / "a"), "cnn has none"),
        (
            ("--arch", "cnn", "--soft-labels", 1, "--labels", "ferplus", "--votes", made_csv, "--out", tmp_path / "a"),
            "give --soft-labels 0",
        ),
        (("--arch", "cnn", "--teacher-share", 0.5, "--out", tmp_path / "a"), "use mien train distill --teacher RUN"),
        (("--arch", "cnn", "--weights", "imagenet", "--out", tmp_path / "a"), "cnn takes no 'imagenet' weights"),
        (("--arch", "resnet50", "--learning-rate", 1, "--out", tmp_path / "a"), "each with its learning_rate"),
        (("--arch", "cnn", "--input-size", 96, "--out", tmp_path / "a"), "--input-size is for vgg16, resnet50"),
        (("--arch", "resnet50", "--input-size", 100, "--out", tmp_path / "a"), "expected a multiple of 48"),
        (("--arch", "cnn", "--out", made_csv), "is a file: expected a folder"),
    ):
        done = mien("fit", "--data", made_csv, *arguments, module="train")
        assert done.code == 2
        assert message in done.error_line()
    assert not (tmp_path / "a").exists()


def test_the_help_fits_a_screen_and_a_half(mien):
    assert len(mien("fit", "--help", module="train", COLUMNS="80").out.splitlines()) <= 38


def test_bad_data_leaves_no_run_behind(mien, tmp_path):
    (tmp_path / "bad.csv").write_text("a,b\n")
    for data in (tmp_path / "bad.csv", tmp_path / "none.csv"):
        done = mien("fit", "--arch", "cnn", "--data", data, "--out", tmp_path / "run", module="train")
        assert done.code == 1
        assert "expected" in done.err.strip().splitlines()[-1]
        assert not (tmp_path / "run").exists()


def test_models_that_cannot_be_loaded(mien, made_csv, tmp_path):
    with zipfile.ZipFile(tmp_path / "cut.keras", "w") as archive:
        archive.writestr("metadata.json", "{}")
    (tmp_path / "text.keras").write_text("no model")
    oblong = keras.Input((48, 64, 3))
    keras.Model(oblong, keras.layers.Flatten()(oblong)).save(tmp_path / "oblong.keras")
    for name, message in (
        ("none.keras", "no model at"),
        ("text.keras", "is not a model that Keras"),
        ("cut.keras", "is not a model that Keras"),
        ("oblong.keras", "takes (None, 48, 64, 3): expected (None, H, H, 1) or (None, H, H, 3), square"),
    ):
        done = mien("evaluate", tmp_path / name, "--data", made_csv, module="train")
        assert done.code == 1
        assert message in done.error_line()


def test_a_model_of_other_classes_than_the_data(mien, made_csv, tmp_path):
    pixels = keras.Input((48, 48, 1))
    keras.Model(pixels, keras.layers.Dense(3)(keras.layers.Flatten()(pixels))).save(tmp_path / "three.keras")
    done = mien("evaluate", tmp_path / "three.keras", "--data", made_csv, module="train")
    assert done.code == 1
    assert "has 3 classes, the data has 7" in done.err


@pytest.mark.slow
def test_limit_draws_that_many(mien, tmp_path):
    data = write_csv(tmp_path / "d.csv", 70, 35)
    done = mien("fit", "--arch", "simple-nn", "--data", data, "--out", tmp_path / "r", "--limit", 21, "--epochs", 1,
                module="train")  # fmt: skip
    assert "21 faces to fit" in done.out, done.err
    assert json.loads((tmp_path / "r" / "metrics.json").read_text())["scores"]["n"] == 21


@pytest.mark.slow
def test_python_fits_and_evaluates_as_the_command_does(made_csv, tmp_path):
    messages = []
    result = fit(recipe_of(tmp_path, 5), made_csv, tmp_path / "run", epochs=1, seed=3, log=messages.append)
    assert result.metrics == json.loads((tmp_path / "run" / "metrics.json").read_text())
    assert (result.metrics["epochs"], result.metrics["seed"]) == (1, 3)
    assert "210 faces to fit" in messages[0]
    found = evaluate(result.model, made_csv)
    assert found.metrics.accuracy == pytest.approx(result.accuracy)
    with pytest.raises(WrongUseError, match="unknown key 'depth' in the command line"):
        fit("cnn", made_csv, tmp_path / "other", depth=3)
