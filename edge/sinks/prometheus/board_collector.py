"""The board's heat and throttling, for Prometheus; read when it asks."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from edge.system import board

if TYPE_CHECKING:
    from prometheus_client import Metric


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
        for name, text, since_boot in (
            ("mien_throttled", "1 where the board is held back now, by reason.", False),
            ("mien_throttled_since_boot", "1 where the board was held back since it started, by reason.", True),
        ):
            family = GaugeMetricFamily(name, text, labels=["reason"])
            active = board.throttling_reasons(bits, since_boot)
            for reason in board.THROTTLING_REASONS:
                family.add_metric([reason.label], int(reason in active))
            yield family
