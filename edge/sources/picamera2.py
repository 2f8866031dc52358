"""`picamera2[:N]`: a Raspberry Pi's own camera, whose `lores` stream gives gray frames without a conversion.

`picamera2:id=ID` is the camera with this identifier of libcamera, whatever its number.
"""

from __future__ import annotations

import errno
import importlib.util
import logging
import os
import re
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from edge.errors import MissingPackageError, SourceError, first_line
from edge.sources.base import BaseSource, BlockingSource
from edge.types import Frame

WIDTH, HEIGHT = 640, 480
#: Without a time limit, a camera that stalls would block forever.
TIMEOUT_S = 5.0
#: Formats of libcamera whose first plane is the luminance, one byte for each pixel.
LUMINANCE_FIRST = ("YUV420", "YVU420", "NV12", "NV21")
#: What the system reports for a camera that another process has acquired (EBUSY).
_BUSY = os.strerror(errno.EBUSY)
#: picamera2 logs the errors that it raises, and Python prints what a logger without a handler logs.
_SILENT = logging.NullHandler()
_INSTALL = "apt install python3-picamera2, and create the environment with  python3 -m venv --system-site-packages"
_SPEC = re.compile(r"picamera2(?::(?:(?P<index>\d{1,3})|id=(?P<camera_id>.+)))?")


@dataclass(frozen=True)
class Luminance:
    """Where the gray picture is in the buffer of a stream.

    Attributes:
        width, height: of the picture, in pixels. They may be odd.
        stride: the number of bytes from one row to the next; the hardware pads rows.
    """

    width: int
    height: int
    stride: int

    @classmethod
    def of_stream(cls, stream: dict[str, Any], name: str) -> Luminance:
        """Read it from a stream of `Picamera2.camera_configuration()`: what it gives, whatever it was asked for.

        Args:
            stream: its `size`, `stride` and `format`.
            name: of the source, in error messages.

        Raises:
            SourceError: frames of this format have no plane of luminance, or the stream has no pixel.
        """
        (width, height), stride = stream["size"], stream["stride"] or 0
        if stream["format"] not in LUMINANCE_FIRST:
            raise SourceError(
                f"{name} gives frames in the format {stream['format']}: expected {', '.join(LUMINANCE_FIRST)}; "
                "a USB camera is read with  --source camera:N"
            )
        if not 0 < width <= stride or height < 1:
            raise SourceError(
                f"{name} gives frames of {width} x {height} pixels with {stride} bytes a row: expected at least one "
                "pixel; check the cable, then restart the board"
            )
        return cls(width, height, stride)

    def of_buffer(self, buffer: npt.NDArray[np.uint8], name: str) -> npt.NDArray[np.uint8]:
        """Return the gray picture, of shape `(height, width)`, that a frame's buffer begins with.

        Args:
            buffer: one-dimensional.
            name: of the source, in error messages.

        Raises:
            SourceError: the buffer is too small.
        """
        size = self.height * self.stride
        if len(buffer) < size:
            raise SourceError(
                f"{name} gave a frame of {len(buffer)} bytes: expected at least {size} for {self.width} x "
                f"{self.height} pixels; it is opened again"
            )
        return np.ascontiguousarray(buffer[:size].reshape(self.height, self.stride)[:, : self.width])


