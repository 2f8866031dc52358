"""A video file, frame by frame; no frame is dropped."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import click
import cv2

from edge.errors import SourceError
from edge.sources.base import BaseSource, BlockingSource
from edge.sources.ffmpeg_limits import ffmpeg_limits
from edge.sources.frame_size import MAX_CLIP_PIXELS, check_frame_size
from edge.system.untrusted_text import printable
from edge.types import Frame

_NO_VIDEO = "{path} is not a video that OpenCV can read: expected an MP4, AVI, MKV or a similar file"


class VideoSource(BaseSource):
    """A clip that OpenCV's FFmpeg can decode.

    Args:
        path: the file.

    Attributes:
        path: the file.

    Raises:
        SourceError: it is not a clip, cannot be read, or has frames of more than 50 megapixels.
    """

    usage = "a video file"

    def __init__(self, path: Path) -> None:
        if not path.is_file():
            raise SourceError(f"{path} is not a regular file: expected a clip, a folder of images or a camera")
        # OpenCV crashes on a name that is not UTF-8; in a relative path, FFmpeg takes the text before a colon for a
        # protocol.
        name = str(path.absolute())
        if not _is_utf8(name):
            raise SourceError(f"the name {name!a} is not UTF-8: rename the clip")
        try:
            with path.open("rb") as stream:
                head = stream.read(4096)
        except OSError as error:
            raise SourceError(f"cannot read {path}: {error.strerror or error}") from error
        # A clip has zero bytes, text has none; FFmpeg would play text as the picture of a terminal.
        if b"\0" not in head:
            raise SourceError(_NO_VIDEO.format(path=path))
        # One decoding thread: several need more memory, and the frames are needed one at a time.
        with ffmpeg_limits("file"):
            self._capture = cv2.VideoCapture(name, cv2.CAP_FFMPEG, [cv2.CAP_PROP_N_THREADS, 1])
        if not self._capture.isOpened():
            raise SourceError(_NO_VIDEO.format(path=path))
        self.name = self.event_name(str(path))
        self.path = path
        check_frame_size(self._capture, path.name, MAX_CLIP_PIXELS)
        frames = int(self._capture.get(cv2.CAP_PROP_FRAME_COUNT))
        # Containers without an index give 0 or a negative number.
        self.total = frames if frames > 0 else None
        fps = self._capture.get(cv2.CAP_PROP_FPS)
        self._fps = fps if 0 < fps < 1000 else 25.0

    @classmethod
    def accepts(cls, spec: str) -> bool:
        """Whether the spec is a path: the clip itself shows whether it can be decoded."""
        return True

    @classmethod
    def event_name(cls, spec: str) -> str:
        """The name of the file."""
        return printable(Path(spec).name)

    @classmethod
    def from_spec(cls, spec: str, downscale: int = 1) -> BlockingSource:
        """Open the clip; its frames have the size of the file."""
        return cls(Path(spec))

    def __iter__(self) -> Iterator[Frame]:
        index = 0
        while True:
            begin_s = time.monotonic()
            decoded, image = self._capture.read()
            if not decoded:
                break
            capture_ms = (time.monotonic() - begin_s) * 1000
            yield Frame(image, index, begin_s, index / self._fps, capture_ms)
            index += 1
        if index == 0:
            raise SourceError(f"{self.path} contains no frame that OpenCV can decode: is it cut short?")
        missing = (self.total or 0) - index
        # Some containers only estimate their length.
        if missing > max(2, 0.02 * index):
            self.unreadable = missing
            name = printable(str(self.path))
            click.echo(f"mien: {name} ends after {index} of {self.total} frames: is it cut short?", err=True)

    def close(self) -> None:
        """Close the file."""
        self._capture.release()


def _is_utf8(name: str) -> bool:
    try:
        name.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True
