"""The conditions of a benchmark: the machine, its state before and after, and warnings about other work."""

from __future__ import annotations

import os
import platform
import time
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from edge.system.board import processor, temperature_c, throttled, throttling_reasons
from edge.system.operating_system import load_average, physical_memory_bytes, system_value, usable_cores

#: Share of the cores above which other work, or other virtual machines, cause a warning.
BUSY_SHARE = 0.15
_PACKAGES = ("ai-edge-litert", "tflite-runtime", "numpy", "opencv-python-headless", "opencv-python")


@dataclass(frozen=True)
class MachineState:
    """The state of the machine at one moment.

    Attributes:
        time_s: monotonic.
        load: load average over one minute; None on Windows.
        clock_mhz: clock of each core that reports one.
        temperature_c: of the processor; None if the board reports none.
        throttled: a Raspberry Pi's throttling flags, hexadecimal; None on other boards.
        throttle_count: how often the processor's cores were throttled since boot; None if it does not count (x86 does).
        busy_s: processor time of all processes, with stolen time, without idle and I/O wait time; None if unknown.
        own_s: processor time of this process and of its finished children.
    """

    time_s: float
    load: float | None
    clock_mhz: tuple[float, ...]
    temperature_c: float | None
    throttled: str | None
    throttle_count: int | None
    busy_s: float | None
    own_s: float

    def as_dict(self) -> dict[str, Any]:
        """Return what the results contain."""
        clocks = sorted(self.clock_mhz)
        return {
            "load": self.load,
            "clock_mhz": [clocks[0], clocks[-1]] if clocks else None,
            "temperature_c": self.temperature_c,
            "throttled": self.throttled,
        }


def read_machine_state() -> MachineState:
    """Read the current state of the machine."""
    return MachineState(
        time_s=time.monotonic(),
        load=load_average(),
        clock_mhz=_clocks_mhz(),
        temperature_c=temperature_c(),
        throttled=throttled(),
        throttle_count=_throttle_count(),
        busy_s=_busy_s(),
        own_s=sum(os.times()[:4]),
    )


def machine() -> dict[str, Any]:
    """Describe the machine: board, processor, system, versions."""
    memory_bytes = physical_memory_bytes()
    return {
        "board": _text("/proc/device-tree/model").rstrip("\0") or _text("/sys/class/dmi/id/product_name") or None,
        "processor": processor(),
        "cores": os.cpu_count(),
        "usable_cores": usable_cores(),
        "architecture": platform.machine(),
        "memory_mb": None if memory_bytes is None else round(memory_bytes / 2**20),
        "governor": _text("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor") or None,
        "system": _field("/etc/os-release", "PRETTY_NAME", "=").strip('"') or platform.system(),
        "kernel": platform.release(),
        "python": platform.python_version(),
        "packages": _versions(),
    }


def condition_warnings(before: MachineState, after: MachineState) -> list[str]:
    """Return the reasons why the figures should not be trusted; an empty list if there are none."""
    found = []
    cores = usable_cores()
    if before.busy_s is not None and after.busy_s is not None:
        others_s = (after.busy_s - before.busy_s) - (after.own_s - before.own_s)
        share = others_s / max((after.time_s - before.time_s) * cores, 1e-9)
        if share > BUSY_SHARE:
            found.append(f"other work took {share:.0%} of the {cores} cores: read latencies as ratios, or run again")
    flags = [int(text, 16) for text in (before.throttled, after.throttled) if text is not None]
    if any(throttling_reasons(flag) for flag in flags) or len(set(flags)) > 1:
        states = f"{before.throttled} before, {after.throttled} after"
        found.append(f"the board throttled ({states}): check its cooling and its power supply, and run again")
    if (before.throttle_count or 0) < (after.throttle_count or 0):
        found.append("the processor was throttled: check its cooling, and run again")
    return found


def summarize_states(before: MachineState, after: MachineState) -> dict[str, Any]:
    """Return the states before and after, and the seconds between them."""
    return {"before": before.as_dict(), "after": after.as_dict(), "seconds": after.time_s - before.time_s}


def _clocks_mhz() -> tuple[float, ...]:
    files = sorted(Path("/sys/devices/system/cpu").glob("cpu[0-9]*/cpufreq/scaling_cur_freq"))
    khz = [text for text in map(_text, files) if text.isdigit()]
    if khz:
        return tuple(int(text) / 1000 for text in khz)
    lines = _text("/proc/cpuinfo").splitlines()
    return tuple(float(line.partition(":")[2]) for line in lines if line.startswith("cpu MHz"))


def _throttle_count() -> int | None:
    counts = [_text(p) for p in Path("/sys/devices/system/cpu").glob("cpu[0-9]*/thermal_throttle/core_throttle_count")]
    return sum(map(int, counts)) if counts and all(map(str.isdigit, counts)) else None


def _busy_s() -> float | None:
    fields = _field("/proc/stat", "cpu ", " ").split()
    if len(fields) < 8:
        return None
    # proc(5): user nice system idle iowait irq softirq steal.
    user, nice, system, _, _, irq, softirq, steal = map(int, fields[:8])
    return (user + nice + system + irq + softirq + steal) / (system_value("SC_CLK_TCK") or 100)


def _versions() -> dict[str, str]:
    found = {}
    for package in _PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def _text(path: str | Path) -> str:
    try:
        return Path(path).read_text().strip()
    except (OSError, UnicodeDecodeError):
        return ""


def _field(path: str, key: str, separator: str) -> str:
    line = next((line for line in _text(path).splitlines() if line.startswith(key)), "")
    return line.removeprefix(key).strip(f"{separator} \t") if line else ""
