"""The frame memory of Linux: without a name, and with locks of the kernel.

A slot belongs to the process that holds the record lock on it, so no frame changes while it is read. The kernel
releases a lock when its process ends, in whatever way it ends.

The memory has no name in the file system (memfd_create): it is freed when the last process that holds it has ended.
"""

from __future__ import annotations

import fcntl
import mmap
import os
import sys
from typing import Self

import numpy as np
import numpy.typing as npt

from edge.capture.frame_slots import MAX_BYTES, MEMORY_BYTES, SLOTS, CapturedFrame, FrameSlots

if sys.platform != "linux":
    raise ImportError("this memory is Linux's; see edge.capture.named_frames")

__all__ = ["MAX_BYTES", "SLOTS", "CapturedFrame", "FrameMemory"]


class FrameMemory(FrameSlots):
    """The memory, from either side.

    Args:
        fd: file descriptor of the memory; this object closes it.

    Attributes:
        fd: the file descriptor, to be passed on to the other process.
    """

    def __init__(self, fd: int) -> None:
        self.fd = fd
        self._map = mmap.mmap(fd, MEMORY_BYTES)
        super().__init__(self._map)

    @classmethod
    def create(cls) -> Self:
        """Create empty memory. Its name, which appears only in /proc/PID/fd, contains the id of this process."""
        fd = os.memfd_create(f"mien-frames-{os.getpid()}", os.MFD_CLOEXEC)
        os.ftruncate(fd, MEMORY_BYTES)
        return cls(fd)

    def close(self) -> None:
        """Release the memory."""
        self._map.close()
        os.close(self.fd)

    def _claim_free_slot(self) -> int:
        """Lock a slot that is neither the newest nor being read; one of the three always is."""
        latest = self.latest
        return next(slot for slot in range(SLOTS) if slot != latest and self._claim(slot))

    def _claim(self, slot: int) -> bool:
        try:
            fcntl.lockf(self.fd, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, slot)
        except OSError:
            return False
        return True

    def _release(self, slot: int) -> None:
        fcntl.lockf(self.fd, fcntl.LOCK_UN, 1, slot)

    def _seal(self, slot: int, image: npt.NDArray[np.uint8]) -> None:
        # The lock is enough.
        pass

    def _is_whole(self, slot: int, header: bytes, image: npt.NDArray[np.uint8]) -> bool:
        return True
