import csv
import signal
import subprocess
import sys
import time
import tomllib

import pytest

from edge.errors import DataError, MissingExtraError, WrongUseError
from tests.train.conftest import epochs_of
from train.recipes.schema import Fit, Recipe, load_recipe
from train.training import search
from train.training.checkpoint import Checkpoint
from train.training.recipe_search import best_trial
from train.training.search_space import Choice, Range, SearchSpace, changed_recipe, default_space, load_space

SMALL = Recipe(
    "small",
    "simple-nn",
    model={"units": [16], "dropout": 0.0},
    fit=Fit(epochs=3, batch_size=16, optimizer="sgd", learning_rate=0.003, precision="float32"),
)
RATES = SearchSpace({"fit.learning_rate": Range(0.0003, 0.03, log=True), "model.units": Choice(([16], [24]))})


@pytest.fixture
def space_file(tmp_path):
    def write(text):
        path = tmp_path / "space.toml"
        path.write_text(text)
        return path

    return write


@pytest.mark.slow
def test_a_search_leaves_trials_a_table_a_chart_and_the_best_recipe(made_csv, tmp_path):
    out = tmp_path / "search"
    seen = []
    found = search(SMALL, made_csv, out, space=RATES, trials=4, prune=False, on_trial=seen.append)
    assert found == seen
    assert [trial.state for trial in found] == ["complete"] * 4
    # The first trial is the recipe as it is; the others differ.
    assert found[0].values == {"fit.learning_rate": 0.003, "model.units": [16]}
    assert len({trial.values["fit.learning_rate"] for trial in found}) == 4
    best = best_trial(found)
    assert best.accuracy == max(trial.accuracy for trial in found)
    recipe = load_recipe(out / "best.toml")
    assert recipe == changed_recipe(SMALL, best.values, "test")
    # Each trial is a finished run; one model is kept.
    assert [path.parent.name for path in out.glob("trials/*/model.keras")] == [best.folder]
    assert len(list(out.glob("trials/*/metrics.json"))) == 4
    rows = list(csv.DictReader((out / "trials.csv").read_text().splitlines()))
    assert [float(row["accuracy"]) for row in rows] == [trial.accuracy for trial in found]
    assert (out / "trials.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.slow
def test_the_best_recipe_gives_the_best_trial_again(made_csv, tmp_path, mien):
    out = tmp_path / "search"
    found = search(SMALL, made_csv, out, space=RATES, trials=3, prune=False)
    again = tmp_path / "again"
    done = mien("fit", "--recipe", out / "best.toml", "--data", made_csv, "--out", again, module="train")
    assert done.code == 0, done.err
    assert epochs_of(again) == epochs_of(out / "trials" / best_trial(found).folder)


@pytest.mark.slow
def test_a_bad_trial_is_pruned(made_csv, tmp_path):
    # Rates that learn nothing after six that learn: the median of those is better after the first epochs.
    out = tmp_path / "search"
    recipe = changed_recipe(SMALL, {"fit.epochs": 6}, "test")
    search(recipe, made_csv, out, space=SearchSpace({"fit.learning_rate": Range(0.002, 0.0021)}), trials=6, prune=False)
    text = (out / "search.toml").read_text()
    (out / "search.toml").write_text(
        text.replace("low = 0.002", "low = 1e-12").replace("high = 0.0021", "high = 1e-11")
    )
    found = search(None, made_csv, out, trials=7, resume=True)
    assert [trial.state for trial in found] == ["complete"] * 6 + ["pruned"]
    assert found[-1].epochs < 6
    assert not (out / "trials" / found[-1].folder / "checkpoint").exists()


@pytest.mark.slow
def test_a_trial_whose_loss_diverges_fails_and_the_search_goes_on(made_csv, tmp_path):
    space = SearchSpace({"fit.learning_rate": Range(900.0, 1000.0)})
    recipe = changed_recipe(SMALL, {"fit.learning_rate": 1000.0, "model.units": [64, 64, 64]}, "test")
    found = search(recipe, made_csv, tmp_path / "search", space=space, trials=2)
    assert [trial.state for trial in found] == ["failed"] * 2
    assert "the learning rate is too high" in found[0].error
    assert best_trial(found) is None


@pytest.mark.slow
def test_a_recipe_that_cannot_be_built_ends_the_search(made_csv, tmp_path):
    space = SearchSpace({"model.units": Choice(([16], ["many"]))})
    with pytest.raises(Exception, match="\\[model\\] does not fit"):
        search(SMALL, made_csv, tmp_path / "search", space=space, trials=5)


@pytest.mark.slow
def test_a_killed_search_goes_on_with_the_same_trial(made_csv, tmp_path):
    out, recipe = tmp_path / "search", tmp_path / "small.toml"
    recipe.write_text(
        'name = "small"\narchitecture = "simple-nn"\n[model]\nunits = [16]\n'
        '[fit]\nepochs = 400\nbatch_size = 16\noptimizer = "sgd"\nlearning_rate = 0.003\nprecision = "float32"\n'
    )
    line = ["search", "--recipe", recipe, "--data", made_csv, "--out", out, "--trials", 1]
    history = out / "trials" / "0000" / "history.csv"
    with subprocess.Popen([sys.executable, "-P", "-m", "train", *map(str, line)], stdout=subprocess.DEVNULL) as process:
        deadline = time.monotonic() + 120
        while time.monotonic() < deadline and not (history.exists() and len(history.read_text().splitlines()) > 3):
            time.sleep(0.01)
        process.send_signal(signal.SIGKILL)
    finished = len(history.read_text().splitlines()) - 2
    assert finished > 0
    # Shorter, so that the test ends: what is left of the trial is what counts.
    for file in (out / "search.toml", out / "trials" / "0000" / "recipe.toml"):
        file.write_text(file.read_text().replace("epochs = 400", f"epochs = {finished + 4}"))
    found = search(None, made_csv, out, trials=2, resume=True)
    assert [(trial.folder, trial.state) for trial in found] == [("0000", "complete"), ("0002", "complete")]
    assert found[0].epochs == finished + 4
    assert found[0].values["fit.learning_rate"] == 0.003


@pytest.mark.slow
def test_an_epoch_that_has_a_line_in_the_history_and_no_checkpoint_is_reported_once(made_csv, tmp_path, monkeypatch):
    out, commit, calls = tmp_path / "search", Checkpoint.commit, []

    def interrupted(checkpoint):
        calls.append(checkpoint)
        if len(calls) == 2:
            raise KeyboardInterrupt
        commit(checkpoint)

    monkeypatch.setattr(Checkpoint, "commit", interrupted)
    with pytest.raises(KeyboardInterrupt):
        search(changed_recipe(SMALL, {"fit.epochs": 3}, "test"), made_csv, out, space=RATES, trials=1)
    assert len((out / "trials" / "0000" / "history.csv").read_text().splitlines()) == 3
    (found,) = search(None, made_csv, out, trials=2, resume=True)[:1]
    assert (found.folder, found.state, found.epochs) == ("0000", "complete", 3)


@pytest.mark.slow
def test_a_trial_that_ended_without_a_line_in_the_journal_is_not_trained_again(made_csv, tmp_path):
    out = tmp_path / "search"
    search(SMALL, made_csv, out, space=RATES, trials=1)
    # As after a kill before the last lines: those that give the trial its value.
    lines = (out / "optuna.log").read_text().splitlines(keepends=True)
    begun = max(number for number, line in enumerate(lines) if "intermediate_value" in line)
    (out / "optuna.log").write_text("".join(lines[: begun + 1]))
    before = (out / "trials" / "0000" / "history.csv").read_bytes()
    (found,) = search(None, made_csv, out, resume=True, trials=1)
    assert (found.folder, found.state, found.epochs) == ("0000", "complete", 3)
    assert (out / "trials" / "0000" / "history.csv").read_bytes() == before


@pytest.mark.slow
def test_two_searches_in_one_folder_are_rejected(made_csv, tmp_path):
    out = tmp_path / "search"
    search(SMALL, made_csv, out, space=RATES, trials=1)

    def meanwhile(trial):
        with pytest.raises(WrongUseError, match="another process searches in"):
            search(None, made_csv, out, resume=True, trials=2)

    search(None, made_csv, out, resume=True, trials=2, on_trial=meanwhile)


@pytest.mark.slow
def test_ctrl_c_shows_how_to_go_on(made_csv, tmp_path):
    out = tmp_path / "search"
    line = ["search", "--arch", "simple-nn", "--data", made_csv, "--out", out, "--epochs", 400, "--batch-size", 16]
    process = subprocess.Popen(
        [sys.executable, "-P", "-m", "train", *map(str, line)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    history = out / "trials" / "0000" / "history.csv"
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and not (history.exists() and len(history.read_text().splitlines()) > 2):
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    assert f"with --resume continues the search in {out}" in err
    assert "Traceback" not in err


@pytest.mark.slow
def test_nothing_but_the_number_of_trials_changes_with_resume(made_csv, tmp_path):
    out = tmp_path / "search"
    search(SMALL, made_csv, out, space=RATES, trials=1)
    with pytest.raises(WrongUseError, match="the recipe or an option that changes it cannot change with --resume"):
        search(SMALL, made_csv, out, resume=True, epochs=9)
    with pytest.raises(WrongUseError, match=r"the data \(limit\) cannot change"):
        search(None, made_csv, out, resume=True, limit=20)
    with pytest.raises(WrongUseError, match="--space cannot change"):
        search(None, made_csv, out, resume=True, space=SearchSpace({"fit.batch_size": Choice((8, 16))}))
    assert len(search(None, made_csv, out, resume=True, trials=1)) == 1


def test_a_search_starts_in_an_empty_folder_only(made_csv, tmp_path):
    (tmp_path / "something").touch()
    with pytest.raises(WrongUseError, match="is not empty"):
        search(SMALL, made_csv, tmp_path)
    with pytest.raises(WrongUseError, match="no search to resume"):
        search(None, made_csv, tmp_path, resume=True)


@pytest.mark.slow
def test_data_that_cannot_be_read_leaves_no_folder(tmp_path):
    data = tmp_path / "fer2013.csv"
    data.write_text("emotion,pixels,Usage\n0,1 2 3,Training\n")
    with pytest.raises(DataError):
        search(SMALL, data, tmp_path / "search")
    assert not (tmp_path / "search").exists()


def test_optuna_that_is_missing_is_named_before_anything_is_read(made_csv, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "optuna", None)
    with pytest.raises(MissingExtraError, match="optuna"):
        search(SMALL, made_csv, tmp_path / "search")
    assert not (tmp_path / "search").exists()


def test_a_space_is_read_from_a_file(space_file):
    path = space_file(
        "[fit]\nlearning_rate = { low = 0.001, high = 0.1, log = true }\nbatch_size = [32, 64]\n"
        "[augment]\nrotation_deg = { low = 0, high = 20 }\n[model]\nunits = [[16], [32, 32]]\n"
    )
    space = load_space(path, SMALL)
    assert space.dimensions == {
        "fit.learning_rate": Range(0.001, 0.1, log=True),
        "fit.batch_size": Choice((32, 64)),
        "augment.rotation_deg": Range(0, 20),
        "model.units": Choice(([16], [32, 32])),
    }
    assert space.as_dict()["fit"]["batch_size"] == [32, 64]
    assert tomllib.loads(path.read_text())["model"] == space.as_dict()["model"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[fit]\nlearning_rte = [1, 2]\n", "did you mean 'learning_rate'"),
        ("[fit]\nlearning_rate = 0.1\n", "expected a list of two values or more, or { low = A, high = B }"),
        ("[fit]\nlearning_rate = [0.1]\n", "expected a list of two values"),
        ("[fit]\nlearning_rate = [0.1, 0.1]\n", "expected a list of two values"),
        ("[fit]\nlearning_rate = { low = 1.0, high = 0.1 }\n", "expected a list of two values"),
        ("[fit]\nlearning_rate = { low = 0, high = 1, log = true }\n", "expected low above 0"),
        ("[fit]\nlabel_smoothing = { low = 0.0, high = 2.0 }\n", "label_smoothing .* 2.0: expected 0 to 1"),
        ("[fitt]\nlearning_rate = [1, 2]\n", r"expected the tables \[fit\], \[augment\] and \[model\]"),
        ("", "has no key"),
        ("[fit\n", "cannot read the search space"),
    ],
)
def test_a_space_that_the_recipe_does_not_accept_is_one_line(space_file, text, message):
    with pytest.raises(DataError, match=message) as caught:
        load_space(space_file(text), SMALL)
    assert "\n" not in str(caught.value)


def test_the_default_space_surrounds_the_recipes_values():
    recipe = load_recipe("cnn")
    space = default_space(recipe)
    assert space.parameters(recipe).keys() == space.dimensions.keys()
    # Stages have a learning rate each.
    assert "fit.learning_rate" not in default_space(load_recipe("vgg16-finetune")).dimensions
