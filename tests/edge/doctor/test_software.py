import json
import os
import subprocess
import sys

import pytest

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


def test_the_libraries_of_this_environment_fit():
    assert {finding.state for finding in libraries()} <= {"ok", "note"}


def test_opencv_built_for_another_numpy(tmp_path):
    path = module(tmp_path, "cv2", "raise ImportError('numpy.core.multiarray failed to import')")
    found = by_subject(libraries(path))["OpenCV"]
    assert found.state == "broken"
    assert "numpy.core.multiarray failed to import" in found.said
    assert "pip install" in found.fix


def test_a_library_that_kills_its_process(tmp_path):
    path = module(tmp_path, "cv2", "import os\nos.abort()")
    found = by_subject(libraries(path))["OpenCV"]
    assert (found.state, "died of signal 6" in found.said) == ("broken", True)


def test_opencv_5_has_no_cascades(opencv5):
    findings = by_subject(libraries(opencv5))
    assert findings["OpenCV"].said.startswith("5.")
    assert findings["haar"].state == "note"


def test_simplejpeg_built_for_numpy_1(tmp_path):
    path = module(tmp_path, "simplejpeg", "raise ValueError('numpy.dtype size changed, may indicate incompatibility')")
    found = by_subject(libraries(path))["simplejpeg"]
    assert found.state == "broken"
    assert "'numpy<2'" in found.fix
    module(tmp_path, "simplejpeg", "")
    assert by_subject(libraries(path))["simplejpeg"].state == "ok"


def test_litert_is_tried_by_an_invoke(tmp_path):
    assert only(litert()).state == "ok"
    broken = tmp_path / "ai_edge_litert"
    broken.mkdir()
    (broken / "__init__.py").touch()
    # Imports well, and fails in use, as tflite-runtime does under numpy 2.
    text = "class Interpreter:\n    def __init__(self, **_):\n        raise ValueError('no array interface')\n"
    module(broken, "interpreter", text)
    found = only(litert(str(tmp_path)))
    assert (found.state, "no array interface" in found.said) == ("broken", True)


def test_picamera2_matters_on_a_raspberry_pi_only(tmp_path, monkeypatch):
    board, packages = tmp_path / "model", tmp_path / "packages"
    assert picamera2(board, packages) == []
    board.write_text("Raspberry Pi 4 Model B\0")
    assert "sudo apt install" in only(picamera2(board, packages)).fix
    (packages / "picamera2").mkdir(parents=True)
    assert "--system-site-packages" in only(picamera2(board, packages)).fix


@pytest.mark.parametrize(("cameras", "state"), [("[1, 2]", "ok"), ("[]", "warning"), ("1 / 0", "broken")])
def test_picamera2_is_asked_for_its_cameras(tmp_path, monkeypatch, cameras, state):
    board = tmp_path / "model"
    board.write_text("Raspberry Pi 4 Model B\0")
    text = f"class Picamera2:\n    @staticmethod\n    def global_camera_info():\n        return {cameras}\n"
    monkeypatch.syspath_prepend(module(tmp_path, "picamera2", text))
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    assert only(picamera2(board, tmp_path)).state == state


def test_the_command(mien, weights):
    done = mien("doctor")
    assert done.code == 0, done.out + done.err
    lines = done.out.splitlines()
    assert any(line.split() == ["ok", "Python", ".".join(map(str, sys.version_info[:3]))] for line in lines)
    done = mien("doctor", "--json")
    findings = [json.loads(line) for line in done.out.splitlines()]
    assert {"architecture", "Python", "OpenCV", "LiteRT", "cameras", "disk", "clock"} <= {
        f["subject"] for f in findings
    }
    assert all(set(finding) == {"subject", "state", "said", "fix"} for finding in findings)


def test_what_is_broken_ends_in_one_and_says_how_to_mend_it(tmp_path):
    environment = {**os.environ, "MIEN_CACHE": str(tmp_path / "empty")}
    done = subprocess.run([sys.executable, "-m", "edge", "doctor"], capture_output=True, text=True, env=environment)
    assert done.returncode == 1
    assert "mend: mien models pull" in done.stdout
    assert done.stderr.strip() == "mien: 1 thing broken here: see the lines above that say so"
