import itertools
import os
import shutil
import sys
import time
import types

import cv2
import numpy as np
import pytest

from edge.errors import SourceError, WrongUseError
from edge.sources import open_source
from edge.sources.camera import CameraSource
from edge.sources.demo import DemoSource
from edge.sources.image_source import FolderSource
from tests.conftest import PORTRAIT


def frames_of(source):
    with source:
        return list(source)


def test_a_clip_gives_every_frame_in_order(demo_clip):
    source = open_source(str(demo_clip))
    assert source.total == 90
    frames = frames_of(source)
    assert [f.index for f in frames] == list(range(90))
    assert frames[30].position_s == pytest.approx(1.0)
    assert frames[0].size_wh == (640, 480)
    assert all(a.timestamp_s <= b.timestamp_s for a, b in itertools.pairwise(frames))


def test_a_folder_gives_its_images_by_name_and_skips_a_damaged_one(tmp_path, capsys):
    for name, value in (("b.png", 20), ("a.jpg", 10), ("c.PNG", 30)):
        cv2.imwrite(str(tmp_path / name), np.full((9, 7, 3), value, np.uint8))
    (tmp_path / "bb.png").write_text("no image")
    (tmp_path / "notes.txt").write_text("not an image")
    source = open_source(str(tmp_path))
    frames = frames_of(source)
    assert source.total == 4
    assert [int(f.image.mean()) for f in frames] == [10, 20, 30]
    assert [f.index for f in frames] == [0, 1, 3]
    assert source.unreadable == 1
    assert "bb.png is not an image" in capsys.readouterr().err


def test_one_image_is_a_source():
    frames = frames_of(open_source(str(PORTRAIT)))
    assert len(frames) == 1


def test_the_demo_moves_and_the_face_leaves_and_returns():
    frames = []
    for frame in DemoSource(paced=False):
        frames.append(frame)
        if len(frames) == 260:
            break
    assert frames[0].image_bgr.shape == (480, 640, 3)
    assert not (frames[0].image == frames[5].image).all()
    assert frames[220].image.std() == 0
    assert frames[250].image.std() > 10


def test_a_frame_converts_its_image_to_gray_and_color():
    color = DemoSource(paced=False)
    frame = next(iter(color))
    assert frame.image_gray.shape == (480, 640)
    assert frame.image_bgr is frame.image


@pytest.mark.parametrize("spec", ["rtmp://anna:geheim@nowhere/1", "ftp://x", "rtsp://"])
def test_an_unknown_kind_of_source(spec):
    with pytest.raises(WrongUseError, match="expected demo, camera:N") as caught:
        open_source(spec)
    assert "geheim" not in str(caught.value)


def test_files_that_are_not_sources(tmp_path):
    with pytest.raises(SourceError, match="no source"):
        open_source(str(tmp_path / "no.mp4"))
    with pytest.raises(SourceError, match="no image in"):
        open_source(str(tmp_path))
    (tmp_path / "x.mp4").write_text("this is not a clip")
    with pytest.raises(SourceError, match="is not a video"):
        open_source(str(tmp_path / "x.mp4"))
    (tmp_path / "x.png").write_text("this is not an image")
    with pytest.raises(SourceError, match="none of the 1 images"):
        frames_of(FolderSource(tmp_path))


def test_a_clip_that_is_cut_short(demo_clip, tmp_path):
    cut = tmp_path / "cut.mp4"
    cut.write_bytes(demo_clip.read_bytes()[:20000])
    with pytest.raises(SourceError, match=r"is not a video|contains no frame"):
        frames_of(open_source(str(cut)))


def test_names_that_ffmpeg_would_take_for_a_protocol(demo_clip, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    shutil.copy(demo_clip, "2026-11-21T10:00:00.mp4")
    assert len(frames_of(open_source("2026-11-21T10:00:00.mp4"))) == 90


def test_a_name_that_is_not_utf8_is_an_error_and_no_crash(demo_clip, tmp_path):
    odd = os.fsencode(tmp_path) + b"/cl\xffip.mp4"
    shutil.copy(demo_clip, odd)
    with pytest.raises(SourceError, match="is not UTF-8: rename"):
        open_source(os.fsdecode(odd))


def test_a_truncated_clip_causes_a_warning_and_the_missing_frames_are_counted(tmp_path, capsys):
    path = tmp_path / "demo.avi"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 30, (64, 48))
    for value in range(60):
        writer.write(np.full((48, 64, 3), value, np.uint8))
    writer.release()
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    source = open_source(str(path))
    frames = frames_of(source)
    assert 10 < len(frames) < 50
    assert source.unreadable == 60 - len(frames)
    assert "of 60 frames: is it cut short?" in capsys.readouterr().err


