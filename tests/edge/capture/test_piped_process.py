"""The capture process of Windows and macOS: what `test_captured_source` and `test_death` ask of Linux's."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from edge.capture import captured_source
from edge.capture.piped_process import PipedProcess, PipedTransport
from edge.errors import SourceError
from edge.testing import read_number
from tests.edge.capture.conftest import is_gone
from tests.edge.waiting import wait_until

pytestmark = pytest.mark.slow

#: A program with a live source, which prints the id of its capture process and the name of the memory.
PARENT = """
import sys
from edge.capture import captured_source
from edge.capture.piped_process import PipedTransport
captured_source.new_transport = PipedTransport
with captured_source.CapturedSource(sys.argv[1], open_timeout_s=30.0, freeze_timeout_s=0.0) as source:
    printed = False
    for frame in source:
        if frame is not None and not printed:
            printed = True
            print(source.pid, source._memory.name, flush=True)
"""


@pytest.fixture(autouse=True)
def piped(monkeypatch):
    monkeypatch.setattr(captured_source, "new_transport", PipedTransport)


def test_frames_arrive_whole_and_in_order(camera):
    with camera.open() as source:
        camera.watch(iter(source), camera.more(20))
        pid = source.pid
    numbers = [read_number(frame.image) for frame in camera.frames]
    assert None not in numbers
    assert numbers == sorted(set(numbers))
    wait_until(lambda: is_gone(pid), "its process has ended")


def test_another_size_is_opened_at_once(camera):
    with camera.open(stall_timeout_s=20.0) as source:
        stream = iter(source)
        camera.watch(stream, camera.more(2))
        pid = source.pid
        source.request_downscale(2)
        camera.watch(stream, lambda: camera.frames[-1].image.shape[:2] == (240, 320))
        assert source.pid == pid
    assert camera.frames[-1].scale == 2


@pytest.mark.parametrize("fault", ["crash", "hang", "stall", "raise", "vanish"])
def test_after_a_fault_the_frames_resume(camera, fault):
    with camera.open(stall_timeout_s=3.0) as source:
        stream = iter(source)
        camera.watch(stream, camera.more(2))
        camera.behave(fault)
        camera.watch(stream, lambda: camera.states[-1].state != "online")
        camera.behave("work")
        camera.watch(stream, camera.has_state("online"))
    reason = camera.states[1].reason
    expected = {
        "crash": "its process died: signal 11 (SIGSEGV)",
        "raise": "RuntimeError: scripted: raise",
        "vanish": f"{camera.spec} stopped giving frames: is it still plugged in?",
    }
    assert expected.get(fault, "no frame for") in reason


class Slow:
    """A pipe whose reader is late."""

    def __init__(self, stream):
        self._stream = stream

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self._stream.close()

    def read(self, size):
        chunk = self._stream.read(size)
        time.sleep(0.2)
        return chunk


def test_what_a_library_has_written_explains_an_error(camera, monkeypatch, tmp_path):
    read_errors = PipedProcess._read_errors
    monkeypatch.setattr(PipedProcess, "_read_errors", lambda self, stream: read_errors(self, Slow(stream)))
    # A source that writes to both streams, as drivers do, and fails at once.
    package = tmp_path / "plugin"
    (package / "noisy-1.dist-info").mkdir(parents=True)
    (package / "noisy-1.dist-info" / "METADATA").write_text("Metadata-Version: 2.1\nName: noisy\nVersion: 1\n")
    (package / "noisy-1.dist-info" / "entry_points.txt").write_text("[mien.sources]\nnoisy = noisy:Noisy\n")
    (package / "noisy.py").write_text(
        "import os\nfrom edge.errors import SourceError\nfrom edge.testing import ScriptedCamera\n"
        "class Noisy(ScriptedCamera):\n    def __init__(self, script, downscale=1):\n"
        "        os.write(1, b'on standard output\\n')\n        os.write(2, b'the cable is loose\\n')\n"
        "        raise SourceError('cannot open it')\n"
    )
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(package), os.environ.get("PYTHONPATH", "")]))
    transport = PipedTransport()
    process = transport.start()
    try:
        process.open("noisy:x", 1)
        messages = []
        wait_until(lambda: messages.extend(process.wait(0.5)) or messages, "it has failed")
        assert [message["error"] for message in messages] == ["cannot open it"]
        assert process.acknowledged
        # Both, in their order; and nothing of what the two sides send each other.
        assert process._recent_output == b"on standard output\nthe cable is loose\n"
        assert process.last_output_line == "the cable is loose"
    finally:
        process.close()
        transport.close()


def test_a_source_that_is_not_there_is_one_error(camera):
    camera.behave("vanish")
    with camera.open() as source, pytest.raises(SourceError, match="it is not there"):
        camera.watch(iter(source), camera.more(1))


def test_killed_again_and_again_it_is_replaced(camera):
    with camera.open(stall_timeout_s=20.0) as source:
        stream = iter(source)
        for _ in range(3):
            camera.watch(stream, camera.more(1))
            os.kill(pid := source.pid, signal.SIGKILL)
            camera.watch(stream, lambda pid=pid: source.pid not in (None, pid))
            camera.watch(stream, camera.has_state("online"))
    assert {event.reason for event in camera.states[1::2]} == {"its process died: signal 9 (SIGKILL)"}


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGUSR1])
def test_signals_for_the_parent_do_not_end_it(camera, number):
    with camera.open(stall_timeout_s=20.0) as source:
        stream = iter(source)
        camera.watch(stream, camera.more(1))
        os.kill(pid := source.pid, number)
        camera.watch(stream, camera.more(5))
        assert source.pid == pid


@pytest.mark.parametrize("behavior", ["work", "stall"])
def test_it_ends_with_its_parent_and_the_memory_is_freed(camera, behavior):
    with subprocess.Popen(
        [sys.executable, "-P", "-c", PARENT, camera.spec], stdout=subprocess.PIPE, text=True
    ) as parent:
        pid, name = parent.stdout.readline().split()
        camera.behave(behavior)
        assert Path("/dev/shm", name).exists()
        parent.kill()
    wait_until(lambda: is_gone(int(pid)), "the capture process has ended")
    wait_until(lambda: not Path("/dev/shm", name).exists(), "the memory is freed")
