"""Third-party detectors, installed as packages of their own."""

import json
import os
import subprocess
import sys
import zipfile

import pytest

from edge.detection import DETECTORS, open_detector
from edge.errors import WrongUseError

CODE = '''
from mien.plugins import Detection


class CenterDetector:
    """Takes the middle of every image for a face."""

    name = "center"
    box_scale = 1.0
    weights_suffix = ""
    cost_depends_on_frame_size = False

    @classmethod
    def open(cls, weights=None, threads=1):
        return cls()

    def detect(self, frame):
        w, h = frame.size_wh
        return [Detection((w / 4, h / 4, w / 2, h / 2), 0.5)]
'''


@pytest.fixture(scope="module")
def plugin(tmp_path_factory):
    """A folder into which pip has installed the wheel of a plug-in."""
    folder = tmp_path_factory.mktemp("plugin")
    wheel, info = folder / "mien_center-1.0-py3-none-any.whl", "mien_center-1.0.dist-info"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("mien_center.py", CODE)
        archive.writestr(f"{info}/METADATA", "Metadata-Version: 2.1\nName: mien-center\nVersion: 1.0\n")
        archive.writestr(
            f"{info}/WHEEL", "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        entries = "center = mien_center:CenterDetector\nbroken = mien_nothing:X\nhaar = mien_center:CenterDetector\n"
        archive.writestr(f"{info}/entry_points.txt", f"[mien.detectors]\n{entries}")
        archive.writestr(f"{info}/RECORD", "")
    target = folder / "site"
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index", "--target", target, wheel]
    subprocess.run(list(map(str, command)), check=True, capture_output=True)
    return target


def run(plugin, *arguments):
    paths = os.pathsep.join([str(plugin), *filter(None, [os.environ.get("PYTHONPATH")])])
    command = [sys.executable, "-P", "-m", "mien", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, env={**os.environ, "PYTHONPATH": paths})


@pytest.mark.slow
def test_a_plugin_detector_runs_by_its_name(plugin, demo_clip, tmp_path):
    report = tmp_path / "report.json"
    done = run(plugin, "run", "--source", demo_clip, "--detector", "center", "--max-frames", 5, "--report", report)
    assert done.returncode == 0, done.stderr
    table = json.loads(report.read_text())
    assert (table["detector"], table["faces"]) == ("center", 5)


@pytest.mark.slow
def test_help_and_messages_list_it(plugin):
    assert "center" in run(plugin, "run", "--help").stdout
    done = run(plugin, "run", "--detector", "nothing")
    assert done.returncode == 2
    assert "center" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


@pytest.mark.slow
def test_a_plugin_that_cannot_be_imported_is_one_line(plugin):
    done = run(plugin, "run", "--detector", "broken")
    assert done.returncode == 2
    (line,) = done.stderr.strip().splitlines()
    assert "the detector broken (mien_nothing:X) cannot be imported: No module named 'mien_nothing'" in line


def test_a_plugin_replaces_no_builtin_detector(plugin, monkeypatch):
    monkeypatch.syspath_prepend(str(plugin))
    assert DETECTORS.names().count("haar") == 1
    assert DETECTORS.get("haar").__module__ == "edge.detection.haar"
    assert DETECTORS.get("center").__module__ == "mien_center"
    with pytest.raises(WrongUseError, match="center takes no weights file"):
        open_detector("center:x.onnx")
