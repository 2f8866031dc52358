"""Returns freed memory to the operating system, limits what a process may allocate, and what is killed first."""

from __future__ import annotations

import ctypes
import gc
import resource
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


def give_back_memory() -> None:
    """Return freed memory to the operating system. Call it after large objects that are not needed again were freed.

    It uses malloc_trim of the GNU C library; other C libraries return memory automatically, or not at all.
    """
    gc.collect()
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)


@contextmanager
def limited_growth(more_bytes: int) -> Iterator[None]:
    """Limit how much memory this process may allocate beyond what it has: then an allocation fails, not the machine.

    It counts private writable memory (RLIMIT_DATA of getrlimit(2), Linux 4.7 and later): neither libraries nor memory
    that is shared with another process or a driver.

    Args:
        more_bytes: the limit.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_DATA)
    limit = _data_bytes() + more_bytes
    if hard != resource.RLIM_INFINITY:
        limit = min(limit, hard)
    resource.setrlimit(resource.RLIMIT_DATA, (limit, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_DATA, (soft, hard))


def prefer_for_oom_kill() -> None:
    """Have the kernel kill this process first where memory runs out, and not the daemon that started it."""
    # A process may always raise its own value, which is at most 1000: proc_pid_oom_score_adj(5).
    with suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("1000")


def _data_bytes() -> int:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmData:"):
            return int(line.split()[1]) * 1024
    return 0
