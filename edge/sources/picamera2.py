"""`picamera2[:N]`: the Pi's own camera, grey from the `lores` stream for free."""

from __future__ import annotations

import importlib
import time
from collections.abc import Iterator
from typing import Any

import numpy as np

from edge.errors import SourceError, WrongUseError
from edge.sources.base import ClosingSource
from edge.types import Frame

WIDTH, HEIGHT = 640, 480
#: Without a limit a stalled camera would block for ever.
TIMEOUT_S = 5.0


class Picamera2Source(ClosingSource):
    """Camera number N of libcamera, as `(480, 640)` grey frames.

    The lores stream is YUV420: its first rows are the luminance, so no colour is converted. Its rows are
    padded to the hardware's stride, so the width is cut too.

    Args:
        index: N.
        shrink: a so many times smaller width and height instead.

    Raises:
        WrongUseError: picamera2 is not to be found in this environment.
        SourceError: there is no such camera, or it gives no picture.
    """

    live = True

    def __init__(self, index: int = 0, shrink: int = 1) -> None:
        self._width, self._height = WIDTH // shrink, HEIGHT // shrink
        self.name = f"picamera2:{index}"
        try:
            library: Any = importlib.import_module("picamera2")
        except ImportError as error:
            raise WrongUseError(
                f"picamera2 is not to be found here ({error}): apt install python3-picamera2, and make the "
                "environment with  python3 -m venv --system-site-packages"
            ) from error
        # Picamera2() without a camera raises IndexError and leaks a descriptor: ask first.
        cameras = library.Picamera2.global_camera_info()
        if index >= len(cameras):
            raise SourceError(f"no camera {self.name}: libcamera sees {len(cameras)}; check the ribbon cable")
        self._camera: Any = None
        try:
            self._camera = library.Picamera2(index)
            size = {"size": (self._width, self._height)}
            self._camera.configure(
                self._camera.create_video_configuration(main=size, lores={**size, "format": "YUV420"})
            )
            self._camera.start()
        except RuntimeError as error:
            if self._camera is not None:
                self._camera.close()
            raise SourceError(f"cannot start {self.name}: {error}; is another program using it?") from error

    def __iter__(self) -> Iterator[Frame]:
        opened_s = time.monotonic()
        index = 0
        while True:
            try:
                (planes,), metadata = self._camera.capture_arrays(["lores"], wait=TIMEOUT_S)
            except TimeoutError as error:
                raise SourceError(f"{self.name} gave no frame for {TIMEOUT_S:.0f} s after {index}") from error
            gray = np.ascontiguousarray(planes[: self._height, : self._width])
            age_s = _age_s(metadata)
            exposed_s = time.monotonic() - age_s
            yield Frame(gray, index, exposed_s, exposed_s - opened_s, age_s * 1000)
            index += 1

    def close(self) -> None:
        """Stop the camera and let go of it."""
        self._camera.stop()
        self._camera.close()


def _age_s(metadata: dict[str, Any]) -> float:
    """Seconds since the sensor's first row was exposed: libcamera stamps it in nanoseconds of CLOCK_BOOTTIME."""
    stamp_ns = metadata.get("SensorTimestamp")
    if stamp_ns is None:
        return 0.0
    return max(0.0, time.clock_gettime(time.CLOCK_BOOTTIME) - float(stamp_ns) / 1e9)
