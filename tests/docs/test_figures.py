"""docs/figures.toml and the README agree with the cards of the shipped models."""

import json
import re
import tomllib

import pytest

from edge.inference.model_card import read_model
from edge.inference.shipped_models import DEFAULT_MODEL, MODELS_FOLDER
from tests.conftest import ROOT
from train.recipes.catalog import recipe_names

FIGURES = tomllib.loads((ROOT / "docs" / "figures.toml").read_text())
#: Those in the README: for a board with Linux.
FOR_BOARDS = ["mien-nano", "mien-small"]
#: For people before a camera: their labels are not those of FER-2013.
FOR_CAMERAS = ["mien-nano-ferplus", "mien-small-ferplus"]
MODELS = ["mien-pico", *FOR_BOARDS, *FOR_CAMERAS]


def measured(model):
    return read_model(MODELS_FOLDER / f"{model}-int8.tflite").card.measured


@pytest.mark.parametrize("model", MODELS)
def test_figures_are_those_of_the_card(model):
    figures, card = FIGURES[model.replace("-", "_")], measured(model)
    before, after = card["before"], card["after"]
    assert figures["accuracy_float"] == f"{before['accuracy']:.2%}"[:-1]
    assert figures["accuracy_int8"] == f"{after['accuracy']:.2%}"[:-1]
    assert figures["macro_f1_float"] == f"{before['macro_f1']:.3f}"
    assert figures["macro_f1_int8"] == f"{after['macro_f1']:.3f}"
    assert figures["agreement"] == f"{card['agreement']:.2%}"[:-1]
    assert figures["mean_change"] == f"{card['mean_change']:.4f}"
    assert figures["recall"] == {label: f"{rate:.1%}"[:-1] for label, rate in after["recall"].items()}
    if model in FOR_CAMERAS:
        majority = read_model(MODELS_FOLDER / f"{model}-int8.tflite").card.score_calibration["before"]
        assert figures["majority"] == f"{100 * majority['accuracy']:.1f}"
        assert figures["majority_recall"] == {label: f"{100 * rate:.1f}" for label, rate in majority["recall"].items()}
    if "recall_float" in figures:
        assert figures["recall_float"] == {label: f"{rate:.1%}"[:-1] for label, rate in before["recall"].items()}
    size_kib = (MODELS_FOLDER / f"{model}-int8.tflite").stat().st_size / 1024
    assert figures["size_kib"] == f"{size_kib:,.0f}"
    assert FIGURES["data"]["public_test"] == f"{card['n']:,}"
    assert FIGURES["data"]["support"] == {label: str(count) for label, count in after["support"].items()}


@pytest.mark.parametrize("name", FIGURES["records"])
def test_figures_of_a_run_of_record_are_those_of_its_metrics(name):
    figures = FIGURES["records"][name]
    metrics = json.loads((ROOT / "train" / "records" / name / "metrics.json").read_text())
    assert figures["accuracy"] == f"{metrics['scores']['accuracy']:.2%}"[:-1]
    assert (figures.get("epochs"), figures.get("best")) == tuple(
        str(metrics[key]) if key in metrics else None for key in ("epochs", "best_epoch")
    )


def test_the_table_of_recipes_has_them_all_with_their_runs_and_weights():
    text = (ROOT / "docs" / "reference" / "recipes.md").read_text()
    table = text[text.index("| recipe |") :].partition("\n\n")[0].splitlines()
    heads, *rows = ([cell.strip() for cell in line.split("|")[1:-1]] for line in (table[0], *table[2:]))
    assert {row[0].strip("`") for row in rows} == set(recipe_names())
    records = {path.name for path in (ROOT / "train" / "records").iterdir() if path.is_dir()}
    for row in rows:
        stated = dict(zip(heads, row, strict=True))
        run = re.fullmatch(r"\*\*\{\{ figure records\.(\S+)\.accuracy \}\} %\*\*", stated["measured, PublicTest"])[1]
        assert stated["recipe"].strip("`") in (run, run.removesuffix("-distilled"))
        assert run in FIGURES["records"]
        assert stated["began with"].strip("`") in {"random", "ImageNet", "its two members", *records}


def test_the_readme_shows_the_same_figures():
    text = (ROOT / "README.md").read_text()
    rows = {
        cells[0].split("`")[1]: cells[1:]
        for cells in ([cell.strip() for cell in line.split("|")[1:-1]] for line in text.splitlines())
        if cells and re.match(r"`mien-\w+-int8`", cells[0])
    }
    assert list(rows) == [f"{model}-int8" for model in FOR_BOARDS]
    for name, row in rows.items():
        figures = FIGURES[name.removesuffix("-int8").replace("-", "_")]
        label, rate = min(figures["recall"].items(), key=lambda item: float(item[1]))
        assert row == [
            f"{figures['accuracy_int8']} %",
            f"{figures['accuracy_float']} %",
            figures["macro_f1_int8"],
            f"{label} {rate} %",
            f"{figures['network_ms']} ms",
            f"{figures['size_kib']} KiB",
        ]


def test_the_readme_states_the_recall_of_each_class():
    text = " ".join((ROOT / "README.md").read_text().split())
    limits = re.search(r"\*\*An expression is not a feeling\*\*.*?skin tones", text)[0]
    stated = [int(rate) for rate in re.findall(r"(\d+) %", limits)]
    card = read_model(MODELS_FOLDER / f"{DEFAULT_MODEL}.tflite").card
    recall = card.score_calibration["before"]["recall"]
    assert stated == sorted((round(100 * rate) for rate in recall.values()), reverse=True)


def test_the_readme_states_the_resting_faces_as_the_benchmark_on_photographs_has_them():
    text = " ".join((ROOT / "README.md").read_text().split())
    sentence = r"reads (\d+) % of the .* as neutral without a prior, `mien-small-int8` (\d+) % and `fer` (\d+) %"
    stated = re.search(sentence, text)
    models = {each["name"]: each["raw"] for each in json.loads((ROOT / "docs/wild/lfw.json").read_text())["models"]}
    names = ("mien-small-ferplus-int8", "mien-small-int8", "fer")
    recalls = [models[name]["summary"]["recall"]["neutral"] for name in names]
    assert list(stated.groups()) == [f"{100 * recall['value']:.0f}" for recall in recalls]


def test_every_figure_that_a_page_names_is_there():
    for page in (ROOT / "docs").rglob("*.md"):
        for path in re.findall(r"\{\{ figure (\S+) \}\}", page.read_text()):
            value = FIGURES
            for key in path.split("."):
                assert key in value, f"{page}: {path}"
                value = value[key]
            assert isinstance(value, str), f"{page}: {path}"


def test_the_readme_and_the_page_have_the_figures_of_performance():
    readme, page = ((ROOT / name).read_text() for name in ("README.md", "docs/explanation/performance.md"))
    figures = FIGURES["performance"]
    for key in ("fps", "fps_auto", "faster_than_fer", "faster_than_fer_auto"):
        assert re.search(rf"\b{re.escape(figures[key])}\b", readme), key
    for key, value in figures.items():
        assert re.search(rf"\b{re.escape(value)}\b", page), key
