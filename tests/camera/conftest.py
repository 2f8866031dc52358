import os

import pytest

from tests.camera.root import Root
from tests.camera.stack import Stack
from tests.camera.stand_ins import NAMES, UNTESTED

# Only `make test-camera` runs these: they take minutes, require root, and download Debian packages.
collect_ignore_glob = [] if os.environ.get("MIEN_CAMERA") else ["test_*.py"]


@pytest.fixture(scope="session")
def stack(tmp_path_factory):
    """Debian Trixie with libcamera, picamera2 and an installed bundle."""
    return Stack(tmp_path_factory.mktemp("made"))


@pytest.fixture(scope="session")
def bookworm(tmp_path_factory):
    """Debian Bookworm with its libcamera, which has neither a Python binding nor virtual cameras, and picamera2."""
    return Root("bookworm", ("libcamera0.0.3", "libcamera-ipa"), tmp_path_factory.mktemp("made"))


def pytest_terminal_summary(terminalreporter):
    terminalreporter.section("stand-ins: everything else of libcamera and picamera2 is real")
    for number, name in enumerate(NAMES, 1):
        terminalreporter.line(f"{number}. {name}")
    terminalreporter.line(UNTESTED)
