"""Measures energy: RAPL counters on x86, the power chip of a Raspberry Pi 5. It is never estimated."""

from __future__ import annotations

import re
import shutil
import subprocess
import threading
import time
from pathlib import Path
from typing import Protocol

RAPL = Path("/sys/class/powercap")
#: Seconds between two readings of a power chip.
_SAMPLE_S = 0.1
_RAIL = re.compile(r"(\w+?)_([AV]) (?:current|volt)\(\d+\)=([\d.]+)[AV]")


class Meter(Protocol):
    """A meter that measures energy.

    Attributes:
        name: what it measures, as the results name it.
    """

    name: str

    def start(self) -> None:
        """Start to count."""
        ...

    def stop(self) -> float:
        """Return the energy since `start` in joules."""
        ...


def find_meter(rapl: Path = RAPL) -> Meter | None:
    """Return the meter of this machine; None if it has none, or if this user may not read it.

    Args:
        rapl: the folder of Linux's powercap interface.
    """
    packages = sorted(rapl.glob("intel-rapl:[0-9]"))
    if packages and all(_readable(package / "energy_uj") for package in packages):
        return Rapl(packages)
    if shutil.which("vcgencmd") and power_w(_rails()) > 0:
        return PowerChip()
    return None


class Rapl:
    """Reads the energy counters of the processor packages (Linux powercap; on most systems only root may read them)."""

    name = "RAPL, processor packages"

    def __init__(self, packages: list[Path]) -> None:
        self._packages = packages
        self._begin: list[int] = []

    def start(self) -> None:
        """Start to count."""
        self._begin = self._counters_uj()

    def stop(self) -> float:
        """Return the energy since `start` in joules. A counter may have wrapped around once meanwhile."""
        total_uj = 0
        for package, begin, end in zip(self._packages, self._begin, self._counters_uj(), strict=True):
            total_uj += end - begin
            if end < begin:
                total_uj += int((package / "max_energy_range_uj").read_text())
        return total_uj / 1e6

    def _counters_uj(self) -> list[int]:
        return [int((package / "energy_uj").read_text()) for package in self._packages]


class PowerChip:
    """Samples the power chip (PMIC) of a Raspberry Pi 5: the power of all rails that it measures, times the time."""

    name = "PMIC, all rails"

    def __init__(self) -> None:
        self._stop = threading.Event()
        self._watts: list[float] = []
        self._begin_s = 0.0
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Start to sample."""
        self._stop.clear()
        self._watts, self._begin_s = [power_w(_rails())], time.monotonic()
        self._thread = threading.Thread(target=self._sample, daemon=True)
        self._thread.start()

    def stop(self) -> float:
        """Return the mean power since `start` times the elapsed time, in joules."""
        self._stop.set()
        assert self._thread is not None
        self._thread.join()
        return sum(self._watts) / len(self._watts) * (time.monotonic() - self._begin_s)

    def _sample(self) -> None:
        while not self._stop.wait(_SAMPLE_S):
            self._watts.append(power_w(_rails()))


def power_w(readings: str) -> float:
    """Sum the power, in watts, of all rails for which both current and voltage are given.

    Args:
        readings: the output of `vcgencmd pmic_read_adc`, with lines such as `3V3_SYS_A current(1)=0.0576A` and
            `3V3_SYS_V volt(9)=3.3064V`.
    """
    amperes: dict[str, float] = {}
    volts: dict[str, float] = {}
    for rail, unit, value in _RAIL.findall(readings):
        (amperes if unit == "A" else volts)[rail] = float(value)
    return sum(amperes[rail] * volts[rail] for rail in amperes.keys() & volts.keys())


def _rails() -> str:
    try:
        done = subprocess.run(["vcgencmd", "pmic_read_adc"], capture_output=True, text=True, timeout=5, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout


def _readable(path: Path) -> bool:
    try:
        int(path.read_text())
    except (OSError, ValueError):
        return False
    return True
