import logging
import stat

import cv2
import numpy as np
import pytest

import edge.pipeline.video_recording as module
from edge.errors import SinkError, WrongUseError
from edge.pipeline.dispatcher import Dispatcher
from edge.pipeline.video_recording import Recording
from edge.types import Frame, FrameReport, Track
from tests.edge.waiting import wait_until

LABELS = ("happy", "sad")
SCORES = np.array([0.9, 0.1], np.float32)


def frame(position_s, size=(120, 160), scale=1.0):
    return Frame(np.full((*size, 3), 128, np.uint8), 0, 0.0, position_s, 0.0, scale)


def track():
    return Track(1, (40.0, 40.0, 40.0, 40.0), 0.9, SCORES, SCORES, 0.0, class_id=0)


def read(path):
    """The size, and all frames of a video."""
    capture, frames = cv2.VideoCapture(str(path)), []
    while True:
        is_read, image = capture.read()
        if not is_read:
            capture.release()
            return frames
        frames.append(image)


def green(image):
    """The pixels that are green, as boxes are."""
    return (image[..., 1].astype(int) - image[..., 0] > 60).sum()


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".avi"])
def test_a_video_has_the_faces_and_the_time_of_its_source(tmp_path, caplog, suffix):
    path = tmp_path / f"run{suffix}"
    with caplog.at_level(logging.INFO, "edge"), Recording(path, waits=True) as recording:
        assert "THE VIDEO IS BEING RECORDED" in recording.notice
        # 10 frames per second: each is written three times.
        for number in range(10):
            recording.store(frame(number / 10), [track()] if number < 5 else [], LABELS)
    frames = read(path)
    assert len(frames) == recording.written == 28
    assert frames[0].shape == (120, 160, 3)
    assert green(frames[0]) > 100
    assert green(frames[-1]) == 0
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert "THE VIDEO IS BEING RECORDED" in caplog.text
    assert "has 1 s of video of people" in caplog.text
    assert recording.notice == ""


def test_a_source_that_was_away_or_has_another_size_continues_the_video(tmp_path):
    path = tmp_path / "run.avi"
    with Recording(path, waits=True) as recording:
        recording.store(frame(0.0), [], LABELS)
        recording.store(frame(3600.0), [], LABELS)
        # Opened again: its time begins at 0; a degraded run has smaller frames, and boxes in pixels of the full one.
        recording.store(frame(0.0, (60, 80), scale=2.0), [track()], LABELS)
    frames = read(path)
    assert [image.shape for image in frames] == [(120, 160, 3)] * 3
    rows, columns = np.nonzero(frames[2][..., 1].astype(int) - frames[2][..., 0] > 60)
    assert abs(columns.min() - 40) < 6
    assert abs(rows.max() - 80) < 6


def test_frames_of_a_camera_that_come_too_fast_are_left_out(tmp_path):
    with Recording(tmp_path / "run.avi", waits=False) as recording:
        for number in range(300):
            recording.store(frame(number / 300), [], LABELS)
        wait_until(lambda: recording.written > 0, "a frame in the file")
    assert 0 < recording.written <= 31


def test_wrong_files_are_rejected(tmp_path):
    with pytest.raises(WrongUseError, match=r"expected a file that ends in \.mp4, \.mkv, \.avi"):
        Recording(tmp_path / "run.gif", True)
    with pytest.raises(SinkError, match="No such file or directory"):
        Recording(tmp_path / "none" / "run.mp4", True)


@pytest.mark.parametrize("kind", ["file", "link"])
def test_a_file_is_used_only_once(tmp_path, caplog, kind):
    # As after a crash, when the service manager starts the daemon again.
    path = tmp_path / "there.mp4"
    if kind == "file":
        path.write_text("mine")
    else:
        path.symlink_to(tmp_path / "elsewhere")
    with Recording(path, True) as recording:
        recording.store(frame(0.0), [], LABELS)
        assert recording.notice == ""
    assert recording.written == 0
    assert "exists, so nothing is recorded: name a new file" in caplog.text
    assert path.read_text() == "mine" if kind == "file" else path.is_symlink() and not path.exists()


def test_a_full_disk_ends_the_recording_and_not_the_run(tmp_path, monkeypatch, caplog):
    monkeypatch.setattr(module, "MIN_FREE_BYTES", 1e18)
    path = tmp_path / "run.mp4"
    with Recording(path, waits=True) as recording:
        for number in range(50):
            recording.store(frame(number / 30), [], LABELS)
        wait_until(lambda: recording.notice == "", "the end of the recording")
    assert "almost full: the recording has ended" in caplog.text
    assert not path.exists()


def test_the_preview_announces_it(tmp_path):
    class Viewer:
        notices = ()

        def publish(self, *_):
            pass

        def set_notice(self, text):
            self.notices += (text,)

    viewer = Viewer()
    with Recording(tmp_path / "run.avi", waits=True) as recording:
        dispatcher = Dispatcher(viewer=viewer, recording=recording)
        report = FrameReport("clip", 0, 1, 0, {"total": 1.0})
        dispatcher.frame(frame(0.0), [track()], report, LABELS)
    dispatcher.frame(frame(0.1), [], report, LABELS)
    assert "RECORDED" in viewer.notices[0]
    assert viewer.notices[1] == ""


@pytest.mark.slow
@pytest.mark.usefixtures("weights")
def test_a_run_records_its_faces(mien, tmp_path):
    path = tmp_path / "run.mp4"
    done = mien("run", "--source", "demo", "--max-frames", 45, "--record", path)
    assert done.code == 0, done.err
    assert "THE VIDEO IS BEING RECORDED" in done.err
    frames = read(path)
    assert len(frames) > 20
    assert green(frames[-1]) > 500
    done = mien("run", "--source", "demo", "--record", path)
    assert done.code == 2
    assert "the file exists: expected a new one" in done.error_line()
    done = mien("run", "--source", "demo", "--record", tmp_path / "new.mp4", "--aggregate", "60")
    assert done.code == 2
    assert "expected one of the two options" in done.error_line()
    assert not (tmp_path / "new.mp4").exists()
