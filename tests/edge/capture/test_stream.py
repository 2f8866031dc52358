"""Streams of real servers that die, stall and return."""

import re
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from edge.errors import SourceError
from edge.sources import open_source
from edge.sources.stream import StreamSource
from tests.edge import mjpeg_server
from tests.edge.capture.conftest import Camera
from tests.edge.mosquitto import free_port

pytestmark = [pytest.mark.real_part, pytest.mark.slow]

HERE = Path(__file__).parent.parent
#: Debian's own, for which python3-gi is built.
SYSTEM_PYTHON = "/usr/bin/python3"
GSTREAMER = "python3-gi gir1.2-gst-rtsp-server-1.0 gstreamer1.0-plugins-base gstreamer1.0-plugins-ugly"


class Server:
    """A server process on a port of its own, which it keeps over its deaths."""

    def __init__(self, kind: str, *arguments: str) -> None:
        self.port = free_port()
        python = SYSTEM_PYTHON if kind == "rtsp" else sys.executable
        self._command = [python, str(HERE / f"{'rtsp' if kind == 'rtsp' else 'mjpeg'}_server.py"), str(self.port)]
        self._command += arguments
        self.url = f"{kind}://127.0.0.1:{self.port}/bars"
        self.start()

    def start(self) -> None:
        self.process = subprocess.Popen(
            self._command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env={"PATH": "/usr/bin:/bin"}
        )
        if self.process.stdout.readline() != "ready\n":
            _, stderr = self.process.communicate()
            if "rtsp" in self.url and ("gi" in stderr or "GStreamer element" in stderr):
                pytest.skip(f"no GStreamer RTSP server here: apt install {GSTREAMER}")
            pytest.fail(stderr)

    def stop(self) -> None:
        self.process.kill()
        self.process.communicate()


@pytest.fixture
def serve():
    servers = []

    def start(*arguments):
        servers.append(Server(*arguments))
        return servers[-1]

    if not Path(SYSTEM_PYTHON).exists():
        pytest.skip(f"no {SYSTEM_PYTHON}: apt install python3")
    yield start
    for server in servers:
        server.stop()


@pytest.mark.parametrize("kind", ["rtsp", "http"])
def test_a_stream_that_dies_stalls_and_returns(serve, kind, camera):
    server = serve(kind)
    camera.spec = server.url
    with camera.open(stall_timeout_s=3.0) as source:
        stream = iter(source)
        begin_s = time.monotonic()

        def within(what: str, until) -> None:
            began_s = time.monotonic()
            blocked_s = camera.watch(stream, until)
            done_s = time.monotonic()
            print(
                f"{kind} {done_s - begin_s:5.1f} s: {what} after {done_s - began_s:.1f} s ({blocked_s:.2f} s blocked)"
            )

        within("20 frames", camera.more(20))
        check(kind, camera)
        server.stop()
        within("offline", camera.has_state("offline"))
        server.start()
        within("frames again", camera.more(5))
        server.process.send_signal(signal.SIGSTOP)
        within("stalled", camera.has_state("stalled"))
        # It waits in FFmpeg for the server, and cannot be asked.
        pid = source.pid
        within("another process", lambda: source.pid not in (None, pid))
        server.process.send_signal(signal.SIGCONT)
        within("frames again", camera.more(5))
        check(kind, camera)
    assert camera.state_names()[:3] == ["online", "offline", "online"]
    assert camera.state_names()[-1] == "online"
    assert "stalled" in camera.state_names()
    assert source.name == server.url


def check(kind: str, camera: Camera) -> None:
    """The pictures are those that the server made."""
    if kind == "http":
        numbers = [mjpeg_server.read_number(frame.image) for frame in camera.frames]
        assert None not in numbers
        assert numbers == sorted(numbers)
        return
    for frame in camera.frames:
        assert frame.size_wh == (320, 240)
    # SMPTE bars, from the left: white, yellow, cyan, green, magenta, red, blue; in BGR.
    bars = camera.frames[-1].image[60, 22::45].astype(int)
    signs = np.where(bars > 110, 1, 0).tolist()
    assert signs == [[1, 1, 1], [0, 1, 1], [1, 1, 0], [0, 1, 0], [1, 0, 1], [0, 0, 1], [1, 0, 0]]


