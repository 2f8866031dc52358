import subprocess
import sys

import numpy as np
import pytest

from edge.capture.shared_frames import MAX_BYTES, SLOTS, FrameMemory
from edge.errors import SourceError

WRITER = """
import itertools, sys
import numpy as np
from edge.capture.shared_frames import FrameMemory
memory = FrameMemory(int(sys.argv[1]))
for number in itertools.count():
    # Each size another, each picture of one value.
    memory.put(np.full((400 + number % 7, 300 + number % 5, 3), number % 251, np.uint8), number / 100, 0.5)
"""


@pytest.fixture
def memory():
    memory = FrameMemory.create()
    yield memory
    memory.close()


def gray(value, shape=(4, 6)):
    return np.full(shape, value, np.uint8)


def test_the_newest_frame_is_taken_once(memory):
    assert memory.take(0) is None
    for value in (10, 20, 30):
        memory.put(gray(value), value / 10, 1.5)
    captured = memory.take(0)
    assert (captured.number, captured.timestamp_s, captured.capture_ms) == (2, 3.0, 1.5)
    assert (captured.image == gray(30)).all()
    assert memory.published == 3
    assert memory.take(captured.number + 1) is None


def test_a_frame_that_was_taken_is_a_copy(memory):
    memory.put(gray(1), 0.0, 0.0)
    captured = memory.take(0)
    for value in range(2, 20):
        memory.put(gray(value), 0.0, 0.0)
    assert (captured.image == 1).all()


def test_color_gray_other_sizes_and_rows_that_are_not_contiguous(memory):
    number = 0
    for shape in ((3, 5), (3, 5, 3), (700, 900, 3), (2, 2)):
        wide = np.random.default_rng(0).integers(0, 255, (shape[0], shape[1] * 2, *shape[2:]), np.uint8)
        memory.put(wide[:, ::2], 0.0, 0.0)
        captured = memory.take(number)
        assert captured.image.shape == shape
        assert (captured.image == wide[:, ::2]).all()
        number = captured.number + 1


@pytest.mark.parametrize("shape", [(0, 0, 3), (4, 0), (MAX_BYTES // 3 + 1, 1, 3)])
def test_a_frame_without_pixels_or_with_too_many_is_rejected(memory, shape):
    with pytest.raises(SourceError, match="expected at least 1, and at most"):
        memory.put(np.lib.stride_tricks.as_strided(np.zeros(1, np.uint8), shape, [0] * len(shape)), 0.0, 0.0)


@pytest.mark.parametrize("held", range(SLOTS))
def test_a_slot_that_another_process_has_locked_is_never_written(memory, held):
    for value in range(SLOTS + held):
        memory.put(gray(value), 0.0, 0.0)
    # Another process reads slot `held`, and takes its time over it.
    holder = subprocess.Popen(
        [
            sys.executable,
            "-c",
            "import fcntl, sys; fd = int(sys.argv[1]); fcntl.lockf(fd, fcntl.LOCK_EX, 1, int(sys.argv[2]))\n"
            "print('held', flush=True); sys.stdin.read()",
            str(memory.fd),
            str(held),
        ],
        pass_fds=[memory.fd],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    with holder:
        assert holder.stdout.readline() == b"held\n"
        before = memory._pixels(held, (4, 6)).copy()
        for value in range(100, 150):
            memory.put(gray(value), 0.0, 0.0)
        assert (memory._pixels(held, (4, 6)) == before).all()
        assert (memory.take(0).image == 149).all()
        holder.stdin.close()


@pytest.mark.slow
def test_two_processes_at_full_speed_never_see_half_a_frame(memory):
    with subprocess.Popen([sys.executable, "-c", WRITER, str(memory.fd)], pass_fds=[memory.fd]) as writer:
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
    # The reader was outrun, so that it met the writer in every slot.
    assert memory.published > taken
    print(f"{taken} of {memory.published} frames taken")


def test_unreadable_frames_are_counted_in_the_memory(memory):
    memory.count_unreadable(2)
    memory.count_unreadable(3)
    assert memory.unreadable == 5