def test_a_pipe_is_not_a_file(tmp_path):
    for name in ("x.mp4", "x.png"):
        os.mkfifo(tmp_path / name)
        with pytest.raises(SourceError, match=r"not a regular file|none of the 1 images"):
            frames_of(open_source(str(tmp_path / name)))


def test_a_missing_camera_is_an_error_that_names_the_others(tmp_path):
    with pytest.raises(SourceError, match="there is none"):
        CameraSource(7, devices=tmp_path)
    (tmp_path / "video0").touch()
    with pytest.raises(SourceError, match="there are camera:0; for the Pi's own camera use picamera2"):
        CameraSource(7, devices=tmp_path)


def test_a_device_that_is_not_a_camera(tmp_path):
    (tmp_path / "video63").touch()
    with pytest.raises(SourceError, match="cannot open"):
        CameraSource(63, devices=tmp_path)


class FakePicamera2:
    """Behaves as picamera2 does where this project touches it; the real one needs a Pi's libcamera."""

    cameras = (1,)
    busy = False
    stalls_after = 3
    log: list = []  # noqa: RUF012

    def __init__(self, index):
        if index >= len(self.cameras):
            raise IndexError("list index out of range")
        if self.busy:
            raise RuntimeError("Failed to acquire camera: Device or resource busy")
        self.frames = 0

    @classmethod
    def global_camera_info(cls):
        return [{"Num": n} for n in cls.cameras]

    def create_video_configuration(self, main, lores):
        assert lores["size"][0] <= main["size"][0]
        return {"main": main, "lores": lores}

    def configure(self, configuration):
        self.size = configuration["lores"]["size"]
        assert configuration["lores"]["format"] == "YUV420"

    def start(self):
        self.log.append("start")

    def capture_arrays(self, names, wait):
        assert names == ["lores"]
        self.frames += 1
        if self.frames > self.stalls_after:
            raise TimeoutError
        width, height = self.size
        # YUV420: the luminance, then chroma; rows padded to the hardware's stride.
        planes = np.full((height * 3 // 2, width + 64), 255, np.uint8)
        planes[:height, :width] = 50
        exposed_ns = int((time.clock_gettime(time.CLOCK_BOOTTIME) - 0.040) * 1e9)
        return [planes], {"SensorTimestamp": exposed_ns}

    def stop(self):
        self.log.append("stop")

    def close(self):
        self.log.append("close")


@pytest.fixture
def picamera2(monkeypatch):
    module = types.ModuleType("picamera2")
    module.Picamera2 = type("Picamera2", (FakePicamera2,), {"log": []})
    monkeypatch.setitem(sys.modules, "picamera2", module)
    return module.Picamera2


def test_picamera2_gives_the_luminance_without_the_padding(picamera2):
    source = open_source("picamera2")
    with source:
        stream = iter(source)
        frames = [next(stream) for _ in range(3)]
        with pytest.raises(SourceError, match="gave no frame for 5 s after 3"):
            next(stream)
    assert frames[0].image.shape == (480, 640)
    assert (frames[0].image == 50).all()
    # Latency counts from the exposure, 40 ms before the frame was handed over.
    assert frames[0].capture_ms >= 40
    assert time.monotonic() - frames[0].timestamp_s >= 0.040
    assert picamera2.log == ["start", "stop", "close"]


def test_picamera2_gives_smaller_frames(picamera2):
    with open_source("picamera2", 2) as source:
        assert next(iter(source)).image.shape == (240, 320)


def test_picamera2_without_a_camera_or_in_use(picamera2):
    with pytest.raises(SourceError, match=r"no camera picamera2:1: libcamera sees 1"):
        open_source("picamera2:1")
    picamera2.busy = True
    with pytest.raises(SourceError, match="is another program using it"):
        open_source("picamera2:0")


def test_picamera2_may_be_missing(monkeypatch):
    monkeypatch.setitem(sys.modules, "picamera2", None)
    with pytest.raises(WrongUseError, match="apt install python3-picamera2"):
        open_source("picamera2")
