import os
import threading
from pathlib import Path

from edge.system.native_logs import quiet_stderr


def test_blocks_of_several_threads_may_overlap(capfd):
    first_is_inside, second_is_inside, first_is_done = (threading.Event() for _ in range(3))

    def first():
        with quiet_stderr():
            first_is_inside.set()
            assert second_is_inside.wait(10)
        first_is_done.set()

    thread = threading.Thread(target=first)
    thread.start()
    assert first_is_inside.wait(10)
    with quiet_stderr():
        second_is_inside.set()
        assert first_is_done.wait(10)
        os.write(2, b"within")
    thread.join()
    os.write(2, b"after")
    assert capfd.readouterr().err == "after"


def test_blocks_may_be_nested_and_leave_no_descriptor_open(capfd):
    with quiet_stderr():
        with quiet_stderr():
            os.write(2, b"inner")
        os.write(2, b"outer")
    before = len(list(Path("/proc/self/fd").iterdir()))
    with quiet_stderr():
        os.write(2, b"again")
    assert len(list(Path("/proc/self/fd").iterdir())) == before
    os.write(2, b"after")
    assert capfd.readouterr().err == "after"
