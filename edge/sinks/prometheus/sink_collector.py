"""The counts of all sinks, for Prometheus; read at each scrape."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from edge.sinks.sink_worker import SinkWorker

if TYPE_CHECKING:
    from prometheus_client import Metric

_COUNTERS = {
    "received": ("messages_received", "Messages passed to the sink's queue."),
    "delivered": ("messages_delivered", "Messages written, or acknowledged."),
    "dropped": ("messages_dropped", "Messages lost because the queue was full or the time for closing was over."),
    "failures": ("failures", "Failed attempts to write."),
}


class SinkCollector:
    """Collects one sample for each sink and count.

    Attributes:
        workers: of all sinks of the run; a reload may exchange them.
    """

    def __init__(self) -> None:
        self.workers: Sequence[SinkWorker] = ()

    def collect(self) -> Iterator[Metric]:
        """Yield the metrics; prometheus-client calls it at each scrape."""
        from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

        # Each sink is read once, so that the counts of a scrape are consistent.
        counts = {worker.name: worker.counts for worker in self.workers}
        for key, (name, text) in _COUNTERS.items():
            family = CounterMetricFamily(f"mien_sink_{name}", text, labels=["sink"])
            for sink, of_sink in counts.items():
                family.add_metric([sink], getattr(of_sink, key))
            yield family
        queue = GaugeMetricFamily("mien_sink_queue_length", "Messages in the queue.", labels=["sink"])
        for sink, of_sink in counts.items():
            queue.add_metric([sink], of_sink.queued)
        yield queue
