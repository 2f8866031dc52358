"""The modules that pages are built with: docs/ is no package."""

import importlib.util
import sys

import pytest

from tests.conftest import ROOT


def module_of_docs(name):
    if str(ROOT / "docs") not in sys.path:
        sys.path.append(str(ROOT / "docs"))
    spec = importlib.util.spec_from_file_location(name, ROOT / "docs" / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def card_tables():
    return module_of_docs("card_tables")


@pytest.fixture(scope="session")
def wild_tables():
    return module_of_docs("wild_tables")


@pytest.fixture(scope="session")
def robustness_tables():
    return module_of_docs("robustness_tables")
