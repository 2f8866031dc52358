import csv

import numpy as np
import pytest

from edge.errors import MienError, WrongUseError
from train.recipes.schema import Fit, Recipe
from train.training import find_learning_rate
from train.training.learning_rate_range import LearningRateRange

SMALL = Recipe(
    "small",
    "cnn",
    model={"widths": [8, 16], "dense": 16, "dropout": 0.0},
    fit=Fit(epochs=2, batch_size=32, optimizer="sgd", learning_rate=0.05, precision="float32"),
)


@pytest.mark.slow
def test_the_lowest_loss_lies_between_no_learning_and_divergence(made_csv):
    seen = []
    found = find_learning_rate(SMALL, made_csv, steps=100, low=1e-5, on_step=lambda *step: seen.append(step))
    assert 1e-3 < found.lowest < 5
    assert found.smoothed[: found.end].min() < 0.7 * found.smoothed[0]
    assert [(rate, loss) for _, rate, loss in seen] == list(zip(found.rates, found.losses, strict=True))


@pytest.mark.slow
def test_the_rates_rise_geometrically_and_the_same_seed_gives_the_same_losses(made_csv):
    found = find_learning_rate(SMALL, made_csv, steps=30, low=1e-3, high=0.1)
    steps = np.diff(np.log(found.rates))
    assert steps == pytest.approx(np.full(29, steps[0]))
    assert found.rates[0] == pytest.approx(1e-3)
    assert found.rates[-1] == pytest.approx(0.1)
    assert find_learning_rate(SMALL, made_csv, steps=30, low=1e-3, high=0.1) == found


@pytest.mark.slow
def test_what_replaces_the_recipes_values_is_used(made_csv):
    plain = find_learning_rate(SMALL, made_csv, steps=30, low=1e-3, high=0.1)
    smoothed = find_learning_rate(SMALL, made_csv, steps=30, low=1e-3, high=0.1, label_smoothing=0.5)
    # The loss of targets that are half uniform cannot be as low.
    assert smoothed.losses != plain.losses


@pytest.mark.slow
def test_a_loss_that_only_rises_is_an_error(made_csv):
    with pytest.raises(MienError, match=r"falls clearly at no learning rate between 50 and 100: give more --steps"):
        find_learning_rate(SMALL, made_csv, steps=20, low=50.0, high=100.0)


@pytest.mark.parametrize(
    ("bounds", "message"),
    [
        ({"low": 0.1, "high": 0.01}, "from 0.1 to 0.01: expected 0 < --min < --max"),
        ({"low": 0.0}, "expected 0 < --min"),
        ({"high": float("inf")}, "expected 0 < --min"),
        ({"steps": 3}, "3 batches show no curve: expected --steps of at least 20"),
    ],
)
def test_bounds_that_make_no_range_are_rejected_before_the_data_is_read(bounds, message, tmp_path):
    with pytest.raises(WrongUseError, match=message):
        find_learning_rate(SMALL, tmp_path / "missing.csv", **bounds)


def curve(*points):
    """A range test whose losses are those between the points, with noise of a standard deviation of 0.05."""
    losses = np.interp(np.arange(200), *zip(*points, strict=True)) + np.random.default_rng(0).normal(0, 0.05, 200)
    rates = np.geomspace(1e-6, 10, 200)
    return LearningRateRange("made", "", tuple(map(float, rates)), tuple(map(float, losses)))


def test_the_lowest_loss_before_the_first_rise_counts():
    # As `cnn` does: after it has become unstable, it learns to give every face the same answer.
    found = curve((0, 2.5), (90, 2.5), (140, 2.0), (160, 2.7), (180, 1.9), (199, 2.9))
    assert 130 < found.rates.index(found.lowest) < 150
    assert 140 < found.end < 165
    assert found.noise == pytest.approx(0.05 / np.sqrt(11), rel=0.2)
    assert found.has_fallen


def test_noise_is_neither_a_fall_nor_a_rise():
    found = curve((0, 2.0), (199, 2.0))
    assert not found.has_fallen
    assert found.end == 200
    assert not curve((0, 2.0), (100, 2.0), (199, 4.0)).has_fallen
    # A fall to the end, without a rise.
    assert curve((0, 2.0), (199, 1.0)).rates.index(curve((0, 2.0), (199, 1.0)).lowest) > 190


@pytest.mark.slow
def test_the_command_prints_a_rate_and_writes_chart_and_table(mien, made_csv, tmp_path):
    recipe = tmp_path / "small.toml"
    recipe.write_text(
        'name = "small"\narchitecture = "cnn"\n[model]\nwidths = [8, 16]\ndense = 16\ndropout = 0.0\n'
        '[fit]\nbatch_size = 32\noptimizer = "sgd"\nprecision = "float32"\n'
    )
    out = tmp_path / "range"
    done = mien(
        "find-lr", "--recipe", recipe, "--data", made_csv, "--steps", 80, "--out", out, module="train"
    )  # fmt: skip
    assert done.code == 0, done.err
    assert "as the peak of a schedule: --learning-rate 0." in done.out
    assert (out / "learning-rates.png").read_bytes().startswith(b"\x89PNG")
    rows = list(csv.DictReader((out / "learning-rates.csv").read_text().splitlines()))
    assert rows
    assert set(rows[0]) == {"learning_rate", "loss", "smoothed_loss"}


def test_the_command_wants_one_recipe(mien, made_csv):
    done = mien("find-lr", "--data", made_csv, module="train")
    assert done.code == 2
    assert "give either --arch NAME" in done.err
