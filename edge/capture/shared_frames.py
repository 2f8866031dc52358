"""Three slots for frames in memory that two processes share.

The writer puts each frame into a slot that is neither the newest nor being read; the reader takes the newest. So
neither waits for the other, and no frame changes while it is read. A slot belongs to whoever holds the record lock
on it: the kernel lets go of a lock when its process dies, however it dies.

The memory has no name in the file system (memfd_create): when the last process that has it is gone, it is gone too.
"""

from __future__ import annotations

import fcntl
import mmap
import os
import struct
from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt

from edge.errors import SourceError

SLOTS = 3
#: 16 million pixels in colour. Pages that are never written cost nothing.
MAX_BYTES = 4096 * 4096 * 3

# A page of numbers stands before the slots.
_LATEST, _PUBLISHED, _UNREADABLE, _SLOTS_BEGIN = 0, 8, 16, 4096
_COUNT = struct.Struct("=Q")
#: Number of the frame, time, milliseconds, what the camera was asked for, height, width, channels.
_ABOUT = struct.Struct("=QddIIII")


@dataclass(frozen=True)
class Captured:
    """A frame as it was taken out of the memory.

    Attributes:
        image: the reader's own copy.
        number: frames that were published before it.
        timestamp_s: monotonic, by the writer.
        capture_ms: by the writer.
        shrink: a so many times smaller width and height was asked for.
    """

    image: npt.NDArray[np.uint8]
    number: int
    timestamp_s: float
    capture_ms: float
    shrink: int


class FrameMemory:
    """The slots, from either side; one writer and one reader at a time.

    Args:
        fd: of the memory; this object closes it.
    """

    def __init__(self, fd: int) -> None:
        #: Hand this to the other process.
        self.fd = fd
        self._map = mmap.mmap(fd, _SLOTS_BEGIN + SLOTS * MAX_BYTES)

    @classmethod
    def create(cls) -> Self:
        """New memory, empty. Its name says whose it is; it is to be read in /proc/PID/fd only."""
        fd = os.memfd_create(f"mien-frames-{os.getpid()}", os.MFD_CLOEXEC)
        os.ftruncate(fd, _SLOTS_BEGIN + SLOTS * MAX_BYTES)
        return cls(fd)

    def close(self) -> None:
        """Let go of the memory."""
        self._map.close()
        os.close(self.fd)

    @property
    def published(self) -> int:
        """Frames that were ever put in; each was copied once."""
        return int(_COUNT.unpack_from(self._map, _PUBLISHED)[0])

    @property
    def unreadable(self) -> int:
        """Frames that the writer could not decode."""
        return int(_COUNT.unpack_from(self._map, _UNREADABLE)[0])

    def count_unreadable(self, more: int) -> None:
        """Count frames that could not be decoded (the writer)."""
        _COUNT.pack_into(self._map, _UNREADABLE, self.unreadable + more)

    def put(self, image: npt.NDArray[np.uint8], timestamp_s: float, capture_ms: float, shrink: int = 1) -> None:
        """Publish a frame (the writer). It is copied once.

        Raises:
            SourceError: it has no pixel, or more than a slot holds.
        """
        if not 0 < image.nbytes <= MAX_BYTES:
            raise SourceError(f"a frame of {image.shape} pixels: expected some, and at most {MAX_BYTES // 3:,}")
        slot = self._lock_a_slot()
        try:
            number = self.published
            height, width = image.shape[:2]
            np.copyto(self._pixels(slot, image.shape), image)
            channels = image.shape[2] if image.ndim == 3 else 0
            about = number, timestamp_s, capture_ms, shrink, height, width, channels
            _ABOUT.pack_into(self._map, _about(slot), *about)
        finally:
            fcntl.lockf(self.fd, fcntl.LOCK_UN, 1, slot)
        self._map[_LATEST] = slot
        _COUNT.pack_into(self._map, _PUBLISHED, number + 1)

    def take(self, after: int) -> Captured | None:
        """The newest frame (the reader), where its number is `after` or higher. It is copied once."""
        while self.published > after:
            slot = self._map[_LATEST]
            if not self._lock(slot):
                # The writer was quick and is in this slot again: by now another one is the newest.
                continue
            try:
                number, timestamp_s, capture_ms, shrink, *shape = _ABOUT.unpack_from(self._map, _about(slot))
                if number < after:
                    return None
                # No channel: grey.
                pixels = self._pixels(slot, tuple(filter(None, shape)))
                return Captured(pixels.copy(), number, timestamp_s, capture_ms, shrink)
            finally:
                fcntl.lockf(self.fd, fcntl.LOCK_UN, 1, slot)
        return None

    def _lock_a_slot(self) -> int:
        """Any slot but the newest that is not being read; of three, there is one."""
        latest = self._map[_LATEST]
        return next(slot for slot in range(SLOTS) if slot != latest and self._lock(slot))

    def _lock(self, slot: int) -> bool:
        try:
            fcntl.lockf(self.fd, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, slot)
        except OSError:
            return False
        return True

    def _pixels(self, slot: int, shape: tuple[int, ...]) -> npt.NDArray[np.uint8]:
        """The slot's memory itself as a picture."""
        begin = _SLOTS_BEGIN + slot * MAX_BYTES
        return np.frombuffer(self._map, np.uint8, int(np.prod(shape)), begin).reshape(shape)


def _about(slot: int) -> int:
    return 64 * (1 + slot)
