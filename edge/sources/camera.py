"""`camera:N`, `camera:/dev/v4l/by-id/NAME`: a camera, such as a USB camera, through OpenCV."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator

import cv2

from edge.errors import SourceError
from edge.sources.base import BaseSource, BlockingSource
from edge.sources.v4l2_devices import V4l2Devices
from edge.system.operating_system import system_name
from edge.types import Frame

WIDTH, HEIGHT = 640, 480
#: After this number of damaged frames in succession the camera should be opened again.
MAX_DAMAGED = 30
#: OpenCV's backends of Linux, macOS and Windows. On Windows, MSMF needs many seconds to open some cameras.
_BACKENDS = (cv2.CAP_V4L2, cv2.CAP_AVFOUNDATION, cv2.CAP_DSHOW, cv2.CAP_MSMF)
_SPEC = re.compile(
    r"(?:camera(?::(?P<number>\d{1,3}))?|(?:camera:)?/dev/video(?P<node>\d{1,3})|(?P<bare>\d{1,3})"
    r"|(?:camera:)?(?P<link>/dev/v4l/by-(?:id|path)/[^/]+))"
)


class CameraSource(BaseSource):
    """One camera, with frames of 640x480 if it supports them.

    If udev has a link to it, it is opened again by that link: also where Linux has given it another number by then. On
    Windows and macOS, OpenCV numbers the cameras in the order of the system, and there are no links.

    Args:
        device: N of `/dev/videoN`, or the path of one of udev's links to it; elsewhere the position of the camera.
        downscale: divides the width and height that the camera is asked for.
        devices: the cameras of this machine, where Linux lists them.

    Raises:
        SourceError: there is no such camera, or it cannot be opened.
    """

    usage = "camera:N"
    live = True
    can_downscale = True
    needs_own_process = True

    def __init__(self, device: int | str = 0, downscale: int = 1, devices: V4l2Devices | None = None) -> None:
        self.name = f"camera:{device}"
        backend = camera_backend()
        if backend == cv2.CAP_V4L2:
            devices = devices or V4l2Devices()
            number = devices.number(device)
        elif isinstance(device, str):
            raise SourceError(f"no camera at {device}: expected camera:N, this system has no names for cameras")
        else:
            devices, number = None, device
        self._capture = cv2.VideoCapture(number, backend)
        if not self._capture.isOpened():
            raise SourceError(_cannot_open(number) if devices is None else _cannot_open_node(number))
        link = devices.link(number) if devices is not None else ""
        # By the number as well: another camera may take its place.
        self.reopen_specs = (f"camera:{link}", self.name) if link else ()
        self._capture.set(cv2.CAP_PROP_FRAME_WIDTH, WIDTH // downscale)
        self._capture.set(cv2.CAP_PROP_FRAME_HEIGHT, HEIGHT // downscale)
        # The newest frame, not one that has waited in the driver's queue.
        self._capture.set(cv2.CAP_PROP_BUFFERSIZE, 1)

    @classmethod
    def accepts(cls, spec: str) -> bool:
        """Whether the spec is `camera`, `camera:N`, `/dev/videoN`, `N`, or one of udev's links to a camera."""
        return _SPEC.fullmatch(spec) is not None

    @classmethod
    def event_name(cls, spec: str) -> str:
        """`camera:N`, or `camera:` and the path of a link."""
        return f"camera:{_device(spec)}"

    @classmethod
    def from_spec(cls, spec: str, downscale: int = 1) -> BlockingSource:
        """Open the camera."""
        return cls(_device(spec), downscale)

    def __iter__(self) -> Iterator[Frame]:
        opened_s = time.monotonic()
        index = damaged = 0
        while True:
            # grab() waits for the camera: the frame's time is its arrival, not the beginning of the wait.
            grabbed = self._capture.grab()
            begin_s = time.monotonic()
            if not grabbed or damaged == MAX_DAMAGED:
                raise SourceError(f"{self.name} stopped giving frames after {index}: is it still plugged in?")
            decoded, image = self._capture.retrieve()
            if decoded and image is not None:
                damaged = 0
                yield Frame(image, index, begin_s, begin_s - opened_s, (time.monotonic() - begin_s) * 1000)
            else:
                # A JPEG that a bad cable or hub has cut short.
                damaged += 1
                self.unreadable += 1
            index += 1

    def close(self) -> None:
        """Release the camera."""
        self._capture.release()


def camera_backend() -> int:
    """OpenCV's backend for the cameras of this system, as `cv2.VideoCapture` takes it; `CAP_ANY` if none is known."""
    built = cv2.videoio_registry.getCameraBackends()
    return next((backend for backend in _BACKENDS if backend in built), cv2.CAP_ANY)


def _cannot_open_node(number: int) -> str:
    return f"cannot open /dev/video{number}: it is in use, is no camera, or this user may not read it (group video)"


def _cannot_open(number: int) -> str:
    return (
        f"cannot open camera:{number}: there is no such camera, it is in use, or the privacy settings of "
        f"{system_name()} keep it from this program"
    )


def _device(spec: str) -> int | str:
    found = _SPEC.fullmatch(spec)
    assert found is not None
    return found["link"] or int(found["number"] or found["node"] or found["bare"] or 0)
