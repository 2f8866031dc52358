import json
import os
import subprocess
import sys

import pytest
from click.testing import CliRunner

from edge.cli.doctor import doctor
from edge.doctor import examine
from edge.doctor.software import architecture, libraries, litert, picamera2, python


def only(findings):
    assert len(findings) == 1
    return findings[0]


@pytest.mark.parametrize(
    ("machine", "bits", "state"),
    [("aarch64", 64, "ok"), ("x86_64", 64, "ok"), ("armv7l", 32, "broken"), ("aarch64", 32, "broken")],
)
def test_architecture(machine, bits, state):
    found = only(architecture(machine, bits))
    assert (found.state, bool(found.fix)) == (state, state != "ok")


@pytest.mark.parametrize(("version", "state"), [((3, 11, 2), "ok"), ((3, 13, 5), "ok"), ((3, 9, 2), "broken")])
def test_python(version, state):
    assert only(python(version)).state == state


def module(folder, name, text):
    (folder / f"{name}.py").write_text(text)
    return str(folder)


def by_subject(findings):
    return {finding.subject: finding for finding in findings}


def test_the_libraries_of_this_environment_work_together():
    assert {finding.state for finding in libraries()} <= {"ok", "note"}


def test_opencv_built_for_another_numpy(tmp_path):
    path = module(tmp_path, "cv2", "raise ImportError('numpy.core.multiarray failed to import')")
    found = by_subject(libraries(path))["OpenCV"]
    assert found.state == "broken"
    assert "numpy.core.multiarray failed to import" in found.message
    assert "pip install" in found.fix


def test_a_library_that_crashes_its_process(tmp_path):
    path = module(tmp_path, "cv2", "import os\nos.abort()")
    found = by_subject(libraries(path))["OpenCV"]
    assert (found.state, "killed by signal 6" in found.message) == ("broken", True)


def test_opencv_5_has_no_cascades(opencv5):
    findings = by_subject(libraries(opencv5))
    assert findings["OpenCV"].message.startswith("5.")
    assert findings["haar"].state == "note"


@pytest.mark.slow
def test_simplejpeg_built_for_numpy_1(tmp_path):
    path = module(tmp_path, "simplejpeg", "raise ValueError('numpy.dtype size changed, may indicate incompatibility')")
    found = by_subject(libraries(path))["simplejpeg"]
    assert found.state == "broken"
    assert "'numpy<2'" in found.fix
    module(tmp_path, "simplejpeg", "")
    assert by_subject(libraries(path))["simplejpeg"].state == "ok"


@pytest.mark.slow
def test_litert_is_checked_by_an_inference(tmp_path):
    assert only(litert()).state == "ok"
    broken = tmp_path / "ai_edge_litert"
    broken.mkdir()
    (broken / "__init__.py").touch()
    # Can be imported but fails in use, as tflite-runtime does under numpy 2.
    text = "class Interpreter:\n    def __init__(self, **_):\n        raise ValueError('no array interface')\n"
    module(broken, "interpreter", text)
    found = only(litert(str(tmp_path)))
    assert (found.state, "no array interface" in found.message) == ("broken", True)


def test_a_missing_picamera2_is_reported_on_a_raspberry_pi_only(tmp_path, monkeypatch):
    board, packages = tmp_path / "model", tmp_path / "packages"
    assert picamera2(board, packages) == []
    board.write_text("Raspberry Pi 4 Model B\0")
    assert "sudo apt install" in only(picamera2(board, packages)).fix
    (packages / "picamera2").mkdir(parents=True)
    assert "--system-site-packages" in only(picamera2(board, packages)).fix


@pytest.mark.parametrize(("cameras", "state"), [("[1, 2]", "ok"), ("[]", "warning"), ("1 / 0", "broken")])
def test_picamera2_is_asked_for_the_cameras_it_finds(tmp_path, monkeypatch, cameras, state):
    board = tmp_path / "model"
    board.write_text("Raspberry Pi 4 Model B\0")
    text = f"class Picamera2:\n    @staticmethod\n    def global_camera_info():\n        return {cameras}\n"
    monkeypatch.syspath_prepend(module(tmp_path, "picamera2", text))
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    assert only(picamera2(board, tmp_path)).state == state
    # Also on another board that has it.
    assert only(picamera2(tmp_path / "none", tmp_path)).state == state


@pytest.mark.slow
def test_the_command_prints_every_finding_as_a_line_or_as_json(monkeypatch, weights):
    # The checks run once, and the command prints their findings twice.
    findings = list(examine())
    monkeypatch.setattr("edge.cli.doctor.examine", lambda: findings)
    done = CliRunner().invoke(doctor)
    assert done.exit_code == 0, done.output
    lines = done.output.splitlines()
    assert any(line.split() == ["ok", "Python", ".".join(map(str, sys.version_info[:3]))] for line in lines)
    done = CliRunner().invoke(doctor, ["--json"])
    objects = [json.loads(line) for line in done.output.splitlines()]
    assert {"architecture", "Python", "OpenCV", "LiteRT", "cameras", "disk", "clock"} <= {o["subject"] for o in objects}
    assert all(set(item) == {"subject", "state", "message", "said", "fix"} for item in objects)
    # The old name of `message` stays for scripts that read it.
    assert all(item["said"] == item["message"] for item in objects)


@pytest.mark.slow
def test_a_broken_part_exits_with_1_and_names_the_fix(tmp_path):
    environment = {**os.environ, "MIEN_CACHE": str(tmp_path / "empty")}
    command = [sys.executable, "-P", "-m", "edge", "doctor"]
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert done.returncode == 1
    assert "fix: mien models pull" in done.stdout
    assert done.stderr.strip() == "mien: 1 check failed: see the lines above marked broken"
