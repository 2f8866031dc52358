"""Four users, and a developer, follow the pages that are for them, from a fresh checkout: `make test-walks`."""

import hashlib
import json

import pytest

from tests.walks import developer, engineer, home_assistant, operator, student
from tests.walks.steps import follow, pages_of

pytestmark = pytest.mark.timeout(1800)


@pytest.mark.parametrize(("page", "steps"), pages_of(developer.WALK))
def test_the_developer_who_types_import_mien(newcomer, page, steps):
    follow(page, steps, newcomer)


@pytest.mark.parametrize(("page", "steps"), pages_of(home_assistant.WALK))
def test_an_evening_with_home_assistant(workstation, broker, page, steps):
    workstation.names["broker"] = broker.port
    follow(page, steps, workstation)


def test_the_student(trained):
    # The fixture has followed the page, because the engineer begins with its models.
    assert list(student.WALK) == ["docs/tutorial/train-and-compare.md"]
    for name in ("simple-nn", "cnn"):
        left = {path.name for path in (trained.folder / "runs" / name).iterdir()}
        assert {"model.keras", "metrics.json", "history.csv", "recipe.toml", "curves.png"} <= left


@pytest.mark.parametrize(("page", "steps"), pages_of(engineer.WALK))
def test_the_engineer_with_an_int8_number_to_defend(trained, page, steps):
    follow(page, steps, trained)


@pytest.mark.parametrize(("page", "steps"), pages_of(operator.WALK))
def test_the_operator_with_two_hundred_pis(fleet, page, steps):
    follow(page, steps, fleet)


def test_the_engineer_has_a_proof_to_attach(trained):
    page = (trained.folder / "cnn-int8-proof.html").read_text()
    sha256 = hashlib.sha256((trained.folder / "cnn-int8.tflite").read_bytes()).hexdigest()
    # What docs/tutorial/prove-an-int8-model.md lists.
    for words in (
        sha256,
        "operations use floats",
        "95 % interval",
        "McNemar",
        "one thread",
        "SQNR",
        "Passed the quality gate",
    ):
        assert words in page
    assert "://" not in page
    assert json.loads((trained.folder / "cnn-int8-proof.json").read_text())
