"""What the board tells about itself: memory, temperature, throttling."""

from __future__ import annotations

import resource
from pathlib import Path

_THERMAL = Path("/sys/class/thermal/thermal_zone0/temp")
#: The firmware's throttling flags on a Raspberry Pi.
_THROTTLED = Path("/sys/devices/platform/soc/soc:firmware/get_throttled")


def peak_rss_mb() -> float:
    """The most memory that this process has had resident, in MiB (Linux counts it in KiB)."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def temperature_c(path: Path = _THERMAL) -> float | None:
    """The processor's temperature in degrees Celsius, where the board tells."""
    try:
        return int(path.read_text()) / 1000
    except (OSError, ValueError):
        return None


def throttled(path: Path = _THROTTLED) -> str | None:
    """The Raspberry Pi's throttling flags as the firmware writes them (`0` is none), where it tells."""
    try:
        return path.read_text().strip()
    except OSError:
        return None
