"""Checks of architecture, Python and packages, which must fit together before anything runs.

A package that was built for another version of numpy may crash the process that imports it, so imports are tried in a
child process.
"""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

from edge.detection.weights import WEIGHTS, weights_state
from edge.detection.yunet_weights import yunet_state
from edge.doctor.finding import Finding
from edge.doctor.hardware import BOARD_MODEL
from edge.inference.shipped_models import DEFAULT_MODEL
from edge.system.operating_system import system_name
from edge.system.processes import crash_name, last_line, python_environment

#: The architectures for which LiteRT publishes wheels: by the names of Linux, macOS and Windows.
ARCHITECTURES = ("aarch64", "x86_64", "arm64", "AMD64")
PYTHON_FROM = (3, 11)
#: Where Debian installs packages for the system's Python.
DIST_PACKAGES = Path("/usr/lib/python3/dist-packages")
#: Seconds that an import and a first inference may take on the slowest board.
_TRIAL_S = 120


def architecture(machine: str | None = None, pointer_bits: int | None = None) -> list[Finding]:
    """Check whether the system and this Python are both 64-bit."""
    machine = machine or platform.machine()
    bits = pointer_bits or (64 if sys.maxsize > 2**32 else 32)
    fix = "install the 64-bit Raspberry Pi OS (Raspberry Pi Imager: 'Raspberry Pi OS (64-bit)')"
    if machine not in ARCHITECTURES:
        return [Finding("architecture", "broken", f"{machine}: LiteRT publishes no wheels for it", fix)]
    if bits != 64:
        return [Finding("architecture", "broken", f"a {bits}-bit Python on a {machine} kernel", fix)]
    return [Finding("architecture", "ok", f"{machine}, 64-bit")]


def python(version: tuple[int, ...] = sys.version_info[:3]) -> list[Finding]:
    """Check whether Python is recent enough."""
    message = ".".join(map(str, version))
    if tuple(version[:2]) < PYTHON_FROM:
        fix = "upgrade to Raspberry Pi OS Bookworm or later, then create the virtual environment again"
        return [Finding("Python", "broken", f"{message}: expected 3.11 or later", fix)]
    return [Finding("Python", "ok", message)]


def libraries(path: str | None = None) -> list[Finding]:
    """Check whether OpenCV, and simplejpeg where picamera2 installed it, were built for this version of numpy.

    Args:
        path: a folder put in front of Python's search path; for tests.
    """
    findings = []
    numpy = _try("import numpy; print(numpy.__version__)", path)
    if numpy.returncode:
        return [Finding("numpy", "broken", _why(numpy), "pip install numpy")]
    version = numpy.stdout.strip()
    code = "import cv2; print(cv2.__version__, hasattr(cv2, 'CascadeClassifier'))"
    opencv = _try(code, path)
    if opencv.returncode:
        fix = (
            "pip install 'numpy<2' 'opencv-python-headless<4.10'"
            if version.startswith("1.")
            else "pip install --upgrade numpy opencv-python-headless"
        )
        findings.append(Finding("OpenCV", "broken", f"does not work with numpy {version}: {_why(opencv)}", fix))
    else:
        number, cascades = opencv.stdout.split()
        findings.append(Finding("OpenCV", "ok", f"{number}, numpy {version}"))
        if cascades != "True":
            message = f"OpenCV {number} has no cascade classifier: the detector haar is unavailable, blazeface works"
            findings.append(Finding("haar", "note", message, "pip install 'opencv-python-headless<5'"))
    is_installed = "import sys; from importlib.util import find_spec; sys.exit(find_spec('simplejpeg') is None)"
    if _try(is_installed, path).returncode == 0:
        jpeg = _try("import simplejpeg", path)
        if jpeg.returncode:
            message = f"simplejpeg, which picamera2 needs, does not work with numpy {version}: {_why(jpeg)}"
            fix = "pip install 'numpy<2' 'opencv-python-headless<4.10'"
            findings.append(Finding("simplejpeg", "broken", message, fix))
        else:
            findings.append(Finding("simplejpeg", "ok", f"works with numpy {version}"))
    return findings


