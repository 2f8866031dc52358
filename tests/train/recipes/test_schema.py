import subprocess
import sys
import tomllib

import pytest

from edge.errors import DataError, WrongUseError
from tests.conftest import ROOT
from train.recipes.catalog import recipe_names
from train.recipes.schema import load_recipe


def test_the_shipped_recipes_load():
    assert {"simple-nn", "cnn", "mien-small"} <= set(recipe_names())
    for name in recipe_names():
        recipe = load_recipe(name)
        assert recipe.name == name
        assert recipe.description


def test_unknown_recipes_and_files(tmp_path):
    with pytest.raises(WrongUseError, match="no recipe 'vgg': expected one of cnn"):
        load_recipe("vgg")
    with pytest.raises(DataError, match="cannot read the recipe"):
        load_recipe(tmp_path / "none.toml")


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("name = ", "is not TOML"),
        ('name = "x"', "lacks architecture"),
        ('name = "x"\narchitecture = "cnn"\nstages = 3', r"expected tables, each with the heading \[\[stages\]\]"),
        ('name = "x"\narchitecture = "cnn"\n[[stages]]\ntrain = "all"', r"\[\[stages\]\], lacks name"),
        ('name = "x"\narchitecture = "cnn"\n[[stages]]\nname = "a"\nepoch = 3', "did you mean 'epochs'"),
        ('name = "x"\narchitecture = "cnn"\n[[stages]]\nname = "a"\nepochs = 0', "epochs in .* is 0"),
        ('name = "x"\narchitecture = "cnn"\n[augment]\nenabled = true\nmixup = -1.0', "mixup in .* is -1.0"),
        ('name = "x"\narchitecture = "cnn"\n[augment]\nmixup = 0.2', "lacks enabled: expected true or false"),
        ('name = "x"\narchitecture = "cnn"\n[fit]\nepochs = 3\n[[stages]]\nname = "a"', "has epochs beside stages"),
        ('name = "x"\narchitecture = "cnn"\nweights = 3', "weights in .* is 3: expected a string"),
        ('name = "x"\narchitecture = "cnn"\nepoch = 3', "unknown key 'epoch'"),
        ('name = "x"\narchitecture = "cnn"\n[fit]\nepoch = 3', "did you mean 'epochs'"),
        ('name = "x"\narchitecture = "cnn"\n[fit]\nepochs = "many"', "epochs in .* is 'many': expected a whole number"),
        ('name = "x"\narchitecture = "cnn"\n[fit]\nepochs = 0', r"epochs in .* is 0: expected 1 to"),
        ('name = "x"\narchitecture = "cnn"\n[fit]\noptimizer = "lion"', "expected one of adam, sgd"),
        (
            'name = "x"\narchitecture = "cnn"\n[augment]\nenabled = true\nflip = 1',
            "flip in .* is 1: expected true or false",
        ),
        ('name = "x"\narchitecture = "cnn"\nfit = 3', "is 3: expected a table"),
        ('name = "x"\narchitecture = "cnn"\nmodel = 3', "expected a table"),
        ('name = "x"\narchitecture = ["cnn"]', "expected a string"),
        ('name = "x"\narchitecture = "cnn"\n[fit]\nseed = -1', "seed in .* is -1"),
        ('name = "x"\narchitecture = "cnn"\n[fit]\nema = 5.0', "ema in .* is 5.0: expected 0 to 1"),
        ('name = "x"\narchitecture = "cnn"\n[augment]\nenabled = true\nerasing = 7.0', "erasing in"),
    ],
)
def test_a_bad_recipe_is_named(tmp_path, text, complaint):
    path = tmp_path / "r.toml"
    path.write_text(text)
    with pytest.raises(DataError, match=complaint):
        load_recipe(path)


def test_whole_numbers_stand_for_real_ones(tmp_path):
    (tmp_path / "r.toml").write_text('name = "x"\narchitecture = "cnn"\n[fit]\nlearning_rate = 1\n')
    assert load_recipe(tmp_path / "r.toml").fit.learning_rate == 1


def test_a_command_line_changes_a_recipe_and_none_leaves_it():
    recipe = load_recipe("cnn").with_changes({"epochs": 2, "seed": None}, augment=True)
    assert (recipe.fit.epochs, recipe.fit.seed, recipe.augment.enabled) == (2, 0, True)
    for rate in (-1.0, float("nan"), float("inf")):
        with pytest.raises(WrongUseError, match="learning_rate in the command line is"):
            recipe.with_changes({"learning_rate": rate})


def test_the_command_line_changes_stages_only_where_it_can():
    recipe = load_recipe("resnet50").with_changes({"epochs": 3}, weights="none", input_size=96)
    assert [stage.epochs for stage in recipe.stages] == [3, 3]
    assert recipe.model["input_size"] == 96
    assert recipe.weights == "none"
    with pytest.raises(WrongUseError, match="resnet50 has stages, each with its learning_rate"):
        recipe.with_changes({"learning_rate": 0.1})


def test_a_staged_recipe_survives_being_written_down():
    import tomli_w

    from train.recipes.schema import parse_recipe

    recipe = load_recipe("vgg16-finetune").with_changes({"epochs": 2}, weights="none")
    table = tomllib.loads(tomli_w.dumps(recipe.as_dict()))
    assert parse_recipe(table, "again") == recipe


def test_a_try_of_one_epoch_does_not_end_in_its_warm_up():
    from train.training.optimizer import build_optimizer

    recipe = load_recipe("mien-small").with_changes({"epochs": 1})
    optimizer = build_optimizer(recipe.fit, recipe.plan()[0], 100)
    rates = [float(optimizer._learning_rate(step)) for step in range(100)]
    assert max(rates) == pytest.approx(recipe.fit.learning_rate, rel=0.01)
    assert rates[-1] < 0.1 * recipe.fit.learning_rate


def test_a_former_key_is_accepted_with_one_line(tmp_path, caplog):
    path = tmp_path / "r.toml"
    path.write_text('name = "x"\narchitecture = "cnn"\n[fit]\nbalance = 0.5\n')
    assert load_recipe(path).fit.logit_adjustment == 0.5
    assert caplog.messages == [f"{path}, [fit]: the key 'balance' is deprecated, use 'logit_adjustment'"]
    path.write_text('name = "x"\narchitecture = "cnn"\n[fit]\nbalance = 0.5\nlogit_adjustment = 0.5\n')
    with pytest.raises(DataError, match="has balance and logit_adjustment"):
        load_recipe(path)


@pytest.mark.parametrize("path", sorted((ROOT / "train" / "records").rglob("recipe.toml")), ids=lambda p: p.parent.name)
def test_the_recorded_recipes_load(path):
    folder = path.relative_to(ROOT / "train" / "records").parts[0]
    # The averages that ship have the names of the recipes.
    assert load_recipe(path).name == folder.removesuffix("-distilled")


def test_a_list_of_recipes_needs_no_pydantic():
    code = "import sys; sys.modules['pydantic'] = None; import train.recipes as r; print(r.shipped_recipes())"
    done = subprocess.run([sys.executable, "-P", "-c", code], capture_output=True, text=True)
    assert "mien-small" in done.stdout, done.stderr
