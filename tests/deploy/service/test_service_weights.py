"""Where the weights of the service come from."""

import os
import pwd
import shutil
from types import SimpleNamespace

import pytest

from deploy.service import service_weights as module
from deploy.service.service_weights import changed_environment, service_weights
from edge.detection.weights import WEIGHTS
from edge.system.cache import weights_folder

pytestmark = pytest.mark.usefixtures("weights")
BLAZEFACE = {weights.file for weights in WEIGHTS.values()}


@pytest.fixture
def home(tmp_path, monkeypatch):
    """The home of the user who has called sudo, with intact weights; root's cache is empty, nothing is downloaded."""
    cache = tmp_path / "home/.cache/mien"
    cache.mkdir(parents=True)
    for name in BLAZEFACE:
        shutil.copy(weights_folder() / name, cache)
    (tmp_path / "empty").mkdir()
    monkeypatch.setenv("MIEN_CACHE", str(tmp_path / "empty"))
    monkeypatch.delenv("MIEN_WEIGHTS", raising=False)
    monkeypatch.setenv("SUDO_USER", "pi")
    monkeypatch.setattr(pwd, "getpwnam", lambda name: SimpleNamespace(pw_dir=str(tmp_path / "home")))
    monkeypatch.setattr(module, "pull_weights", lambda: pytest.fail("downloaded"))
    monkeypatch.setattr(module, "pull_yunet", lambda: pytest.fail("downloaded"))
    return tmp_path / "home"


def test_weights_come_from_the_cache_of_the_user_who_has_called_sudo(machine, home):
    assert service_weights("auto", machine.files).keys() == BLAZEFACE


def test_what_is_damaged_or_no_regular_file_is_passed_over(machine, home, tmp_path):
    machine.files.cache.mkdir(parents=True)
    (machine.files.cache / "blazeface.tflite").write_bytes(b"damaged")
    os.mkfifo(machine.files.cache / "blazeface-short.tflite")
    (tmp_path / "empty" / "yunet.tflite").write_bytes(b"damaged")
    found = service_weights("auto", machine.files)
    assert found.keys() == BLAZEFACE
    assert len(found["blazeface.tflite"]) > 1e6


@pytest.mark.parametrize("detector", ["haar", "blazeface:/etc/mien/own.tflite"])
def test_a_detector_without_weights_of_mien_needs_none(machine, home, detector):
    assert service_weights(detector, machine.files) == {}


def test_settings_of_mien_that_the_service_does_not_have_are_hidden(monkeypatch):
    monkeypatch.setenv("MIEN_PREVIEW_TOKEN", "0" * 32)
    with changed_environment(MIEN_WEIGHTS="/x"):
        assert "MIEN_PREVIEW_TOKEN" not in os.environ
        assert os.environ["MIEN_WEIGHTS"] == "/x"
    assert os.environ["MIEN_PREVIEW_TOKEN"] == "0" * 32
