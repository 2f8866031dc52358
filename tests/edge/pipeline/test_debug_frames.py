import logging
import os
import time

import cv2
import numpy as np
import pytest

import edge.pipeline.debug_frames as module
from edge.errors import SinkError
from edge.pipeline.debug_frames import DebugFrames
from edge.pipeline.dispatcher import Dispatcher
from edge.types import Frame, FrameReport
from tests.edge.waiting import wait_until


def frame(index):
    return Frame(np.full((20, 30, 3), index, np.uint8), index, 0.0, 0.0, 0.0)


def test_storing_images_is_announced_and_ends_after_its_time(tmp_path, monkeypatch, caplog):
    monkeypatch.setattr(module, "FPS", 1000)
    folder = tmp_path / "pictures"
    with caplog.at_level(logging.INFO, "edge"), DebugFrames(folder, duration_s=0.5) as frames:
        assert str(folder) in frames.notice
        assert "PICTURES ARE BEING STORED" in caplog.text
        for index in range(200):
            frames.store(frame(index))
            time.sleep(0.005)
        assert frames.notice == ""
        assert "finished" in caplog.text
        frames.store(frame(250))
    assert len(list(folder.glob("*.jpg"))) == frames.stored > 3
    assert not (folder / "00000250.jpg").exists()
    assert folder.stat().st_mode & 0o077 == 0
    assert cv2.imread(str(next(iter(sorted(folder.glob("*.jpg")))))).shape == (20, 30, 3)


def test_a_folder_is_used_only_once(tmp_path, caplog):
    with DebugFrames(tmp_path / "p") as first:
        first.store(frame(0))
        wait_until(lambda: first.stored == 1, "a stored picture")
    # As after a crash, when the service manager starts the daemon again.
    with DebugFrames(tmp_path / "p") as second:
        assert second.notice == ""
        second.store(frame(1))
    assert second.stored == 0
    assert "is not empty" in caplog.text


def test_a_full_disk_is_reported_and_does_not_end_the_run(tmp_path, monkeypatch, caplog):
    monkeypatch.setattr(module, "MIN_FREE_BYTES", 1e18)
    with DebugFrames(tmp_path / "p") as frames:
        frames.store(frame(0))
        wait_until(lambda: "almost full" in caplog.text, "a line in the log")
    assert frames.stored == 0


def test_an_unwritable_folder_is_an_error(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(SinkError, match="cannot store frames"):
        DebugFrames(tmp_path / "file")


def test_viewers_see_a_notice_until_it_ends(tmp_path):
    notices = []

    class Viewers:
        def set_notice(self, text):
            notices.append(text)

        def publish(self, *_):
            pass

    with DebugFrames(tmp_path / "p", duration_s=0.2) as frames:
        dispatcher = Dispatcher(viewer=Viewers(), debug_frames=frames)
        for _ in range(3):
            dispatcher.frame(frame(0), [], FrameReport("s", 0, 0, 0, {}), ())
            time.sleep(0.15)
            frames._next_s = 0
    dispatcher.frame(frame(0), [], FrameReport("s", 0, 0, 0, {}), ())
    assert len(notices) == 2
    assert "BEING STORED" in notices[0]
    assert notices[1] == ""


def test_a_link_in_the_way_of_an_image_is_not_followed(tmp_path, caplog):
    target = tmp_path / "target"
    target.write_text("precious")
    with DebugFrames(tmp_path / "p") as frames:
        (tmp_path / "p" / "00000000.jpg").symlink_to(target)
        frames.store(frame(0))
        wait_until(lambda: "00000000.jpg" in caplog.text, "a line in the log")
    assert target.read_text() == "precious"
    assert frames.stored == 0


def test_a_folder_that_is_a_link_is_rejected(tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    with pytest.raises(SinkError, match="cannot store frames"):
        DebugFrames(tmp_path / "link")


@pytest.mark.skipif(os.geteuid() != 0, reason="makes a folder of another user: run as root")
def test_the_folder_of_another_user_is_rejected(tmp_path):
    folder = tmp_path / "theirs"
    folder.mkdir(mode=0o777)
    os.chown(folder, 12345, 12345)
    with pytest.raises(SinkError, match="it belongs to another user"):
        DebugFrames(folder)
    assert list(folder.iterdir()) == []


def test_images_are_readable_by_their_owner_alone(tmp_path):
    (tmp_path / "p").mkdir(mode=0o777)
    with DebugFrames(tmp_path / "p") as frames:
        frames.store(frame(0))
        wait_until(lambda: frames.stored == 1, "a stored picture")
    assert {path.stat().st_mode & 0o077 for path in (tmp_path / "p", *(tmp_path / "p").iterdir())} == {0}
