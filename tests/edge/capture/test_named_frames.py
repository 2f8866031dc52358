"""The frame memory of Windows and macOS; the frames themselves are as in `test_shared_frames`."""

import subprocess
import sys
from multiprocessing.shared_memory import SharedMemory

import numpy as np
import pytest

from edge.capture.frame_slots import MAX_BYTES, SLOTS, header_offset
from edge.capture.named_frames import NamedFrameMemory
from edge.errors import SourceError
from edge.system.processes import python_environment

WRITER = """
import itertools, sys
import numpy as np
from edge.capture.named_frames import NamedFrameMemory
memory = NamedFrameMemory.attach(sys.argv[1])
for number in itertools.count():
    # Each size another, each picture of one value.
    memory.put(np.full((400 + number % 7, 300 + number % 5, 3), number % 251, np.uint8), number / 100, 0.5)
"""
ATTACHED = (
    "import sys; from edge.capture.named_frames import NamedFrameMemory; "
    "memory = NamedFrameMemory.attach(sys.argv[1]); memory.count_unreadable(3); memory.close()"
)


@pytest.fixture
def memory():
    memory = NamedFrameMemory.create()
    yield memory
    memory.close()


def run(code, name):
    return subprocess.Popen([sys.executable, "-P", "-c", code, name], env=python_environment())


def gray(value, shape=(4, 6)):
    return np.full(shape, value, np.uint8)


def test_the_newest_frame_is_taken_once_as_a_copy(memory):
    assert memory.take(0) is None
    for value in (10, 20, 30):
        memory.put(gray(value), value / 10, 1.5, 2)
    captured = memory.take(0)
    assert (captured.number, captured.timestamp_s, captured.capture_ms, captured.downscale) == (2, 3.0, 1.5, 2)
    for value in range(40, 50):
        memory.put(gray(value), 0.0, 0.0)
    assert (captured.image == 30).all()
    assert memory.take(memory.published) is None


def test_color_and_rows_that_are_not_contiguous(memory):
    wide = np.random.default_rng(0).integers(0, 255, (700, 1800, 3), np.uint8)
    memory.put(wide[:, ::2], 0.0, 0.0)
    assert (memory.take(0).image == wide[:, ::2]).all()
    with pytest.raises(SourceError, match="expected at least 1, and at most"):
        memory.put(np.broadcast_to(np.uint8(0), (MAX_BYTES // 3 + 1, 1, 3)), 0.0, 0.0)


@pytest.mark.parametrize("damage", ["pixels", "header", "shape"])
def test_a_frame_that_is_written_while_it_is_copied_is_left_for_the_next(memory, monkeypatch, damage):
    memory.put(gray(1), 0.0, 0.0)
    memory.put(gray(2), 0.0, 0.0)
    slot = memory.latest
    if damage == "pixels":
        memory._pixels(slot, (4, 6))[2] = 99
    elif damage == "header":
        memory._buffer[header_offset(slot)] += 1
    else:
        memory._buffer[header_offset(slot) + 28 : header_offset(slot) + 36] = b"\xff" * 8
    taken, real = [], memory._header

    def next_one(asked):
        # The writer goes on while the reader is about to find out.
        taken.append(asked)
        if len(taken) == 2:
            monkeypatch.setattr(memory, "_header", real)
            memory.put(gray(3), 0.0, 0.0)
        return real(asked)

    monkeypatch.setattr(memory, "_header", next_one)
    captured = memory.take(0)
    assert (captured.image == 3).all()
    assert taken[:2] == [slot, slot]


def test_a_slot_is_not_written_again_for_two_frames(memory):
    memory.put(gray(7), 0.0, 0.0)
    slot = memory.latest
    for value in range(SLOTS - 1):
        memory.put(gray(value), 0.0, 0.0)
        assert (memory._pixels(slot, (4, 6)) == 7).all()


@pytest.mark.slow
def test_two_processes_at_full_speed_never_see_half_a_frame(memory):
    with run(WRITER, memory.name) as writer:
        taken = after = 0
        while taken < 500:
            captured = memory.take(after)
            if captured is None:
                assert writer.poll() is None
                continue
            assert captured.number >= after
            assert captured.image.shape == (400 + captured.number % 7, 300 + captured.number % 5, 3)
            assert (captured.image == captured.number % 251).all()
            assert captured.timestamp_s == captured.number / 100
            after, taken = captured.number + 1, taken + 1
        writer.kill()
    assert memory.published > taken
    print(f"{taken} of {memory.published} frames taken")


@pytest.mark.slow
def test_only_the_process_that_has_created_it_removes_it():
    memory = NamedFrameMemory.create()
    name = memory.name
    for number in range(1, 3):
        # The second one could not attach if the end of the first had removed it.
        with run(ATTACHED, name) as other:
            assert other.wait() == 0
        assert memory.unreadable == 3 * number
    memory.close()
    with pytest.raises(FileNotFoundError):
        SharedMemory(name)
