"""Processes that die in any order: frames arrive again, and nothing is left behind."""

import os
import random
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from edge.capture import captured_source
from edge.errors import SourceError
from edge.testing import read_number
from tests.edge.capture.conftest import DEADLINE_S, holders_of_memory, is_gone
from tests.edge.waiting import wait_until

pytestmark = pytest.mark.slow

#: Set it to 50 for a longer run.
KILLS = int(os.environ.get("MIEN_CAPTURE_KILLS", "8"))

#: A program with a live source that prints the id of its capture process, and runs until it is killed.
PARENT = """
import sys
from edge.capture.captured_source import CapturedSource
with CapturedSource(sys.argv[1], stall_timeout_s=1.0, freeze_timeout_s=0.0) as source:
    printed = None
    for frame in source:
        if frame is not None and source.pid != printed:
            printed = source.pid
            print(printed, flush=True)
"""
#: A program with a live source whose processes it kills, one after another; it prints its descriptors and memory (MB)
#: for each. It runs in a process of its own: the memory of a process that runs tests varies by more than a leak.
KILLER = """
import os, signal, sys
from pathlib import Path
from edge.capture.captured_source import CapturedSource
page_mb = os.sysconf("SC_PAGE_SIZE") / 2**20
with CapturedSource(sys.argv[1], open_timeout_s=5.0, stall_timeout_s=20.0, freeze_timeout_s=0.0) as source:
    stream = iter(source)
    killed = None
    for _ in range(int(sys.argv[2])):
        frames = 0
        while frames < 3:
            frames += next(stream) is not None and source.pid != killed
        resident = int(Path("/proc/self/statm").read_text().split()[1]) * page_mb
        print(len(os.listdir("/proc/self/fd")), resident, flush=True)
        killed = source.pid
        os.kill(killed, signal.SIGKILL)
"""
#: Attaches to a process with ptrace: after it is killed, its own parent cannot see its end.
TRACER = """
import ctypes, sys
PTRACE_SEIZE = 0x4206
print(ctypes.CDLL(None).ptrace(PTRACE_SEIZE, int(sys.argv[1]), None, None), flush=True)
sys.stdin.read()
"""


def shared_memory():
    """What has a name there and is ours: nothing, at any time."""
    return [path.name for path in Path("/dev/shm").iterdir() if "mien" in path.name]


def descriptors():
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


def test_killed_at_random_moments_the_frames_resume_each_time(camera):
    chance = random.Random(7)
    resumed_s = []
    with camera.open(stall_timeout_s=20.0) as source:
        stream = iter(source)
        for _ in range(KILLS):
            camera.watch(stream, camera.more(1))
            end_s = time.monotonic() + chance.uniform(0, 0.5)
            camera.watch(stream, lambda end_s=end_s: time.monotonic() > end_s)
            os.kill(source.pid, signal.SIGKILL)
            killed_s = time.monotonic()
            # A frame that it took after it was killed, by another process.
            camera.watch(stream, lambda killed_s=killed_s, pid=source.pid: after(camera, killed_s, source, pid))
            resumed_s.append(time.monotonic() - killed_s)
    numbers = [read_number(frame.image) for frame in camera.frames]
    assert None not in numbers
    assert numbers == sorted(set(numbers))
    assert camera.state_names() == ["online", *["offline", "online"] * KILLS]
    assert {event.reason for event in camera.states[1::2]} == {"its process died: signal 9 (SIGKILL)"}
    assert holders_of_memory(os.getpid()) == []
    print(f"{KILLS} kills, frames again after {min(resumed_s):.2f} to {max(resumed_s):.2f} s")


def after(camera, killed_s, source, pid):
    return source.pid not in (None, pid) and camera.frames[-1].timestamp_s > killed_s


def test_a_process_that_is_killed_at_once_is_replaced(camera):
    with camera.open(stall_timeout_s=20.0, wait=True) as source:
        stream = iter(source)
        for _ in range(3):
            camera.watch(stream, lambda: source.pid is not None)
            os.kill(source.pid, signal.SIGKILL)
            camera.watch(stream, lambda: source.pid is None)
        camera.watch(stream, camera.more(1))
    assert camera.state_names() == ["offline", "online"]


