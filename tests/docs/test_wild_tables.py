"""The committed results of `mien benchmark wild`, and the tables that pages make of them."""

import json
import re

import pytest
from jsonschema import Draft202012Validator

from edge.events import UNCERTAIN_BELOW
from edge.inference.shipped_models import MODELS_FOLDER
from edge.system.hashing import sha256_of
from tests.conftest import ROOT

LONDON = ROOT / "docs" / "wild" / "london.json"
RESULTS = json.loads(LONDON.read_text())


def cells(table):
    head, _, *rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in table.splitlines()]
    return [dict(zip(head, row, strict=True)) for row in rows]


@pytest.mark.parametrize("path", [LONDON, LONDON.with_name("lfw.json")], ids=lambda path: path.stem)
def test_the_results_are_those_of_the_shipped_models(path):
    results = json.loads(path.read_text())
    schema = json.loads((ROOT / "edge" / "benchmark" / "wild.schema.json").read_text())
    Draft202012Validator(schema).validate(results)
    assert not results["partial"]
    *ours, fer = results["models"]
    assert fer["name"] == "fer"
    names = ("mien-nano-int8", "mien-small-int8", "mien-nano-ferplus-int8", "mien-small-ferplus-int8")
    for model, name in zip(ours, names, strict=True):
        assert (model["name"], model["sha256"]) == (name, sha256_of(MODELS_FOLDER / f"{name}.tflite"))


def test_the_results_were_measured_with_the_threshold_of_today():
    """Otherwise the page shows what another threshold does: measure again."""
    for model in RESULTS["models"]:
        assert model["raw"]["selective"]["default"]["threshold"] == UNCERTAIN_BELOW


def test_a_row_for_each_model(wild_tables):
    rows = cells(wild_tables.table(LONDON))
    names = list(dict.fromkeys(row["model"] for row in rows))
    assert names == [f"`{model['name']}`" for model in RESULTS["models"]]
    smiles = RESULTS["models"][0]["raw"]["summary"]["recall"]["happy"]
    assert rows[0]["recall, happy"].startswith(f"{100 * smiles['value']:.0f} % ({100 * smiles['low']:.0f}–")


def test_a_row_for_each_group(wild_tables):
    rows = cells(wild_tables.table(LONDON, "ethnicity", "mien-small-int8"))
    groups = RESULTS["models"][1]["raw"]["groups"]["ethnicity"]
    assert {row["ethnicity"]: int(row["pictures"]) for row in rows} == {
        value.replace("_", " "): summary["n"] for value, summary in groups.items()
    }
    assert "model" not in rows[0]
    for wrong in (("age",), ("gender", "theirs")):
        with pytest.raises(KeyError):
            wild_tables.table(LONDON, *wrong)


def test_what_the_threshold_does(wild_tables):
    rows = cells(wild_tables.table(LONDON, "uncertain"))
    assert {row["threshold"] for row in rows} == {f"{UNCERTAIN_BELOW:.2f}"}


def test_the_directives_of_pages_can_be_filled_in(wild_tables):
    found = 0
    for page in (ROOT / "docs").rglob("*.md"):
        for name, argument in re.findall(r"\{\{ (wild|measured) ([^}]+) \}\}", page.read_text()):
            path, *rest = argument.split()
            text = getattr(wild_tables, "table" if name == "wild" else name)(ROOT / path, *rest)
            pictures = json.loads((ROOT / path).read_text())["data"]["pictures"]
            assert text.startswith("|" if name == "wild" else f"{pictures} pictures")
            found += 1
    assert found >= 5
