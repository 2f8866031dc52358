"""How the sinks fare, for Prometheus; read when it asks. Imported where the extra `metrics` is there."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from edge.sinks.sink_worker import SinkWorker

if TYPE_CHECKING:
    from prometheus_client import Metric

_COUNTERS = {
    "received": ("messages_received", "Messages that the loop handed over."),
    "delivered": ("messages_delivered", "Messages written, or acknowledged."),
    "dropped": ("messages_dropped", "Messages gone, because the queue was full or the time for closing over."),
    "failures": ("failures", "Attempts to write that failed."),
}


class SinkCollector:
    """One sample a sink and count.

    Args:
        outlets: of the run.
    """

    def __init__(self, outlets: Sequence[SinkWorker]) -> None:
        self._outlets = outlets

    def collect(self) -> Iterator[Metric]:
        """What prometheus-client calls at each scrape."""
        from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

        # One look at each, so that the figures of a scrape fit each other.
        counts = {outlet.name: outlet.counts for outlet in self._outlets}
        for key, (name, text) in _COUNTERS.items():
            family = CounterMetricFamily(f"mien_sink_{name}", text, labels=["sink"])
            for sink, counted in counts.items():
                family.add_metric([sink], getattr(counted, key))
            yield family
        queue = GaugeMetricFamily("mien_sink_queue_length", "Messages that wait.", labels=["sink"])
        for sink, counted in counts.items():
            queue.add_metric([sink], counted.queued)
        yield queue
