"""The soak test starts nothing where something is missing, and leaves nothing behind."""

from pathlib import Path

import pytest

from edge.own_package import extra_command
from tests.soak import __main__ as soak
from tests.soak import requirements


@pytest.fixture
def nothing_starts(monkeypatch):
    def fail(*_, **__):
        pytest.fail("started")

    monkeypatch.setattr(soak, "soak", fail)


def test_missing_requirements_are_one_line_and_exit_status_2(monkeypatch, capsys, nothing_starts):
    monkeypatch.setattr(requirements, "SEARCH_PATH", "/nowhere")
    monkeypatch.setattr(requirements, "SYSTEM_PYTHON", "/nowhere/python3")
    monkeypatch.setattr(requirements, "_may_mount", lambda: False)
    with pytest.raises(SystemExit) as ended:
        soak.main(["--minutes", "1"])
    assert ended.value.code == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("soak: Mosquitto is not installed: run  apt-get install mosquitto; GStreamer's RTSP server")
    assert "python3-gi" in line
    assert "apt-get install mosquitto-clients" in line
    assert line.endswith("run as root, or pass --no-small-disk")


def test_a_missing_package_is_named_with_its_extra(monkeypatch):
    monkeypatch.setattr(requirements, "_is_importable", lambda module: module != "prometheus_client")
    missing = [each for each in requirements.missing_requirements(with_small_disk=False) if "pip install" in each]
    assert missing == [f"prometheus_client is not installed: run  {extra_command('metrics')}"]


def test_a_low_limit_of_open_files_is_named(monkeypatch):
    monkeypatch.setattr(requirements.resource, "getrlimit", lambda _: (1024, 1024))
    missing = [each for each in requirements.missing_requirements(with_small_disk=False) if "may open" in each]
    assert missing == ["a process may open 1024 files here, expected 2200: raise it  (ulimit -Hn, as root)"]


def test_the_small_disk_is_unmounted_whatever_happens(tmp_path):
    if not requirements._may_mount():
        pytest.skip("only root may mount a tmpfs")

    def is_mounted():
        return str(tmp_path) in Path("/proc/mounts").read_text()

    def run_and_break():
        with soak.mounted_tmpfs(tmp_path):
            assert is_mounted()
            raise RuntimeError("broken")

    with pytest.raises(RuntimeError, match="broken"):
        run_and_break()
    assert not is_mounted()
