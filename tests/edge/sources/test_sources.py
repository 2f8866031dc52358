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
from edge.sources.picamera2 import _age_s
from edge.sources.v4l2_devices import V4l2Devices
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
        CameraSource(7, devices=V4l2Devices(tmp_path))
    (tmp_path / "video0").touch()
    with pytest.raises(SourceError, match="there are camera:0; for the Pi's own camera use picamera2"):
        CameraSource(7, devices=V4l2Devices(tmp_path))


def test_a_device_that_is_not_a_camera(tmp_path):
    (tmp_path / "video63").touch()
    with pytest.raises(SourceError, match="cannot open"):
        CameraSource(63, devices=V4l2Devices(tmp_path))


class FakePicamera2:
    """Behaves as picamera2 does where this project touches it; tests/camera has the real one on a virtual camera."""

    cameras = (1,)
    #: What picamera2 raises as the cause of its own error; None if it starts.
    failure: Exception | None = None
    stalls_after = 3
    #: Size and format that the camera gives, whatever it is asked for.
    size: tuple | None = None
    format = "YUV420"
    #: Bytes by which a buffer is shorter than its stream.
    missing = 0
    log: list = []  # noqa: RUF012

    def __init__(self, index):
        if index >= len(self.cameras):
            raise IndexError("list index out of range")
        if self.failure is not None:
            raise RuntimeError("Camera __init__ sequence did not complete.") from self.failure
        self.frames, type(self).opened = 0, index

    @classmethod
    def global_camera_info(cls):
        return [{"Num": n, "Id": f"/base/i2c@{n}", "Model": "imx708"} for n in cls.cameras]

    def create_video_configuration(self, main, lores):
        assert lores["size"][0] <= main["size"][0]
        return {"main": main, "lores": lores}

    def configure(self, configuration):
        lores = configuration["lores"]
        assert lores["format"] == "YUV420"
        size = self.size or lores["size"]
        self.lores = {"size": size, "stride": (size[0] + 63) // 64 * 64 + 64, "format": self.format}

    def camera_configuration(self):
        return {"lores": self.lores}

    def start(self):
        self.log.append("start")

    def capture_buffers(self, names, wait):
        assert names == ["lores"]
        self.frames += 1
        if self.frames > self.stalls_after:
            raise TimeoutError
        (width, height), stride = self.lores["size"], self.lores["stride"]
        # The luminance in rows of the hardware's stride, then chroma.
        planes = np.full((height + (height + 1) // 2, stride), 255, np.uint8)
        planes[:height, :width] = 50
        exposed_ns = int((time.clock_gettime(time.CLOCK_BOOTTIME) - 0.040) * 1e9)
        return [planes.reshape(-1)[: planes.size - self.missing]], {"SensorTimestamp": exposed_ns}

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


@pytest.mark.parametrize("format_name", ["YUV420", "NV12"])
@pytest.mark.parametrize("size", [(320, 240), (1920, 1080), (641, 361)])
def test_picamera2_gives_the_size_that_the_camera_has(picamera2, size, format_name):
    picamera2.size, picamera2.format = size, format_name
    for downscale in (1, 3):
        with open_source("picamera2", downscale) as source:
            image = next(iter(source)).image
        assert image.shape == size[::-1]
        assert (image == 50).all()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"format": "MJPEG"}, r"picamera2:0 gives frames in the format MJPEG: expected YUV420, .*--source camera:N"),
        (
            {"size": (0, 0)},
            r"picamera2:0 gives frames of 0 x 0 pixels with 64 bytes a row: expected at least one pixel",
        ),
    ],
)
def test_picamera2_with_frames_that_have_no_gray_picture(picamera2, changes, message):
    for name, value in changes.items():
        setattr(picamera2, name, value)
    with pytest.raises(SourceError, match=message):
        open_source("picamera2")
    assert picamera2.log == ["close"]


@pytest.mark.parametrize("missing", [640 * 480, 704 * 720])
def test_picamera2_with_a_frame_that_is_too_short(picamera2, missing):
    picamera2.missing = missing
    with open_source("picamera2") as source, pytest.raises(SourceError, match=r"gave a frame of \d+ bytes: expected"):
        next(iter(source))


def test_picamera2_finds_a_camera_by_its_identifier(picamera2):
    picamera2.cameras = (1, 2)
    with open_source("picamera2:1") as source:
        assert (source.name, source.reopen_specs) == ("picamera2:1", ("picamera2:id=/base/i2c@2",))
    with open_source(*source.reopen_specs) as source:
        assert picamera2.opened == 1
    with pytest.raises(SourceError, match=r"no camera picamera2:/base/i2c@7: libcamera sees picamera2:0 \(imx708\), "):
        open_source("picamera2:id=/base/i2c@7")


@pytest.mark.parametrize("clock", ["CLOCK_MONOTONIC", "CLOCK_BOOTTIME"])
@pytest.mark.parametrize("suspended_s", [0.0, 3600.0])
def test_the_age_of_a_frame_by_either_clock_of_its_stamp(monkeypatch, clock, suspended_s):
    now_s = {time.CLOCK_MONOTONIC: 1000.0, time.CLOCK_BOOTTIME: 1000.0 + suspended_s}
    monkeypatch.setattr(time, "clock_gettime", now_s.__getitem__)
    stamp_s = now_s[getattr(time, clock)] - 0.040
    assert _age_s({"SensorTimestamp": int(stamp_s * 1e9)}) == pytest.approx(0.040, abs=1e-6)
    assert _age_s({}) == 0.0


def test_picamera2_without_a_camera(picamera2):
    with pytest.raises(SourceError, match=r"no camera picamera2:1: libcamera sees picamera2:0 \(imx708\); choose"):
        open_source("picamera2:1")


@pytest.mark.parametrize(
    ("cause", "message"),
    [
        (
            RuntimeError("Failed to acquire camera: Device or resource busy"),
            "cannot start picamera2:0: Failed to acquire camera: Device or resource busy; stop the program that",
        ),
        (
            IndexError("list index out of range"),
            "cannot start picamera2:0: list index out of range; check it with  rpicam",
        ),
    ],
)
def test_picamera2_states_the_cause_once_and_only_what_it_knows(picamera2, cause, message):
    picamera2.failure = cause
    with pytest.raises(SourceError) as raised:
        open_source("picamera2:0")
    assert str(raised.value).startswith(message)
    assert "sequence" not in str(raised.value)


def test_picamera2_may_be_missing(monkeypatch):
    monkeypatch.setitem(sys.modules, "picamera2", None)
    with pytest.raises(WrongUseError, match="apt install python3-picamera2"):
        open_source("picamera2")
