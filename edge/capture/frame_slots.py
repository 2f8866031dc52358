"""Three slots for frames in memory that two processes share.

The writer puts each frame into a slot that is not the newest; the reader takes the newest. So neither waits for the
other. How it is made sure that no frame changes while it is read is for the kind of memory to decide.
"""

from __future__ import annotations

import math
import struct
from abc import ABC, abstractmethod
from dataclasses import dataclass
from mmap import mmap

import numpy as np
import numpy.typing as npt

from edge.errors import SourceError

SLOTS = 3
#: 16 million pixels in color. Pages that are never written need no memory.
MAX_BYTES = 4096 * 4096 * 3

# The first page holds the counters and the header of each slot.
_LATEST, _PUBLISHED, _UNREADABLE, _SLOTS_BEGIN = 0, 8, 16, 4096
MEMORY_BYTES = _SLOTS_BEGIN + SLOTS * MAX_BYTES
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


class FrameSlots(ABC):
    """The slots, from either side. There is one writer and one reader at a time.

    Args:
        buffer: the memory, of `MEMORY_BYTES`.
    """

    def __init__(self, buffer: mmap | memoryview) -> None:
        self._buffer = buffer

    @abstractmethod
    def close(self) -> None:
        """Release the memory."""

    @abstractmethod
    def _claim_free_slot(self) -> int:
        """Choose a slot that is not the newest, and hold it until `_release`. For the writer."""

    @abstractmethod
    def _claim(self, slot: int) -> bool:
        """Hold a slot until `_release`; return whether it is free. For the reader."""

    @abstractmethod
    def _release(self, slot: int) -> None:
        """Let the other process have the slot."""

    @abstractmethod
    def _seal(self, slot: int, image: npt.NDArray[np.uint8]) -> None:
        """Write what `_is_whole` needs. For the writer, after the frame and its header."""

    @abstractmethod
    def _is_whole(self, slot: int, header: bytes, image: npt.NDArray[np.uint8]) -> bool:
        """Return whether a copy of a header and an image belong together. For the reader."""

    @property
    def published(self) -> int:
        """The number of frames that were ever published; each was copied once."""
        return int(_COUNT.unpack_from(self._buffer, _PUBLISHED)[0])

    @property
    def unreadable(self) -> int:
        """The number of frames that the writer could not decode."""
        return int(_COUNT.unpack_from(self._buffer, _UNREADABLE)[0])

    @property
    def latest(self) -> int:
        """The slot with the newest frame."""
        return int(self._buffer[_LATEST])

    def count_unreadable(self, more: int) -> None:
        """Add to the number of frames that could not be decoded. For the writer."""
        _COUNT.pack_into(self._buffer, _UNREADABLE, self.unreadable + more)

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
        slot = self._claim_free_slot()
        try:
            number = self.published
            height, width = image.shape[:2]
            pixels = self._pixels(slot, image.shape)
            np.copyto(pixels, image)
            channels = image.shape[2] if image.ndim == 3 else 0
            header = number, timestamp_s, capture_ms, downscale, height, width, channels
            _HEADER.pack_into(self._buffer, header_offset(slot), *header)
            self._seal(slot, pixels)
            # A buffer of which an array remains cannot be closed.
            del pixels
        finally:
            self._release(slot)
        self._buffer[_LATEST] = slot
        _COUNT.pack_into(self._buffer, _PUBLISHED, number + 1)

    def take(self, first_number: int) -> CapturedFrame | None:
        """Copy the newest frame, if its number is at least `first_number`. For the reader."""
        while self.published > first_number:
            slot = self.latest
            if not self._claim(slot):
                # The writer is in this slot again: another one is the newest by now.
                continue
            try:
                header = self._header(slot)
                number, timestamp_s, capture_ms, downscale, *shape = _HEADER.unpack(header)
                # A gray frame has no channels: the 0 is left out of its shape.
                shape = list(filter(None, shape))
                if not 0 < math.prod(shape) <= MAX_BYTES:
                    # Halves of two headers.
                    continue
                image = self._pixels(slot, tuple(shape)).copy()
                if not self._is_whole(slot, header, image):
                    continue
                if number < first_number:
                    return None
                return CapturedFrame(image, number, timestamp_s, capture_ms, downscale)
            finally:
                self._release(slot)
        return None

    def _header(self, slot: int) -> bytes:
        begin = header_offset(slot)
        return bytes(self._buffer[begin : begin + _HEADER.size])

    def _pixels(self, slot: int, shape: tuple[int, ...]) -> npt.NDArray[np.uint8]:
        """The memory of the slot as an array."""
        begin = _SLOTS_BEGIN + slot * MAX_BYTES
        return np.frombuffer(self._buffer, np.uint8, int(np.prod(shape)), begin).reshape(shape)


def header_offset(slot: int) -> int:
    """Where the header of a slot begins, which has room for `SEAL_OFFSET` bytes and a seal of four."""
    return _HEADER_BYTES * (1 + slot)


#: Where the seal of a slot begins, after the beginning of its header.
SEAL_OFFSET = _HEADER.size
