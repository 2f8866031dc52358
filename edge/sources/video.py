"""A video file, frame by frame; nothing is dropped."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import click
import cv2

from edge.errors import SourceError
from edge.sources.base import ClosingSource
from edge.types import Frame

_NO_VIDEO = "{path} is not a video that OpenCV can read: expected an MP4, AVI, MKV or the like"


class VideoSource(ClosingSource):
    """Any clip that OpenCV's FFmpeg can decode.

    Raises:
        SourceError: it is none.
    """

    def __init__(self, path: Path) -> None:
        if not path.is_file():
            raise SourceError(f"{path} is no regular file: expected a clip, a folder of images or a camera")
        # OpenCV crashes on a name that is not UTF-8, and FFmpeg takes what stands before a colon for a protocol.
        name = str(path.absolute())
        if not _is_utf8(name):
            raise SourceError(f"the name {name!a} is not UTF-8: rename the clip")
        try:
            with path.open("rb") as stream:
                head = stream.read(4096)
        except OSError as error:
            raise SourceError(f"cannot read {path}: {error.strerror or error}") from error
        # Text has no zero byte, a clip always has some; FFmpeg would play text as a terminal's picture.
        if b"\0" not in head:
            raise SourceError(_NO_VIDEO.format(path=path))
        # One decoding thread: more of them cost memory, and the frames are needed one at a time.
        self._capture = cv2.VideoCapture(name, cv2.CAP_FFMPEG, [cv2.CAP_PROP_N_THREADS, 1])
        if not self._capture.isOpened():
            raise SourceError(_NO_VIDEO.format(path=path))
        self.name = path.name
        #: The clip.
        self.path = path
        frames = int(self._capture.get(cv2.CAP_PROP_FRAME_COUNT))
        # Containers without an index say 0 or nonsense below it.
        self.total = frames if frames > 0 else None
        fps = self._capture.get(cv2.CAP_PROP_FPS)
        self._fps = fps if 0 < fps < 1000 else 25.0

    def __iter__(self) -> Iterator[Frame]:
        index = 0
        while True:
            begin_s = time.monotonic()
            got, image = self._capture.read()
            if not got:
                break
            capture_ms = (time.monotonic() - begin_s) * 1000
            yield Frame(image, index, begin_s, index / self._fps, capture_ms)
            index += 1
        if index == 0:
            raise SourceError(f"{self.path} holds no frame that OpenCV can decode: is it cut short?")
        missing = (self.total or 0) - index
        # Some containers only estimate their length.
        if missing > max(2, 0.02 * index):
            self.unreadable = missing
            click.echo(f"mien: {self.path} ends after {index} of {self.total} frames: is it cut short?", err=True)

    def close(self) -> None:
        """Let go of the file."""
        self._capture.release()


def _is_utf8(name: str) -> bool:
    try:
        name.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True
