"""The command that installs an extra from where mien came from."""

import json
import re
import tomllib

import pytest

from edge import own_package
from edge.errors import MissingExtraError
from edge.own_package import LATEST_PYTHON, command_for_older_python, extra_command
from tests.conftest import ROOT


@pytest.fixture
def record(monkeypatch):
    """Have pip's record contain this."""

    def set_record(text):
        class Distribution:
            def read_text(self, name):
                assert name == "direct_url.json"
                return text

        monkeypatch.setattr(own_package, "distribution", lambda name: Distribution())

    return set_record


def test_from_an_index(record):
    for text in (None, "", "{}", "not json", "[]", '{"url": "https://example.org/mien.whl"}'):
        record(text)
        assert extra_command("train") == "pip install 'mien[train]'", text


def test_from_a_folder_and_from_a_file(record, tmp_path):
    folder = tmp_path / "a folder"
    folder.mkdir()
    wheel = folder / "mien-1.0-py3-none-any.whl"
    wheel.touch()
    record(json.dumps({"url": folder.as_uri(), "dir_info": {"editable": True}}))
    assert extra_command("train") == f"pip install -e '{folder}[train]'"
    record(json.dumps({"url": folder.as_uri(), "dir_info": {}}))
    assert extra_command("mqtt", "preview") == f"pip install '{folder}[mqtt,preview]'"
    record(json.dumps({"url": wheel.as_uri(), "archive_info": {}}))
    assert extra_command("train") == f"pip install '{wheel}[train]'"
    wheel.unlink()
    assert extra_command("train") == "pip install 'mien[train]'"


def test_a_checkout_that_is_not_installed(monkeypatch):
    def distribution(name):
        raise own_package.PackageNotFoundError(name)

    monkeypatch.setattr(own_package, "distribution", distribution)
    assert extra_command("train") == f"pip install -e '{ROOT}[train]'"
    assert str(MissingExtraError("train", "keras")).endswith(f"not installed: pip install -e '{ROOT}[train]'")


def test_a_package_that_does_not_exist_for_this_python_names_one_that_it_exists_for(record, monkeypatch):
    record(None)
    assert command_for_older_python("train", "tensorflow.lite", (3, 13)) is None
    assert command_for_older_python("train", "keras", (3, 14)) is None
    problem, command = command_for_older_python("train", "tensorflow.lite", (3, 14))
    assert "tensorflow.lite, which has no release for Python 3.14: expected Python 3.11 to 3.13" in problem
    assert command == "python3.13 -m venv mien-venv && mien-venv/bin/pip install 'mien[train]'"
    monkeypatch.setattr(own_package, "LATEST_PYTHON", {"tensorflow": (3, 10)})
    error = MissingExtraError("train", "tensorflow")
    assert str(error) == f"{error.problem}: {error.command}"
    assert error.command.startswith("python3.10 -m venv ")


def test_the_extras_leave_out_what_does_not_exist_for_a_python():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    lines = [line for extra in project["optional-dependencies"].values() for line in extra if "python_version" in line]
    bounds = {}
    for line in lines:
        name, version = re.fullmatch(r"([\w-]+)[^;]*; python_version < '([\d.]+)'", line).groups()
        major, minor = map(int, version.split("."))
        bounds[name] = (major, minor - 1)
    assert bounds == LATEST_PYTHON
