"""Where frames come from: one protocol, one file a kind.

A source is a context manager and an iterator of `Frame`. Files and folders are read frame by frame and lose
nothing; live sources hand over what the camera has when they are asked. For the daemon, `edge.capture` puts a live
source into a process of its own.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self

from edge.errors import SourceError, WrongUseError
from edge.images import IMAGE_SUFFIXES
from edge.system.addresses import without_credentials
from edge.types import Frame, SourceEvent

SOURCES = "demo, camera:N, picamera2[:N], rtsp://..., http://..., a video file or a folder of images"
_CAMERA = re.compile(r"(camera|picamera2)(?::(\d{1,3}))?")
_STREAM = re.compile(r"(rtsp|http)s?://.+", re.IGNORECASE | re.DOTALL)
_SCRIPTED = "scripted:"


class Source(Protocol):
    """A source of frames.

    Attributes:
        name: what events call it.
        total: number of frames, where it is known.
        unreadable: how many frames could not be decoded so far.
        dropped: how many frames there were that the iterator did not give.
        live: frames come when they come, and who is slow loses some; not so with files.
        can_downscale: `request_downscale` has an effect.
    """

    name: str
    total: int | None
    unreadable: int
    dropped: int
    live: bool
    can_downscale: bool

    def __iter__(self) -> Iterator[Frame | None]:
        """Frames in the order in which they were taken, until the source ends.

        None: no frame yet; so that the caller can do something else meanwhile.
        """
        ...

    def state_events(self) -> list[SourceEvent]:
        """The changes of state since the last call, in order, oldest first. Files have none.

        Call it after each `next` of the iterator, and once more when the iterator has raised an error: a change is
        there before the frame that it precedes is processed.
        """
        ...

    def request_downscale(self, factor: int) -> None:
        """Ask for frames whose width and height are divided by `factor`; 1 is the full size.

        Asking for the factor that is in effect costs nothing. Frames that come out smaller have a `Frame.scale` above
        1. Without effect where `can_downscale` is false.
        """
        ...

    def __enter__(self) -> Self:
        """Return the source."""
        ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Let go of the camera or file."""
        ...


class BlockingSource(Source, Protocol):
    """A source whose iterator waits for each frame."""

    def __iter__(self) -> Iterator[Frame]:
        """Frames in the order in which they were taken, until the source ends."""
        ...


def live_name(spec: str) -> str | None:
    """What events call a live source, without credentials; None where `spec` is a file, a folder or `demo`."""
    if match := _CAMERA.fullmatch(spec):
        return f"{match[1]}:{int(match[2] or 0)}"
    if _STREAM.fullmatch(spec):
        return without_credentials(spec)
    return spec if spec.startswith(_SCRIPTED) else None


def is_camera(spec: str) -> bool:
    """Whether this is a source that can be asked for smaller frames."""
    return _CAMERA.fullmatch(spec) is not None or spec.startswith(_SCRIPTED)


def open_source(spec: str, shrink: int = 1) -> BlockingSource:
    """Open `demo`, `camera:N`, `picamera2[:N]`, a stream, a video file, a folder of images or one image.

    For tests also `scripted:...`, see `edge.testing.ScriptedCamera`.

    Args:
        spec: which.
        shrink: a camera is asked for frames of a so many times smaller width and height.

    Raises:
        WrongUseError: no such kind of source.
        SourceError: it cannot be opened.
    """
    if spec == "demo":
        from edge.sources.demo import DemoSource

        return DemoSource()
    if match := _CAMERA.fullmatch(spec):
        index = int(match[2] or 0)
        if match[1] == "camera":
            from edge.sources.camera import CameraSource

            return CameraSource(index, shrink)
        from edge.sources.picamera2 import Picamera2Source

        return Picamera2Source(index, shrink)
    if _STREAM.fullmatch(spec):
        from edge.sources.stream import StreamSource

        return StreamSource(spec)
    if spec.startswith(_SCRIPTED):
        from edge.testing import ScriptedCamera

        return ScriptedCamera(spec.removeprefix(_SCRIPTED), shrink)
    unknown = f"no source {without_credentials(spec)!r}: expected {SOURCES}"
    if not spec or "://" in spec:
        raise WrongUseError(unknown)
    path = Path(spec)
    if not path.exists():
        raise SourceError(unknown)
    if path.is_dir() or path.suffix.lower() in IMAGE_SUFFIXES:
        from edge.sources.image_source import FolderSource

        return FolderSource(path)
    from edge.sources.video import VideoSource

    return VideoSource(path)