def litert(path: str | None = None) -> list[Finding]:
    """Check whether the shipped model runs, by running it.

    Args:
        path: a folder put in front of Python's search path; for tests.
    """
    code = (
        "import numpy\n"
        "from edge.inference.classifier import Classifier\n"
        "from edge.inference.litert import runtime\n"
        "from edge.inference.shipped_models import DEFAULT_MODEL, find_model\n"
        "Classifier(find_model(DEFAULT_MODEL)).scores(numpy.zeros((48, 48), numpy.uint8))\n"
        "print(runtime())\n"
    )
    done = _try(code, path)
    if done.returncode:
        message = f"{DEFAULT_MODEL} does not run: {_why(done)}"
        return [Finding("LiteRT", "broken", message, "pip install --upgrade ai-edge-litert")]
    return [Finding("LiteRT", "ok", f"{done.stdout.strip()} runs {DEFAULT_MODEL}")]


def detector_weights() -> list[Finding]:
    """Check whether the detectors' weights are on this machine and intact."""
    states = {name: weights_state(name) for name in WEIGHTS}
    missing = [f"{name} {state}" for name, state in states.items() if state != "present"]
    if missing:
        return [Finding("detector weights", "broken", ", ".join(missing), "mien models pull")]
    yunet = yunet_state()
    if yunet != "present":
        message = f"{', '.join(states)}; yunet is {yunet}: fewer faces far away are found"
        return [Finding("detector weights", "warning", message, "mien models pull yunet --force")]
    return [Finding("detector weights", "ok", ", ".join((*states, "yunet")))]


def picamera2(board: Path = BOARD_MODEL, dist_packages: Path = DIST_PACKAGES) -> list[Finding]:
    """Check whether a Raspberry Pi's camera library works and finds a camera: on a Pi, and where it is installed."""
    if find_spec("picamera2") is not None:
        done = _try("from picamera2 import Picamera2\nprint(len(Picamera2.global_camera_info()))", None)
        if done.returncode:
            message = f"cannot be imported: {_why(done)}"
            return [Finding("picamera2", "broken", message, "sudo apt install --reinstall python3-picamera2")]
        if done.stdout.split()[-1:] == ["0"]:
            message = "finds no camera"
            return [Finding("picamera2", "warning", message, "check the cable, then run  rpicam-hello --list-cameras")]
        return [Finding("picamera2", "ok", f"finds {done.stdout.split()[-1]} camera(s)")]
    if "Raspberry Pi" not in _text(board):
        return []
    if (dist_packages / "picamera2").is_dir():
        message = "is installed, but this virtual environment does not include the system's packages"
        fix = f"python3 -m venv --system-site-packages --upgrade {sys.prefix}"
        return [Finding("picamera2", "warning", message, fix)]
    message = "is not installed: mien cannot read the Pi's own camera (USB cameras work)"
    return [Finding("picamera2", "warning", message, "sudo apt install python3-picamera2")]


def _try(code: str, path: str | None) -> subprocess.CompletedProcess[str]:
    """Run Python code in a child process."""
    environment = python_environment()
    if path is not None:
        environment["PYTHONPATH"] = os.pathsep.join([path, environment["PYTHONPATH"]])
    command = [sys.executable, "-P", "-c", code]
    try:
        return subprocess.run(command, capture_output=True, text=True, timeout=_TRIAL_S, env=environment, check=False)
    except subprocess.TimeoutExpired:
        return subprocess.CompletedProcess(command, 1, "", f"no result within {_TRIAL_S} s")


def _why(done: subprocess.CompletedProcess[str]) -> str:
    """The last line that a process wrote to standard error, or the signal that killed it."""
    if crash := crash_name(done.returncode):
        return f"the process was killed by {f'signal {-done.returncode}' if done.returncode < 0 else crash}"
    return last_line(done.stderr) or f"exit status {done.returncode}"


def _text(path: Path) -> str:
    try:
        return path.read_text().rstrip("\0\n")
    except OSError:
        return ""


def stream_decoding() -> list[Finding]:
    """State how far the decoding of network streams is confined."""
    if sys.platform != "linux":
        message = f"in a child process with limits on protocols; {system_name()} does not limit its memory"
        return [Finding("stream decoding", "note", message)]
    # The libraries for Landlock are young, and the kernel of Raspberry Pi OS does not enable it.
    message = "in a child process with limits on memory and protocols; the service's unit filters its system calls"
    return [Finding("stream decoding", "ok", message)]
