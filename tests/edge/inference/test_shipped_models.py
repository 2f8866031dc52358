from pathlib import Path

import pytest

from edge.errors import ModelError, UnknownModelError
from edge.inference import find_model, path_of_model
from edge.system.suggestions import did_you_mean
from tests.conftest import SHIPPED


def test_a_shipped_model_is_found_by_its_name_with_and_without_the_scheme():
    assert find_model("mien-small-int8") == find_model("mien-small") != SHIPPED
    assert find_model("mien-small-ferplus-int8") == find_model("mien-small-ferplus") == SHIPPED
    assert path_of_model(Path("mien-small-ferplus")) == SHIPPED


def test_a_name_that_fits_several_models_is_none(monkeypatch, tmp_path):
    for name in ("net-int8", "net-float32", "net-wide-int8"):
        (tmp_path / f"{name}.tflite").touch()
    monkeypatch.setenv("MIEN_MODELS", str(tmp_path))
    assert find_model("net-int8").parent == tmp_path
    with pytest.raises(UnknownModelError, match="no model 'net'"):
        find_model("net")
    assert find_model("net-wide").name == "net-wide-int8.tflite"


def test_a_misspelled_name_is_wrong_use_with_a_suggestion():
    with pytest.raises(UnknownModelError, match=r"no model 'mien-smal'.*; did you mean mien-small-int8\?$") as caught:
        find_model("mien-smal")
    assert caught.value.exit_code == 2


@pytest.mark.parametrize("path", ["none.tflite", "folder/none"])
def test_a_missing_file_is_named_as_such(path):
    with pytest.raises(ModelError, match=f"no model '{path}': no such file; expected a .tflite file") as caught:
        find_model(path)
    assert caught.value.exit_code == 1


def test_a_path_goes_before_a_name(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    Path("mien-small").mkdir()
    assert path_of_model(Path("mien-small")) == Path("mien-small")
    assert path_of_model(Path("none")) == Path("none")


def test_suggestions():
    assert did_you_mean("YuNett", ["blazeface", "yunet"]) == "; did you mean yunet?"
    assert did_you_mean("zzz", ["blazeface", "yunet"]) == ""
