"""`--record FILE`: a video of the run with the faces drawn into it; announced loudly."""

from __future__ import annotations

import logging
import os
import queue
import shutil
import threading
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Self

import cv2
import numpy as np
import numpy.typing as npt

from edge.annotation import draw_faces
from edge.errors import SinkError, WrongUseError
from edge.events import reported_expression
from edge.system.logs import RateLimitedLogger
from edge.system.operating_system import open_flags
from edge.types import UNCERTAIN_LABEL, Box, Frame, Track, scaled_box

logger = logging.getLogger(__name__)

#: Frames per second of the video, whatever the source's: images are repeated or left out, so that time stays time.
FPS = 30.0
#: Suffix to codec: those that OpenCV's wheels contain.
CODECS = {".mp4": "mp4v", ".mkv": "mp4v", ".avi": "MJPG"}
#: Nothing is recorded on a disk with less free space.
MIN_FREE_BYTES = 200e6
#: Frames that may wait for the encoder.
_QUEUE_LENGTH = 8
#: Seconds until the last frames of a live source, and the index of the file, must be written.
_CLOSE_S = 3.0


class _Image(NamedTuple):
    """What is drawn and written: the boxes are in pixels of the image, the time is the source's."""

    image: npt.NDArray[np.uint8]
    faces: list[tuple[Box, str]]
    position_s: float


class Recording:
    """Writes a video in its own thread.

    A file is used once: a daemon that a service manager restarts, or one that goes back to a configuration, records
    nothing into a file that exists.

    Args:
        path: a new file; its suffix names the format. Only its owner may read it.
        waits: for the encoder, so that no frame is lost: for clips. Otherwise frames that come too fast are left out.

    Attributes:
        notice: what the preview must show; empty once nothing is recorded any more.
        written: number of frames in the file.

    Raises:
        WrongUseError: the suffix is none of `CODECS`.
        SinkError: the file cannot be written.
    """

    def __init__(self, path: Path, waits: bool) -> None:
        check_format(path)
        self._path, self._waits, self.written, self.notice = path, waits, 0, ""
        self._reminders = RateLimitedLogger(logger)
        try:
            # Never over a file, and never through a link.
            os.close(os.open(path, open_flags("WRONLY", "CREAT", "EXCL", "NOFOLLOW"), 0o600))
        except FileExistsError:
            logger.warning("--record: %s exists, so nothing is recorded: name a new file", path)
        except OSError as error:
            raise SinkError(f"--record {path}: {error.strerror or error}") from error
        else:
            self.notice = f"THE VIDEO IS BEING RECORDED to {path}"
            self._reminders.warning(f"--record: {self.notice}")
        self._is_ours = bool(self.notice)
        self._queue: queue.Queue[_Image | None] = queue.Queue(_QUEUE_LENGTH)
        self._thread = threading.Thread(target=self._write_all, name="recording", daemon=True)
        self._thread.start()

    def store(self, frame: Frame, seen: Sequence[Track], labels: tuple[str, ...]) -> None:
        """Record a frame with the faces that were seen in it; never raises.

        Args:
            frame: nobody may write into its image any more.
            seen: tracks of the faces in it, in pixels of the full image.
            labels: class names in the order of the scores.
        """
        if not self.notice:
            return
        factor = 1 / frame.scale
        faces = [(scaled_box(track.box, factor, factor), _label(track, labels)) for track in seen]
        with suppress(queue.Full):
            self._queue.put(_Image(frame.image, faces, frame.position_s), block=self._waits)
        self._reminders.warning(f"--record: {self.notice}")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Write what is waiting, and finish the file."""
        self.notice = ""
        timeout_s = None if self._waits else _CLOSE_S
        with suppress(queue.Full):
            self._queue.put(None, timeout=timeout_s)
        self._thread.join(timeout_s)
        if self._thread.is_alive():
            logger.warning("--record: %s is incomplete, because the disk does not keep up", self._path)
        elif self.written:
            logger.warning("--record: %s has %.0f s of video of people", self._path, self.written / FPS)
        elif self._is_ours:
            self._path.unlink(missing_ok=True)

    def _write_all(self) -> None:
        writer: cv2.VideoWriter | None = None
        size_wh, begin_s = (0, 0), 0.0
        while (item := self._queue.get()) is not None:
            # After a failure, the queue is still emptied, so that nobody waits.
            if not self.notice and not self._waits:
                continue
            try:
                drawn = draw_faces(item.image, item.faces)
                if writer is None:
                    size_wh, begin_s = (drawn.shape[1], drawn.shape[0]), item.position_s
                    writer = self._open(size_wh)
                elif size_wh != (drawn.shape[1], drawn.shape[0]):
                    # A video has one size.
                    drawn = cv2.resize(drawn, size_wh).astype(np.uint8)
                due = int((item.position_s - begin_s) * FPS) + 1 - self.written
                if not 0 <= due <= FPS:
                    # The source was away, or has begun again: the video goes on without a pause.
                    begin_s, due = item.position_s - self.written / FPS, 1
                for _ in range(due):
                    writer.write(drawn)
                self.written += due
            except (OSError, cv2.error) as error:
                self.notice = ""
                logger.warning("--record: %s: %s: the recording has ended", self._path, error)
                break
        while item is not None:
            item = self._queue.get()
        if writer is not None:
            writer.release()

    def _open(self, size_wh: tuple[int, int]) -> cv2.VideoWriter:
        if shutil.disk_usage(self._path.parent).free < MIN_FREE_BYTES:
            raise OSError("the disk is almost full")
        codec = cv2.VideoWriter.fourcc(*CODECS[self._path.suffix.lower()])
        writer = cv2.VideoWriter(str(self._path), codec, FPS, size_wh)
        if not writer.isOpened():
            raise OSError("OpenCV cannot encode it")
        return writer


def check_format(path: Path) -> None:
    """Check that the suffix names a format.

    Raises:
        WrongUseError: it is none of `CODECS`.
    """
    if path.suffix.lower() not in CODECS:
        raise WrongUseError(f"--record {path}: expected a file that ends in {', '.join(CODECS)}")


def _label(track: Track, labels: tuple[str, ...]) -> str:
    expression = reported_expression(track, labels)
    return expression if expression == UNCERTAIN_LABEL else f"{expression} {float(track.smoothed.max()):.0%}"
