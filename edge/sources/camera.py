"""`camera:N`: a V4L2 camera, such as a USB camera, through OpenCV."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from pathlib import Path

import cv2

from edge.errors import SourceError
from edge.sources.base import BaseSource, BlockingSource
from edge.types import Frame

WIDTH, HEIGHT = 640, 480
#: After this number of damaged frames in succession the camera should be opened again.
MAX_DAMAGED = 30
_SPEC = re.compile(r"camera(?::(\d{1,3}))?")


class CameraSource(BaseSource):
    """Camera number N, with frames of 640x480 if it supports them.

    Args:
        index: N of `/dev/videoN`.
        downscale: divides the width and height that the camera is asked for.
        devices: the folder in which Linux lists the cameras.

    Raises:
        SourceError: there is no such camera, or it cannot be opened.
    """

    usage = "camera:N"
    live = True
    can_downscale = True
    needs_own_process = True

    def __init__(self, index: int = 0, downscale: int = 1, devices: Path = Path("/dev")) -> None:
        self.name = f"camera:{index}"
        device = devices / f"video{index}"
        if not device.exists():
            found = sorted(p.name.removeprefix("video") for p in devices.glob("video*"))
            there = f"there are {', '.join(f'camera:{n}' for n in found)}" if found else "there is none"
            raise SourceError(f"no camera at {device}: {there}; for the Pi's own camera use picamera2")
        self._capture = cv2.VideoCapture(index, cv2.CAP_V4L2)
        if not self._capture.isOpened():
            raise SourceError(
                f"cannot open {device}: it is in use, is no camera, or this user may not read it (group video)"
            )
        self._capture.set(cv2.CAP_PROP_FRAME_WIDTH, WIDTH // downscale)
        self._capture.set(cv2.CAP_PROP_FRAME_HEIGHT, HEIGHT // downscale)
        # The newest frame, not one that has waited in the driver's queue.
        self._capture.set(cv2.CAP_PROP_BUFFERSIZE, 1)

    @classmethod
    def accepts(cls, spec: str) -> bool:
        """Whether the spec is `camera` or `camera:N`."""
        return _SPEC.fullmatch(spec) is not None

    @classmethod
    def event_name(cls, spec: str) -> str:
        """`camera:N`."""
        return f"camera:{_index(spec)}"

    @classmethod
    def from_spec(cls, spec: str, downscale: int = 1) -> BlockingSource:
        """Open camera N."""
        return cls(_index(spec), downscale)

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


def _index(spec: str) -> int:
    return int(spec.partition(":")[2] or 0)
