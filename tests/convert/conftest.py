import pytest

from convert.tensorflow import import_tensorflow


@pytest.fixture(scope="session", autouse=True)
def tensorflow():
    return import_tensorflow()
