"""The container's health check, against the preview itself."""

import os
import subprocess
import sys
from contextlib import contextmanager
from datetime import UTC, datetime

import pytest

pytest.importorskip("uvicorn", reason="pip install 'mien[preview]'")

from deploy.containers import health_check
from deploy.containers.health_check import problem
from edge.inference.contract import FER2013_LABELS
from edge.preview import Preview
from edge.system.processes import python_environment
from edge.types import SourceEvent
from tests.edge.mosquitto import free_port
from tests.edge.preview.conftest import made_frame, made_report, made_track

TOKEN = "a-long-enough-token-1"


@contextmanager
def preview(token=TOKEN):
    """A preview as in the container, and its port."""
    port = free_port()
    with Preview("0.0.0.0" if token else "127.0.0.1", port, token) as served:
        yield served, port


def show_frame(served):
    served.camera().publish(made_frame(1), [made_track()], made_report(1, 1), FER2013_LABELS)


@pytest.fixture
def credentials(tmp_path):
    (tmp_path / "preview-token").write_text(f"{TOKEN}\n")
    return {"CREDENTIALS_DIRECTORY": str(tmp_path)}


def test_frames_that_arrive_are_healthy(credentials):
    with preview() as (served, port):
        assert problem(port, credentials) == "no frame yet"
        show_frame(served)
        assert problem(port, credentials) is None
        assert problem(port, {"MIEN_PREVIEW_TOKEN": TOKEN}) is None


def test_on_loopback_no_token_is_needed():
    with preview(None) as (served, port):
        show_frame(served)
        assert problem(port, {}) is None


def test_a_source_that_is_not_online_is_unhealthy_and_named(credentials):
    with preview() as (served, port):
        for state, reason in (("stalled", "no frame for 5 s"), ("offline", "unplugged")):
            show_frame(served)
            served.camera().put(SourceEvent("camera:0", state, reason))
            assert problem(port, credentials) == f"camera:0 is {state}: {reason}"
        served.camera().put(SourceEvent("camera:0", "online"))
        assert problem(port, credentials) == "no frame yet"
        show_frame(served)
        assert problem(port, credentials) is None


def test_an_old_frame_is_unhealthy(credentials, monkeypatch):
    class Later(datetime):
        @classmethod
        def now(cls, tz=None):
            return datetime.fromtimestamp(datetime.now(UTC).timestamp() + 300, tz)

    with preview() as (served, port):
        show_frame(served)
        monkeypatch.setattr(health_check, "datetime", Later)
        assert problem(port, credentials) == "the last frame is 300 s old: expected at most 60"


@pytest.mark.parametrize("environment", [{}, {"MIEN_PREVIEW_TOKEN": "wrong" * 5}])
def test_without_the_token_the_setting_is_named(environment):
    with preview() as (served, port):
        show_frame(served)
        found = problem(port, environment)
    assert "(status 401)" in found
    assert "preview-token" in found


def test_without_a_preview_the_process_fails_with_one_line():
    command = [sys.executable, "-P", "-m", "deploy.containers.health_check", str(free_port())]
    done = subprocess.run(command, capture_output=True, text=True, env=python_environment())
    assert (done.returncode, done.stdout) == (1, "")
    (line,) = done.stderr.splitlines()
    assert 'expected preview = "0.0.0.0:' in line


def test_the_process_imports_neither_numpy_nor_opencv_and_succeeds(credentials):
    code = (
        "import runpy, sys\n"
        "try:\n    runpy.run_module('deploy.containers.health_check', run_name='__main__', alter_sys=True)\n"
        "finally:\n    print(sorted({'numpy', 'cv2', 'click', 'edge'} & set(sys.modules)))\n"
    )
    with preview() as (served, port):
        show_frame(served)
        command = [sys.executable, "-P", "-c", code, str(port)]
        environment = {**os.environ, **python_environment(), **credentials}
        done = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert (done.returncode, done.stdout.strip(), done.stderr) == (0, "[]", "")
