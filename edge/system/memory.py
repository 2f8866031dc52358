"""Returns freed memory to the operating system, limits what a process may allocate, and what is killed first."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from edge.system.operating_system import c_library, optional_module

_RESOURCE = optional_module("resource")


def give_back_memory() -> None:
    """Return freed memory to the operating system. Call it after large objects that are not needed again were freed.

    It uses malloc_trim of the GNU C library; other C libraries return memory automatically, or not at all.
    """
    gc.collect()
    trim = getattr(c_library(), "malloc_trim", None)
    if trim is not None:
        trim(0)


@contextmanager
def limited_growth(more_bytes: int) -> Iterator[None]:
    """Limit how much memory this process may allocate beyond what it has: then an allocation fails, not the machine.

    It counts private writable memory (RLIMIT_DATA of getrlimit(2), Linux 4.7 and later): neither libraries nor memory
    that is shared with another process or a driver. A system that does not count it has no limit.

    Args:
        more_bytes: the limit.
    """
    used_bytes = _data_bytes()
    if _RESOURCE is None or used_bytes is None:
        yield
        return
    soft, hard = _RESOURCE.getrlimit(_RESOURCE.RLIMIT_DATA)
    limit = used_bytes + more_bytes
    if hard != _RESOURCE.RLIM_INFINITY:
        limit = min(limit, hard)
    _RESOURCE.setrlimit(_RESOURCE.RLIMIT_DATA, (limit, hard))
    try:
        yield
    finally:
        _RESOURCE.setrlimit(_RESOURCE.RLIMIT_DATA, (soft, hard))


def limit_address_space(limit_bytes: int) -> None:
    """Limit the address space of this process for good, and have it leave no core file; nothing where that is no limit.

    Args:
        limit_bytes: the limit.
    """
    if _RESOURCE is None:
        return
    # macOS has the constant, and rejects a limit below what a process has mapped from its start.
    with suppress(ValueError, OSError):
        _RESOURCE.setrlimit(_RESOURCE.RLIMIT_AS, (limit_bytes,) * 2)
    with suppress(ValueError, OSError):
        _RESOURCE.setrlimit(_RESOURCE.RLIMIT_CORE, (0, 0))


def max_descriptors() -> int | None:
    """The number of files that this process may have open; None without a limit."""
    if _RESOURCE is None:
        return None
    soft: int = _RESOURCE.getrlimit(_RESOURCE.RLIMIT_NOFILE)[0]
    return None if soft == _RESOURCE.RLIM_INFINITY else soft


def prefer_for_oom_kill() -> None:
    """Have the kernel kill this process first where memory runs out, and not the daemon that started it."""
    # A process may always raise its own value, which is at most 1000: proc_pid_oom_score_adj(5).
    with suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("1000")


def _data_bytes() -> int | None:
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
    except OSError:
        return None
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("VmData:")), 0)