@pytest.mark.parametrize("kind", ["rtsp", "http"])
def test_user_and_password_are_used_and_never_shown(serve, kind, capfd):
    server = serve("rtsp", "anna", "ge@heim") if kind == "rtsp" else serve("http")
    path = "bars" if kind == "rtsp" else "private"
    place = f"127.0.0.1:{server.port}/{path}"
    with StreamSource(f"{kind}://anna:ge%40heim@{place}") as source:
        assert source.name == f"{kind}://{place}"
        assert next(iter(source)).size_wh == (320, 240)
    with pytest.raises(SourceError, match=f"cannot open {kind}://{place}") as caught:
        StreamSource(f"{kind}://anna:falsch@{place}")
    assert "anna" not in str(caught.value)
    assert "falsch" not in str(caught.value)
    out, err = capfd.readouterr()
    assert "heim" not in out + err


@pytest.mark.parametrize("kind", ["rtsp", "http"])
def test_the_error_names_the_cause(serve, kind, camera):
    server = serve("rtsp", "anna", "ge@heim") if kind == "rtsp" else serve("http")
    camera.spec = f"{kind}://anna:falsch@127.0.0.1:{server.port}/{'bars' if kind == 'rtsp' else 'private'}"
    with camera.open() as source, pytest.raises(SourceError, match="401") as caught:
        camera.watch(iter(source), camera.more(1))
    assert "anna" not in str(caught.value)
    assert "falsch" not in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_server_that_answers_nothing_does_not_hold_the_caller_for_30_seconds():
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"rtsp://127.0.0.1:{silent.getsockname()[1]}/x"
        begin_s = time.monotonic()
        with pytest.raises(SourceError, match="cannot open"):
            StreamSource(url, open_timeout_s=1.0)
        # OpenCV's own limit is 30 s.
        assert time.monotonic() - begin_s < 20


def test_a_stream_that_falls_silent_ends_with_a_line(serve):
    server = serve("http")
    with StreamSource(server.url, read_timeout_s=1.0) as source:
        stream = iter(source)
        assert next(stream).index == 0
        server.process.send_signal(signal.SIGSTOP)
        begin_s = time.monotonic()
        with pytest.raises(SourceError, match=r"gave no frame for .* s, or ended, after"):
            list(stream)
        assert time.monotonic() - begin_s < 20


def test_open_source_opens_streams(serve):
    server = serve("http")
    with open_source(server.url.replace("http", "HTTP")) as source:
        assert isinstance(source, StreamSource)


def test_a_camera_whose_pictures_are_too_large_is_an_error(serve, camera):
    camera.spec = serve("http").url.replace("/bars", "/large")
    with camera.open(wait=True) as source:
        stream = iter(source)
        camera.watch(stream, lambda: any(state.state == "offline" for state in camera.states))
    reason = next(state.reason for state in camera.states if state.state == "offline")
    assert "gives frames of 5000 x 5000 pixels: expected at most 16.8 megapixels" in reason


def test_the_process_survives_pictures_that_no_memory_holds(serve, camera):
    """12,000 x 12,000 pixels take 650 MB, decoded and in color, and the service may have 400."""
    camera.spec = serve("http").url.replace("/bars", "/huge")
    with camera.open(wait=True) as source:
        stream = iter(source)
        camera.watch(stream, lambda: bool(camera.states))
        status = Path(f"/proc/{source.pid}/status").read_text()
    assert int(re.search(r"VmHWM:\s+(\d+) kB", status)[1]) < 350_000
    assert not any("died" in state.reason for state in camera.states)
