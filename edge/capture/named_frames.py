"""The frame memory of Windows and macOS: with a name, and with a checksum in place of locks.

The writer uses the slots in turn, so a slot is written again two frames after it was the newest: a copy takes a
millisecond. A reader that is held up for longer copies parts of two frames; the checksum of the copy is then not the
frame's, and the reader takes the one that is the newest by now.

The memory is freed when the process that created it closes it, or ends: Windows counts the handles, and elsewhere
Python's resource tracker, a process of its own, removes the name.
"""

from __future__ import annotations

import os
import struct
import sys
import zlib
from multiprocessing import resource_tracker
from multiprocessing.shared_memory import SharedMemory
from typing import Self

import numpy as np
import numpy.typing as npt

from edge.capture.frame_slots import MEMORY_BYTES, SEAL_OFFSET, SLOTS, FrameSlots, header_offset

_SEAL = struct.Struct("=I")


class NamedFrameMemory(FrameSlots):
    """The memory, from either side.

    Args:
        memory: shared memory of `MEMORY_BYTES`.
        is_owner: whether this process has created it.
    """

    def __init__(self, memory: SharedMemory, is_owner: bool) -> None:
        assert memory.buf is not None
        super().__init__(memory.buf)
        self._memory, self._is_owner = memory, is_owner

    @classmethod
    def create(cls) -> Self:
        """Create empty memory with a name that nothing else has."""
        return cls(SharedMemory(create=True, size=MEMORY_BYTES), is_owner=True)

    @classmethod
    def attach(cls, name: str) -> Self:
        """Open memory that another process has created, and will remove.

        Raises:
            FileNotFoundError: there is none of this name.
        """
        if sys.version_info >= (3, 13):
            return cls(SharedMemory(name, track=False), is_owner=False)
        memory = SharedMemory(name)
        if os.name == "posix":
            # Up to Python 3.12, the end of every process that has opened it would remove it (cpython issue 82300).
            resource_tracker.unregister(f"/{memory.name}", "shared_memory")
        return cls(memory, is_owner=False)

    @property
    def name(self) -> str:
        """The name, to be passed on to the other process."""
        return self._memory.name

    def close(self) -> None:
        """Release the memory; the process that has created it removes it."""
        self._buffer = memoryview(b"")
        self._memory.close()
        if self._is_owner:
            self._memory.unlink()

    def _claim_free_slot(self) -> int:
        return (self.latest + 1) % SLOTS

    def _claim(self, slot: int) -> bool:
        return True

    def _release(self, slot: int) -> None:
        pass

    def _seal(self, slot: int, image: npt.NDArray[np.uint8]) -> None:
        seal = _checksum(self._header(slot), image)
        _SEAL.pack_into(self._buffer, header_offset(slot) + SEAL_OFFSET, seal)

    def _is_whole(self, slot: int, header: bytes, image: npt.NDArray[np.uint8]) -> bool:
        seal = int(_SEAL.unpack_from(self._buffer, header_offset(slot) + SEAL_OFFSET)[0])
        return _checksum(header, image) == seal


def _checksum(header: bytes, image: npt.NDArray[np.uint8]) -> int:
    return zlib.crc32(image.data, zlib.crc32(header))
