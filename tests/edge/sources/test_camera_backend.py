"""Cameras where OpenCV has another backend than V4L2. The captures are stand-ins: these systems are not here."""

import cv2
import pytest

from edge.errors import SourceError
from edge.sources import camera
from edge.sources.camera import CameraSource, camera_backend


class Capture:
    """Records how it was opened; opens camera 0 alone."""

    opened: list = []  # noqa: RUF012

    def __init__(self, number, backend):
        self.opened.append((number, backend))
        self._is_open = number == 0

    def isOpened(self):
        return self._is_open

    def set(self, name, value):
        return True

    def release(self):
        pass


@pytest.fixture
def built_for(monkeypatch):
    """An OpenCV that was built for other systems."""

    def choose(*backends):
        monkeypatch.setattr(camera.cv2.videoio_registry, "getCameraBackends", lambda: backends)
        monkeypatch.setattr(camera.cv2, "VideoCapture", Capture)
        monkeypatch.setattr(Capture, "opened", [])
        return Capture.opened

    return choose


@pytest.mark.parametrize(
    ("built", "chosen"),
    [
        ((cv2.CAP_FFMPEG, cv2.CAP_MSMF, cv2.CAP_DSHOW), cv2.CAP_DSHOW),
        ((cv2.CAP_MSMF,), cv2.CAP_MSMF),
        ((cv2.CAP_AVFOUNDATION,), cv2.CAP_AVFOUNDATION),
        ((cv2.CAP_FFMPEG,), cv2.CAP_ANY),
    ],
)
def test_a_camera_needs_no_device_node_and_no_v4l2(built_for, built, chosen):
    opened = built_for(*built)
    with CameraSource.from_spec("camera:0") as source:
        assert (source.name, source.reopen_specs) == ("camera:0", ())
    assert opened == [(0, chosen)]


def test_where_opencv_has_v4l2_it_is_used(built_for):
    built_for(cv2.CAP_GSTREAMER, cv2.CAP_V4L2, cv2.CAP_FFMPEG)
    assert camera_backend() == cv2.CAP_V4L2
    with pytest.raises(SourceError, match="no camera at /dev/video77"):
        CameraSource(77)


def test_what_cannot_be_opened_is_one_line_without_linux_names(built_for):
    built_for(cv2.CAP_DSHOW)
    with pytest.raises(SourceError, match=r"cannot open camera:1: there is no such camera") as caught:
        CameraSource(1)
    assert "/dev" not in str(caught.value)
    with pytest.raises(SourceError, match=r"no camera at /dev/v4l/by-id/x: expected camera:N"):
        CameraSource("/dev/v4l/by-id/x")
