"""Returns freed memory to the operating system."""

from __future__ import annotations

import ctypes
import gc


def give_back_memory() -> None:
    """Return freed memory to the operating system. Call it after large objects that are not needed again were freed.

    It uses malloc_trim of the GNU C library; other C libraries return memory automatically, or not at all.
    """
    gc.collect()
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)