def test_a_lack_of_file_descriptors_for_a_new_process_is_temporary(camera):
    with camera.open(stall_timeout_s=20.0) as source:
        stream = iter(source)
        camera.watch(stream, camera.more(1))
        limits = resource.getrlimit(resource.RLIMIT_NOFILE)
        os.kill(source.pid, signal.SIGKILL)
        resource.setrlimit(resource.RLIMIT_NOFILE, (3, limits[1]))
        try:
            end_s = time.monotonic() + 1
            camera.watch(stream, lambda: source.pid is None and time.monotonic() > end_s)
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, limits)
        camera.watch(stream, camera.has_state("online"))
    assert camera.state_names() == ["online", "offline", "online"]


def test_many_processes_leak_no_descriptors_and_no_memory(camera):
    ran = subprocess.run(
        [sys.executable, "-c", KILLER, camera.spec, str(max(KILLS, 6))], capture_output=True, text=True
    )
    figures = [(int(count), float(mb)) for count, mb in map(str.split, ran.stdout.splitlines())]
    assert (ran.returncode, len(figures)) == (0, max(KILLS, 6)), ran.stderr
    counts = {count for count, _ in figures}
    assert len(counts) == 1
    # After the first two, which fill Python's and numpy's own pools.
    assert figures[-1][1] - figures[1][1] < 5
    print(f"{counts} descriptors, {figures[0][1]:.1f} to {figures[-1][1]:.1f} MB over {len(figures)} processes")


def test_closing_leaves_no_descriptor_no_process_and_no_memory(camera):
    before, others = descriptors(), shared_memory()
    for behavior in ("work", "stall", "hang"):
        camera.behave("work")
        with camera.open() as source:
            camera.watch(iter(source), camera.more(1))
            pid = source.pid
            camera.behave(behavior)
        assert is_gone(pid)
        assert not Path(f"/proc/{pid}").exists()
    assert descriptors() == before
    assert set(shared_memory()) <= set(others)
    assert holders_of_memory(os.getpid()) == []


@pytest.mark.parametrize("behavior", ["work", "stall", "hang"])
def test_a_parent_that_is_killed_leaves_nothing_behind(camera, behavior):
    others = shared_memory()
    with subprocess.Popen([sys.executable, "-c", PARENT, camera.spec], stdout=subprocess.PIPE, text=True) as parent:
        child = int(parent.stdout.readline())
        assert set(holders_of_memory(parent.pid)) == {parent.pid, child}
        camera.behave(behavior)
        time.sleep(0.2)
        parent.kill()
    wait_until(lambda: is_gone(child), "the child has gone", DEADLINE_S)
    assert holders_of_memory(parent.pid) == []
    assert set(shared_memory()) <= set(others)
    # And the next one finds the camera free.
    camera.behave("work")
    with camera.open() as source:
        camera.watch(iter(source), camera.more(3))


def test_a_process_that_cannot_be_killed_ends_the_run(camera, monkeypatch):
    monkeypatch.setattr(captured_source, "KILL_TIMEOUT_S", 1.0)
    with camera.open() as source:
        stream = iter(source)
        camera.watch(stream, camera.more(1))
        pid = source.pid
        tracer = subprocess.Popen(
            [sys.executable, "-c", TRACER, str(pid)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        with tracer:
            if tracer.stdout.readline() != "0\n":
                pytest.skip("ptrace is not allowed here: run as root, or with CAP_SYS_PTRACE")
            camera.behave("hang")
            with pytest.raises(SourceError, match=f"its process {pid} was killed 1 s ago and still exists"):
                camera.watch(stream, lambda: False)
            tracer.stdin.close()
            tracer.wait()
    assert camera.state_names() == ["online", "stalled"]
    assert is_gone(pid)
