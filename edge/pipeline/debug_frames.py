"""`--debug-frames DIR`: the one way by which pictures leave memory. Loud, and over by itself."""

from __future__ import annotations

import logging
import queue
import shutil
import threading
import time
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

import cv2

from edge.errors import SinkError
from edge.system.logs import RateLimitedLogger
from edge.types import Frame

logger = logging.getLogger(__name__)

#: It ends by itself.
LASTS_S = 600.0
#: At most so many pictures a second: some hundred MB in ten minutes.
FPS = 2.0
#: A disk with less room gets no more of them.
MIN_FREE_BYTES = 200e6


class DebugFrames:
    """Stores pictures for ten minutes, in a thread of its own.

    A folder is used once: a daemon that a service manager starts again and again would otherwise never stop.

    Args:
        folder: new or empty; it becomes readable by its owner alone.
        lasts_s: how long.

    Attributes:
        notice: what viewers of the preview must be told; empty once it is over.
        stored: pictures that are on the disk.

    Raises:
        SinkError: nothing can be written there.
    """

    def __init__(self, folder: Path, lasts_s: float = LASTS_S) -> None:
        self._folder, self.stored = folder, 0
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            used = any(folder.iterdir())
            if not used:
                folder.chmod(0o700)
                (folder / "PICTURES-OF-PEOPLE.txt").write_text("Stored by mien run --debug-frames. Delete them.\n")
        except OSError as error:
            raise SinkError(f"cannot store frames in {folder}: {error.strerror or error}") from error
        self._end_s = time.monotonic() + (0 if used else lasts_s)
        self._next_s = 0.0
        self._reminders, self._failures = RateLimitedLogger(logger), RateLimitedLogger(logger)
        self._waiting: queue.Queue[Frame | None] = queue.Queue(2)
        self.notice = ""
        if used:
            logger.warning("--debug-frames: %s is not empty, so nothing is stored: name a new folder", folder)
        else:
            self.notice = f"PICTURES ARE BEING STORED in {folder}, for {lasts_s / 60:g} minutes"
            self._reminders.warning(f"--debug-frames: {self.notice}")
        self._thread = threading.Thread(target=self._store, name="debug frames", daemon=True)
        self._thread.start()

    def take(self, frame: Frame) -> None:
        """Store the frame, if it is time for one and the disk keeps up; never waits, never raises."""
        now_s = time.monotonic()
        if not self.notice or now_s < self._next_s:
            return
        if now_s >= self._end_s:
            self.notice = ""
            logger.warning("--debug-frames: over; %d pictures are in %s: delete them", self.stored, self._folder)
            return
        self._next_s = now_s + 1 / FPS
        try:
            self._waiting.put_nowait(frame)
        except queue.Full:
            return
        self._reminders.warning(f"--debug-frames: {self.notice}")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Store no more."""
        self.notice = ""
        with suppress(queue.Full):
            self._waiting.put(None, timeout=0.5)
            self._thread.join(0.5)

    def _store(self) -> None:
        while (frame := self._waiting.get()) is not None:
            path = self._folder / f"{frame.index:08d}.jpg"
            try:
                if shutil.disk_usage(self._folder).free < MIN_FREE_BYTES:
                    raise OSError("the disk is almost full")
                if not cv2.imwrite(str(path), frame.image, [cv2.IMWRITE_JPEG_QUALITY, 92]):
                    raise OSError("the picture cannot be written")
                self.stored += 1
            except (OSError, cv2.error) as error:
                self._failures.warning(f"--debug-frames: {path}: {error}")
