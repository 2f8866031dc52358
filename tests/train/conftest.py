import pytest

from train.backend import import_keras


@pytest.fixture(scope="session", autouse=True)
def keras():
    return import_keras()
