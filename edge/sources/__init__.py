"""Where frames come from: one protocol, one file a kind.

A source is a context manager and an iterator of `Frame`. Files and folders are read frame by frame and lose
nothing; live sources hand over what the camera has when they are asked.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self

from edge.errors import SourceError, WrongUseError
from edge.images import IMAGE_SUFFIXES
from edge.types import Frame


class Source(Protocol):
    """A source of frames.

    Attributes:
        name: what events call it.
        total: number of frames, where it is known.
        unreadable: how many frames could not be decoded so far.
    """

    name: str
    total: int | None
    unreadable: int

    def __iter__(self) -> Iterator[Frame]:
        """Frames in the order in which they were taken, until the source ends."""
        ...

    def __enter__(self) -> Self:
        """Return the source."""
        ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Let go of the camera or file."""
        ...


def open_source(spec: str) -> Source:
    """Open `demo`, `camera:N`, `picamera2[:N]`, a video file, a folder of images or one image.

    Raises:
        WrongUseError: no such kind of source.
        SourceError: it cannot be opened.
    """
    if spec == "demo":
        from edge.sources.demo import DemoSource

        return DemoSource()
    if match := re.fullmatch(r"(camera|picamera2)(?::(\d{1,3}))?", spec):
        index = int(match[2] or 0)
        if match[1] == "camera":
            from edge.sources.camera import CameraSource

            return CameraSource(index)
        from edge.sources.picamera2 import Picamera2Source

        return Picamera2Source(index)
    unknown = f"no source {spec!r}: expected demo, camera:N, picamera2[:N], a video file or a folder of images"
    if not spec or "://" in spec:
        raise WrongUseError(unknown)
    path = Path(spec)
    if not path.exists():
        raise SourceError(unknown)
    if path.is_dir() or path.suffix.lower() in IMAGE_SUFFIXES:
        from edge.sources.folder import FolderSource

        return FolderSource(path)
    from edge.sources.video import VideoSource

    return VideoSource(path)
