"""`--debug-frames DIR`: stores images for ten minutes, announced loudly; `--record` alone stores images, too."""

from __future__ import annotations

import logging
import queue
import threading
import time
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

import cv2

from edge.errors import SinkError
from edge.system.logs import RateLimitedLogger
from edge.system.private_folder import PrivateFolder
from edge.types import Frame

logger = logging.getLogger(__name__)

#: How long images are stored.
DURATION_S = 600.0
#: Images per second at most: a few hundred MB in ten minutes.
FPS = 2.0
#: Nothing is stored on a disk with less free space.
MIN_FREE_BYTES = 200e6


class DebugFrames:
    """Stores images for ten minutes, in its own thread.

    A folder is used once: a daemon that a service manager restarts again and again would otherwise never stop.

    Args:
        folder: new or empty, and of this user; it is made readable by its owner alone.
        duration_s: how long images are stored.

    Attributes:
        notice: what the preview must show; empty once nothing is stored any more.
        stored: number of images on the disk.

    Raises:
        SinkError: the folder cannot be written, or belongs to another user.
    """

    def __init__(self, folder: Path, duration_s: float = DURATION_S) -> None:
        self._folder, self.stored = folder, 0
        try:
            self._private = PrivateFolder(folder)
            used = self._private.is_used()
            if not used:
                self._private.create("PICTURES-OF-PEOPLE.txt", b"Stored by mien run --debug-frames. Delete them.\n")
        except OSError as error:
            raise SinkError(f"cannot store frames in {folder}: {error.strerror or error}") from error
        self._end_s = time.monotonic() + (0 if used else duration_s)
        self._next_s = 0.0
        self._reminders, self._failures = RateLimitedLogger(logger), RateLimitedLogger(logger)
        self._queue: queue.Queue[Frame | None] = queue.Queue(2)
        self.notice = ""
        if used:
            logger.warning("--debug-frames: %s is not empty, so nothing is stored: name a new folder", folder)
        else:
            self.notice = f"PICTURES ARE BEING STORED in {folder}, for {duration_s / 60:g} minutes"
            self._reminders.warning(f"--debug-frames: {self.notice}")
        self._thread = threading.Thread(target=self._write_images, name="debug frames", daemon=True)
        self._thread.start()

    def store(self, frame: Frame) -> None:
        """Store the frame if one is due and the disk keeps up; never waits, never raises."""
        now_s = time.monotonic()
        if not self.notice or now_s < self._next_s:
            return
        if now_s >= self._end_s:
            self.notice = ""
            logger.warning("--debug-frames: finished; %d images are in %s: delete them", self.stored, self._folder)
            return
        self._next_s = now_s + 1 / FPS
        try:
            self._queue.put_nowait(frame)
        except queue.Full:
            return
        self._reminders.warning(f"--debug-frames: {self.notice}")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop storing."""
        self.notice = ""
        with suppress(queue.Full):
            self._queue.put(None, timeout=0.5)
            self._thread.join(0.5)

    def _write_images(self) -> None:
        while (frame := self._queue.get()) is not None:
            name = f"{frame.index:08d}.jpg"
            try:
                if self._private.free_bytes() < MIN_FREE_BYTES:
                    raise OSError("the disk is almost full")
                _, jpeg = cv2.imencode(".jpg", frame.image, [cv2.IMWRITE_JPEG_QUALITY, 92])
                self._private.create(name, jpeg.tobytes())
                self.stored += 1
            except (OSError, cv2.error) as error:
                self._failures.warning(f"--debug-frames: {self._folder / name}: {error}")
        self._private.close()
