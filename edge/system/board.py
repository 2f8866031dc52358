"""Properties of the board: processor, memory, temperature, throttling."""

from __future__ import annotations

import platform
import sys
from dataclasses import dataclass
from pathlib import Path

from edge.system.operating_system import optional_module, windows_peak_bytes

CPUINFO = Path("/proc/cpuinfo")
#: The processor's temperature in thousandths of a degree Celsius.
THERMAL = Path("/sys/class/thermal/thermal_zone0/temp")
#: The firmware's throttling flags on a Raspberry Pi.
THROTTLED = Path("/sys/devices/platform/soc/soc:firmware/get_throttled")


@dataclass(frozen=True)
class ThrottlingReason:
    """One reason for which a Raspberry Pi's firmware lowers the clock.

    Attributes:
        bit: its position in the throttling flags while it holds.
        label: its name in metrics.
        description: its name for people.
    """

    bit: int
    label: str
    description: str


#: The bits of `vcgencmd get_throttled` (Raspberry Pi documentation, "get_throttled").
THROTTLING_REASONS = (
    ThrottlingReason(0, "under_voltage", "under-voltage"),
    ThrottlingReason(1, "frequency_capped", "clock capped"),
    ThrottlingReason(2, "throttled", "throttled"),
    ThrottlingReason(3, "soft_temperature_limit", "soft temperature limit"),
)
#: The same reasons, this many bits further up, for the time since the board started.
SINCE_BOOT_BITS = 16


def peak_rss_mb(status: Path = Path("/proc/self/status")) -> float:
    """The largest resident memory that this process has had, in MiB; 0 if the system does not report it.

    On Linux it is the kernel's high-water mark, not getrusage's: that one includes the process that started this one.
    """
    try:
        lines = status.read_text().splitlines()
    except OSError:
        return _peak_rss_bytes() / 2**20
    return next((int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM:")), 0.0)


def _peak_rss_bytes() -> int:
    if (peak := windows_peak_bytes()) is not None:
        return peak
    usage = optional_module("resource")
    # In bytes on macOS; other systems count kibibytes, and have /proc.
    return usage.getrusage(usage.RUSAGE_SELF).ru_maxrss if usage is not None and sys.platform == "darwin" else 0


def processor(path: Path = CPUINFO) -> str:
    """The processor's name; on ARM, where it has none, its implementer and part numbers."""
    fields: dict[str, str] = {}
    try:
        lines = path.read_text().splitlines()
    except (OSError, UnicodeDecodeError):
        lines = []
    for line in lines:
        key, _, value = line.partition(":")
        fields.setdefault(key.strip(), value.strip())
    if name := fields.get("model name"):
        return name
    parts = [fields.get(key) for key in ("CPU implementer", "CPU part")]
    return f"ARM implementer {parts[0]} part {parts[1]}" if all(parts) else platform.processor() or "unknown"


def temperature_c(path: Path = THERMAL) -> float | None:
    """The processor's temperature in degrees Celsius; None if the board does not report it."""
    try:
        return int(path.read_text()) / 1000
    except (OSError, ValueError):
        return None


def throttled(path: Path = THROTTLED) -> str | None:
    """The Raspberry Pi's throttling flags as the firmware writes them (`0` is none); None on other boards."""
    try:
        return path.read_text().strip()
    except OSError:
        return None


def throttling_reasons(flags: int, since_boot: bool = False) -> list[ThrottlingReason]:
    """The reasons that are set in the throttling flags.

    Args:
        flags: the value that `throttled` reads, as an integer.
        since_boot: those that have held at any time since the board started, in place of those that hold now.
    """
    shift = SINCE_BOOT_BITS if since_boot else 0
    return [reason for reason in THROTTLING_REASONS if flags >> (reason.bit + shift) & 1]
