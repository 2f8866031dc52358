"""The board's heat and throttling, for Prometheus; read when it asks."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from edge.system import board

if TYPE_CHECKING:
    from prometheus_client import Metric

#: `vcgencmd get_throttled` (Raspberry Pi documentation): bit, and its name as a label; 16 bits up, since boot.
_FLAGS = {0: "under_voltage", 1: "frequency_capped", 2: "throttled", 3: "soft_temperature_limit"}


class BoardCollector:
    """Temperature and throttling, where the board tells them.

    Args:
        temperature, throttled: the files that `edge.system.board` reads.
    """

    def __init__(self, temperature: Path = board.THERMAL, throttled: Path = board.THROTTLED) -> None:
        self._temperature, self._throttled = temperature, throttled

    def collect(self) -> Iterator[Metric]:
        """What prometheus-client calls at each scrape."""
        from prometheus_client.core import GaugeMetricFamily

        temperature_c = board.temperature_c(self._temperature)
        if temperature_c is not None:
            yield GaugeMetricFamily("mien_temperature_celsius", "The processor's temperature.", temperature_c)
        flags = board.throttled(self._throttled)
        if flags is None:
            return
        try:
            bits = int(flags, 16)
        except ValueError:
            return
        for name, text, shift in (
            ("mien_throttled", "1 where the board is held back now, by reason.", 0),
            ("mien_throttled_since_boot", "1 where the board was held back since it started, by reason.", 16),
        ):
            family = GaugeMetricFamily(name, text, labels=["reason"])
            for bit, reason in _FLAGS.items():
                family.add_metric([reason], bits >> (bit + shift) & 1)
            yield family