class Picamera2Source(BaseSource):
    """Camera number N of libcamera, as gray frames of shape `(480, 640)`, or of the nearest size that it supports.

    The lores stream is YUV420, or NV12 where a camera has no YUV420: its first rows are the luminance, so that no color
    has to be converted.

    Args:
        camera: N, or the camera's identifier, which stays the same when its number changes.
        downscale: divides the width and height that the camera is asked for.

    Raises:
        MissingPackageError: this environment has no picamera2.
        SourceError: there is no such camera, or it cannot be started.
    """

    usage = "picamera2[:N]"
    live = True
    can_downscale = True
    needs_own_process = True

    def __init__(self, camera: int | str = 0, downscale: int = 1) -> None:
        self.name = f"picamera2:{camera}"
        try:
            library: Any = importlib.import_module("picamera2")
        except ImportError as error:
            raise MissingPackageError(f"this environment has no picamera2 ({error})", _INSTALL) from error
        logging.getLogger("picamera2").addHandler(_SILENT)
        # Picamera2() raises IndexError without a camera, and leaks a descriptor: ask first.
        index, camera_id = _find(camera, library.Picamera2.global_camera_info())
        self.reopen_specs = (f"picamera2:id={camera_id}",) if camera_id else ()
        self._camera: Any = None
        try:
            self._camera = library.Picamera2(index)
            size = {"size": (WIDTH // downscale, HEIGHT // downscale)}
            self._camera.configure(
                self._camera.create_video_configuration(main=size, lores={**size, "format": "YUV420"})
            )
            self._luminance = Luminance.of_stream(self._camera.camera_configuration()["lores"], self.name)
            self._camera.start()
        except SourceError:
            self._camera.close()
            raise
        except Exception as error:
            # picamera2 and libcamera's binding raise errors of any type.
            if self._camera is not None:
                self._camera.close()
            raise self._not_started(error) from error

    @classmethod
    def accepts(cls, spec: str) -> bool:
        """Whether the spec is `picamera2`, `picamera2:N` or `picamera2:id=ID`."""
        return _SPEC.fullmatch(spec) is not None

    @classmethod
    def check_packages(cls) -> None:
        """See `BaseSource.check_packages`. Not by an import, which may crash the process."""
        if importlib.util.find_spec("picamera2") is None:
            raise MissingPackageError("this environment has no picamera2", _INSTALL)

    @classmethod
    def event_name(cls, spec: str) -> str:
        """`picamera2:N`, or `picamera2:ID`."""
        return f"picamera2:{_camera_of(spec)}"

    @classmethod
    def from_spec(cls, spec: str, downscale: int = 1) -> BlockingSource:
        """Open camera N, or the one with this identifier."""
        return cls(_camera_of(spec), downscale)

    def __iter__(self) -> Iterator[Frame]:
        opened_s = time.monotonic()
        index = 0
        while True:
            try:
                # Not capture_arrays: it takes the height for even.
                (buffer,), metadata = self._camera.capture_buffers(["lores"], wait=TIMEOUT_S)
            except TimeoutError as error:
                raise SourceError(f"{self.name} gave no frame for {TIMEOUT_S:.0f} s after {index}") from error
            gray = self._luminance.of_buffer(buffer, self.name)
            age_s = _age_s(metadata)
            exposed_s = time.monotonic() - age_s
            yield Frame(gray, index, exposed_s, exposed_s - opened_s, age_s * 1000)
            index += 1

    def close(self) -> None:
        """Stop and release the camera."""
        self._camera.stop()
        self._camera.close()

    def _not_started(self, error: Exception) -> SourceError:
        """The error that states why the camera cannot be started.

        picamera2 replaces an error by a general one ("Camera __init__ sequence did not complete."), whose cause it is.
        """
        while isinstance(error.__cause__, Exception):
            error = error.__cause__
        advice = "stop the program that uses it" if _BUSY in str(error) else "check it with  rpicam-hello"
        return SourceError(f"cannot start {self.name}: {first_line(error).rstrip('.')}; {advice}")


def _camera_of(spec: str) -> int | str:
    found = _SPEC.fullmatch(spec)
    assert found is not None
    return found["camera_id"] or int(found["index"] or 0)


def _find(camera: int | str, cameras: Sequence[dict[str, Any]]) -> tuple[int, str]:
    """Return the number and the identifier of a camera.

    Args:
        camera: its number, or its identifier.
        cameras: what picamera2 finds, in the order of the numbers.

    Raises:
        SourceError: it is not there.
    """
    for index, found in enumerate(cameras):
        if camera in (index, found.get("Id")):
            return index, str(found.get("Id", ""))
    names = ", ".join(f"picamera2:{n} ({found.get('Model', found.get('Id'))})" for n, found in enumerate(cameras))
    advice = "choose one of these, or check the ribbon cable" if cameras else "check the ribbon cable"
    raise SourceError(f"no camera picamera2:{camera}: libcamera sees {names or 'none'}; {advice}")


def _age_s(metadata: dict[str, Any]) -> float:
    """Seconds since the sensor's first row was exposed, from libcamera's stamp in nanoseconds.

    Its documentation defines the stamp by CLOCK_BOOTTIME; V4L2, and with it most pipeline handlers, stamps frames by
    CLOCK_MONOTONIC. The first is ahead by the time for which the machine was suspended, so that by the wrong clock a
    frame is from the future, or as old as that.
    """
    stamp_ns = metadata.get("SensorTimestamp")
    if stamp_ns is None:
        return 0.0
    ages_s = [clock_s - float(stamp_ns) / 1e9 for clock_s in _clocks_s()]
    return min((age_s for age_s in ages_s if age_s >= 0), default=0.0)


def _clocks_s() -> list[float]:
    if sys.platform == "linux":
        return [time.clock_gettime(clock) for clock in (time.CLOCK_MONOTONIC, time.CLOCK_BOOTTIME)]
    else:  # noqa: RET505 - for mypy, what follows would be unreachable
        return [time.monotonic()]
