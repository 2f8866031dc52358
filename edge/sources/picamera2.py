"""`picamera2[:N]`: a Raspberry Pi's own camera, whose `lores` stream gives gray frames without a conversion."""

from __future__ import annotations

import importlib
import re
import time
from collections.abc import Iterator
from typing import Any

import numpy as np

from edge.errors import SourceError, WrongUseError
from edge.sources.base import BaseSource, BlockingSource
from edge.types import Frame

WIDTH, HEIGHT = 640, 480
#: Without a time limit, a camera that stalls would block forever.
TIMEOUT_S = 5.0
_SPEC = re.compile(r"picamera2(?::(\d{1,3}))?")


class Picamera2Source(BaseSource):
    """Camera number N of libcamera, as gray frames of shape `(480, 640)`.

    The lores stream is YUV420: its first rows are the luminance, so that no color has to be converted. The rows are
    padded to the stride of the hardware, so that the width is cut too.

    Args:
        index: N.
        downscale: divides the width and height.

    Raises:
        WrongUseError: this environment has no picamera2.
        SourceError: there is no such camera, or it cannot be started.
    """

    usage = "picamera2[:N]"
    live = True
    can_downscale = True
    needs_own_process = True

    def __init__(self, index: int = 0, downscale: int = 1) -> None:
        self._width, self._height = WIDTH // downscale, HEIGHT // downscale
        self.name = f"picamera2:{index}"
        try:
            library: Any = importlib.import_module("picamera2")
        except ImportError as error:
            raise WrongUseError(
                f"this environment has no picamera2 ({error}): apt install python3-picamera2, and create the "
                "environment with  python3 -m venv --system-site-packages"
            ) from error
        # Picamera2() raises IndexError without a camera, and leaks a descriptor: ask first.
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

    @classmethod
    def accepts(cls, spec: str) -> bool:
        """Whether the spec is `picamera2` or `picamera2:N`."""
        return _SPEC.fullmatch(spec) is not None

    @classmethod
    def event_name(cls, spec: str) -> str:
        """`picamera2:N`."""
        return f"picamera2:{_index(spec)}"

    @classmethod
    def from_spec(cls, spec: str, downscale: int = 1) -> BlockingSource:
        """Open camera N."""
        return cls(_index(spec), downscale)

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
        """Stop and release the camera."""
        self._camera.stop()
        self._camera.close()


def _index(spec: str) -> int:
    return int(spec.partition(":")[2] or 0)


def _age_s(metadata: dict[str, Any]) -> float:
    """Seconds since the sensor's first row was exposed: libcamera's stamp is in nanoseconds of CLOCK_BOOTTIME."""
    stamp_ns = metadata.get("SensorTimestamp")
    if stamp_ns is None:
        return 0.0
    return max(0.0, time.clock_gettime(time.CLOCK_BOOTTIME) - float(stamp_ns) / 1e9)
