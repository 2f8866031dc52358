"""`camera:N`: a V4L2 camera, such as one on USB, through OpenCV."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import cv2

from edge.errors import SourceError
from edge.sources.base import ClosingSource
from edge.types import Frame

WIDTH, HEIGHT = 640, 480
#: So many damaged pictures in a row, and the camera is worth opening again.
MAX_DAMAGED = 30


class CameraSource(ClosingSource):
    """Camera number N, at 640x480 if it can.

    Args:
        index: N of `/dev/videoN`.
        shrink: at a so many times smaller width and height instead, if it can.
        devices: where Linux lists the cameras.

    Raises:
        SourceError: there is no such camera, or it gives no picture.
    """

    live = True

    def __init__(self, index: int = 0, shrink: int = 1, devices: Path = Path("/dev")) -> None:
        self.name = f"camera:{index}"
        device = devices / f"video{index}"
        if not device.exists():
            found = sorted(p.name.removeprefix("video") for p in devices.glob("video*"))
            there = f"there are {', '.join(f'camera:{n}' for n in found)}" if found else "there is none"
            raise SourceError(f"no camera at {device}: {there}; for the Pi's own camera use picamera2")
        self._capture = cv2.VideoCapture(index, cv2.CAP_V4L2)
        if not self._capture.isOpened():
            raise SourceError(f"cannot open {device}: it is in use, gives no picture, or is not yours to read")
        self._capture.set(cv2.CAP_PROP_FRAME_WIDTH, WIDTH // shrink)
        self._capture.set(cv2.CAP_PROP_FRAME_HEIGHT, HEIGHT // shrink)
        # The newest frame, not one that waited in the driver's queue.
        self._capture.set(cv2.CAP_PROP_BUFFERSIZE, 1)

    def __iter__(self) -> Iterator[Frame]:
        opened_s = time.monotonic()
        index = damaged = 0
        while True:
            # grab() waits for the camera; the frame's time is its arrival, not the beginning of the wait.
            grabbed = self._capture.grab()
            begin_s = time.monotonic()
            if not grabbed or damaged == MAX_DAMAGED:
                raise SourceError(f"{self.name} stopped giving frames after {index}: is it still plugged in?")
            got, image = self._capture.retrieve()
            if got and image is not None:
                damaged = 0
                yield Frame(image, index, begin_s, begin_s - opened_s, (time.monotonic() - begin_s) * 1000)
            else:
                # A JPEG that a weak cable or hub has cut short.
                damaged += 1
                self.unreadable += 1
            index += 1

    def close(self) -> None:
        """Let go of the camera."""
        self._capture.release()
