"""What the operating system has: Linux has all of it, Windows and macOS lack some.

Every question of this kind is asked here, by name, so that a part of mien that works without a facility can be imported
and used where there is none. The names are those of the standard library.
"""

from __future__ import annotations

import ctypes
import importlib
import os
import platform
import signal
import sys
from types import ModuleType
from typing import Any

from edge.errors import WrongUseError

_NAMES = {"Darwin": "macOS"}


def optional_module(name: str) -> ModuleType | None:
    """A module of the standard library that only some systems have, such as `fcntl`; None where there is none."""
    try:
        return importlib.import_module(name)
    except ImportError:
        return None


def system_function(name: str) -> Any:
    """A function of `os` that only some systems have, such as `killpg`; None where there is none."""
    return getattr(os, name, None)


def signals(*names: str) -> dict[str, signal.Signals]:
    """Those of the named signals that there are: Windows has neither SIGUSR1 nor SIGHUP."""
    return {name: getattr(signal, name) for name in names if hasattr(signal, name)}


def open_flags(*names: str) -> int:
    """The flags of `os.open` with these names, without the prefix `O_`; one that the system does not have is left out.

    On Windows a file that is opened by its descriptor would be text, with other line ends: O_BINARY is always added.

    Args:
        names: such as `WRONLY`, `NOFOLLOW` and `CLOEXEC`.
    """
    flags = 0
    for name in (*names, "BINARY"):
        flags |= getattr(os, f"O_{name}", 0)
    return flags


def user_id() -> int | None:
    """The effective user id; None on Windows, whose users have none."""
    get = system_function("geteuid")
    return None if get is None else int(get())


def system_value(name: str) -> int | None:
    """A value of `os.sysconf`, such as `SC_CLK_TCK`; None where it is not known."""
    sysconf = system_function("sysconf")
    try:
        value = -1 if sysconf is None else int(sysconf(name))
    except (ValueError, OSError):
        return None
    return value if value > 0 else None


def usable_cores() -> int:
    """The number of cores that this process may use; of all cores, where the system cannot limit a process to some."""
    affinity = system_function("sched_getaffinity")
    return len(affinity(0)) if affinity is not None else os.cpu_count() or 1


def physical_memory_bytes() -> int | None:
    """The memory of this machine; None where it is not known."""
    pages, page_bytes = system_value("SC_PHYS_PAGES"), system_value("SC_PAGE_SIZE")
    if pages is not None and page_bytes is not None:
        return pages * page_bytes
    return _windows_memory_bytes()


def load_average() -> float | None:
    """The load average over a minute; None on Windows, which has none."""
    averages = system_function("getloadavg")
    try:
        return None if averages is None else float(averages()[0])
    except OSError:
        return None


def c_library() -> ctypes.CDLL | None:
    """The C library of this process; None where it cannot be named."""
    try:
        return ctypes.CDLL("ucrtbase" if os.name == "nt" else None)
    except (OSError, TypeError):
        return None


def system_name() -> str:
    """The name of the system for people: Linux, Windows, macOS."""
    name = platform.system()
    return _NAMES.get(name, name or sys.platform)


def require_linux(command: str, instead: str) -> None:
    """Check that this is Linux.

    Args:
        command: what needs it.
        instead: what can be done on other systems.

    Raises:
        WrongUseError: it is not.
    """
    if sys.platform != "linux":
        raise WrongUseError(f"{command} needs Linux, and this is {system_name()}: {instead}")


if sys.platform == "win32":

    class _MemoryStatus(ctypes.Structure):
        """MEMORYSTATUSEX of sysinfoapi.h."""

        _fields_ = (
            ("length", ctypes.c_ulong),
            ("load", ctypes.c_ulong),
            *((name, ctypes.c_ulonglong) for name in ("total", "free", "b", "c", "d", "e", "f")),
        )

    class _ProcessMemory(ctypes.Structure):
        """PROCESS_MEMORY_COUNTERS of psapi.h."""

        _fields_ = (
            ("length", ctypes.c_ulong),
            ("faults", ctypes.c_ulong),
            *((name, ctypes.c_size_t) for name in ("peak", "current", "c", "d", "e", "f", "g", "h")),
        )

    def _windows_memory_bytes() -> int | None:
        status = _MemoryStatus()
        status.length = ctypes.sizeof(status)
        is_known = ctypes.WinDLL("kernel32").GlobalMemoryStatusEx(ctypes.byref(status))
        return int(status.total) if is_known else None

    def windows_peak_bytes() -> int | None:
        """The peak working set of this process in bytes; None where it is not known."""
        counters = _ProcessMemory()
        counters.length = ctypes.sizeof(counters)
        kernel = ctypes.WinDLL("kernel32")
        kernel.GetCurrentProcess.restype = ctypes.c_void_p
        kernel.K32GetProcessMemoryInfo.argtypes = (ctypes.c_void_p, ctypes.c_void_p, ctypes.c_ulong)
        process = kernel.GetCurrentProcess()
        is_known = kernel.K32GetProcessMemoryInfo(process, ctypes.byref(counters), counters.length)
        return int(counters.peak) if is_known else None

else:

    def _windows_memory_bytes() -> int | None:
        return None

    def windows_peak_bytes() -> int | None:
        """None: this is not Windows."""
        return None
