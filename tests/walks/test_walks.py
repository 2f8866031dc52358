"""Four users, and a developer, follow the pages that are for them, from a fresh checkout: `make test-walks`."""

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
