"""Three slots for frames in memory that two processes share.

The writer puts each frame into a slot that is neither the newest nor being read; the reader takes the newest. So
neither waits for the other, and no frame changes while it is read. A slot belongs to the process that holds the record
lock on it: the kernel releases a lock when its process ends, in whatever way it ends.

The memory has no name in the file system (memfd_create): it is freed when the last process that holds it has ended.
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
#: 16 million pixels in color. Pages that are never written need no memory.
MAX_BYTES = 4096 * 4096 * 3

# The first page holds the counters and the header of each slot.
_LATEST, _PUBLISHED, _UNREADABLE, _SLOTS_BEGIN = 0, 8, 16, 4096
_COUNT = struct.Struct("=Q")
#: Number of the frame, timestamp_s, capture_ms, downscale, height, width, channels (0 for gray).
_HEADER = struct.Struct("=QddIIII")
_HEADER_BYTES = 64


@dataclass(frozen=True)
class CapturedFrame:
    """A frame that was taken out of the memory.

    Attributes:
        image: the reader's own copy, `(h, w, 3)` or `(h, w)` uint8.
        number: the number of frames that were published before it.
        timestamp_s: monotonic time of the frame, from the writer.
        capture_ms: time to capture it, from the writer.
        downscale: the factor by which the camera was asked to divide width and height.
    """

    image: npt.NDArray[np.uint8]
    number: int
    timestamp_s: float
    capture_ms: float
    downscale: int


class FrameMemory:
    """The slots, from either side. There is one writer and one reader at a time.

    Args:
        fd: file descriptor of the memory; this object closes it.

    Attributes:
        fd: the file descriptor, to be passed on to the other process.
    """

    def __init__(self, fd: int) -> None:
        self.fd = fd
        self._map = mmap.mmap(fd, _SLOTS_BEGIN + SLOTS * MAX_BYTES)

    @classmethod
    def create(cls) -> Self:
        """Create empty memory. Its name, which appears only in /proc/PID/fd, contains the id of this process."""
        fd = os.memfd_create(f"mien-frames-{os.getpid()}", os.MFD_CLOEXEC)
        os.ftruncate(fd, _SLOTS_BEGIN + SLOTS * MAX_BYTES)
        return cls(fd)

    def close(self) -> None:
        """Release the memory."""
        self._map.close()
        os.close(self.fd)

    @property
    def published(self) -> int:
        """The number of frames that were ever published; each was copied once."""
        return int(_COUNT.unpack_from(self._map, _PUBLISHED)[0])

    @property
    def unreadable(self) -> int:
        """The number of frames that the writer could not decode."""
        return int(_COUNT.unpack_from(self._map, _UNREADABLE)[0])

    def count_unreadable(self, more: int) -> None:
        """Add to the number of frames that could not be decoded. For the writer."""
        _COUNT.pack_into(self._map, _UNREADABLE, self.unreadable + more)

    def put(self, image: npt.NDArray[np.uint8], timestamp_s: float, capture_ms: float, downscale: int = 1) -> None:
        """Publish a frame, which is copied once. For the writer.

        Args:
            image: `(h, w, 3)` or `(h, w)` uint8.
            timestamp_s: monotonic time of the frame.
            capture_ms: time to capture it.
            downscale: see `CapturedFrame`.

        Raises:
            SourceError: the frame has no pixel, or more than a slot can hold.
        """
        if not 0 < image.nbytes <= MAX_BYTES:
            raise SourceError(f"a frame of {image.shape} pixels: expected at least 1, and at most {MAX_BYTES // 3:,}")
        slot = self._lock_free_slot()
        try:
            number = self.published
            height, width = image.shape[:2]
            np.copyto(self._pixels(slot, image.shape), image)
            channels = image.shape[2] if image.ndim == 3 else 0
            header = number, timestamp_s, capture_ms, downscale, height, width, channels
            _HEADER.pack_into(self._map, _header_offset(slot), *header)
        finally:
            fcntl.lockf(self.fd, fcntl.LOCK_UN, 1, slot)
        self._map[_LATEST] = slot
        _COUNT.pack_into(self._map, _PUBLISHED, number + 1)

    def take(self, first_number: int) -> CapturedFrame | None:
        """Copy the newest frame, if its number is at least `first_number`. For the reader."""
        while self.published > first_number:
            slot = self._map[_LATEST]
            if not self._lock(slot):
                # The writer is in this slot again: another one is the newest by now.
                continue
            try:
                number, timestamp_s, capture_ms, downscale, *shape = _HEADER.unpack_from(
                    self._map, _header_offset(slot)
                )
                if number < first_number:
                    return None
                # A gray frame has no channels: the 0 is left out of its shape.
                pixels = self._pixels(slot, tuple(filter(None, shape)))
                return CapturedFrame(pixels.copy(), number, timestamp_s, capture_ms, downscale)
            finally:
                fcntl.lockf(self.fd, fcntl.LOCK_UN, 1, slot)
        return None

    def _lock_free_slot(self) -> int:
        """Lock a slot that is neither the newest nor being read; one of the three always is."""
        latest = self._map[_LATEST]
        return next(slot for slot in range(SLOTS) if slot != latest and self._lock(slot))

    def _lock(self, slot: int) -> bool:
        try:
            fcntl.lockf(self.fd, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, slot)
        except OSError:
            return False
        return True

    def _pixels(self, slot: int, shape: tuple[int, ...]) -> npt.NDArray[np.uint8]:
        """The memory of the slot as an array."""
        begin = _SLOTS_BEGIN + slot * MAX_BYTES
        return np.frombuffer(self._map, np.uint8, int(np.prod(shape)), begin).reshape(shape)


def _header_offset(slot: int) -> int:
    return _HEADER_BYTES * (1 + slot)
