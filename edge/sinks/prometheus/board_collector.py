"""The board's temperature and throttling, for Prometheus; read at each scrape."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from edge.system import board

if TYPE_CHECKING:
    from prometheus_client import Metric


class BoardCollector:
    """Collects temperature and throttling, if the board reports them.

    Args:
        temperature, throttled: the files that `edge.system.board` reads.
    """

    def __init__(self, temperature: Path = board.THERMAL, throttled: Path = board.THROTTLED) -> None:
        self._temperature, self._throttled = temperature, throttled

    def collect(self) -> Iterator[Metric]:
        """Yield the metrics; prometheus-client calls it at each scrape."""
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
            ("mien_throttled", "1 if the board is throttled now, by reason.", False),
            ("mien_throttled_since_boot", "1 if the board has been throttled since it booted, by reason.", True),
        ):
            family = GaugeMetricFamily(name, text, labels=["reason"])
            active = board.throttling_reasons(bits, since_boot)
            for reason in board.THROTTLING_REASONS:
                family.add_metric([reason.label], int(reason in active))
            yield family
