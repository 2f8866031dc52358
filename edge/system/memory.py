"""Memory that a process has freed, and still holds."""

from __future__ import annotations

import ctypes
import gc


def give_back_memory() -> None:
    """Give freed memory back to the system: after large things have gone that nothing as large will follow.

    malloc_trim is the GNU C library's; others give back by themselves, or not at all.
    """
    gc.collect()
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)
