"""The metrics of a run: frames, faces, events, latency and the source's state."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from edge import __version__
from edge.types import SOURCE_STATES, Aggregate, Event, FrameReport, Message

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry

#: From half a millisecond to five seconds: a stage on a workstation, and a whole frame on a busy Pi Zero.
_BUCKETS_S = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)


class RunMetrics:
    """Counters, gauges and histograms that messages and frame reports update.

    Args:
        registry: where the metrics are registered.
    """

    def __init__(self, registry: CollectorRegistry) -> None:
        from prometheus_client import Counter, Gauge, Histogram, Info

        self._known_sources: set[str] = set()
        register: dict[str, Any] = {"registry": registry, "namespace": "mien"}
        self._frames = Counter("frames", "Frames processed.", ["source"], **register)
        self._frames_dropped = Counter(
            "frames_dropped", "Frames that the source delivered and that were not processed.", ["source"], **register
        )
        self._faces = Counter("faces", "Faces found, summed over the frames.", ["source"], **register)
        self._faces_now = Gauge("faces_in_view", "Faces in the last frame.", ["source"], **register)
        self._events = Counter(
            "events", "Events, by expression and state.", ["source", "expression", "state"], **register
        )
        self._shares = Gauge(
            "expression_share",
            "Each expression's share of the time that faces were in view, in the last aggregate.",
            ["source", "expression"],
            **register,
        )
        self._aggregate_faces = Gauge(
            "aggregate_faces", "Different faces in the last aggregate.", ["source"], **register
        )
        self._stages = Histogram(
            "stage_duration_seconds",
            "Duration of each stage of a frame's processing.",
            ["source", "stage"],
            buckets=_BUCKETS_S,
            **register,
        )
        self._source_state = Gauge(
            "source_state", "1 for the state that the source is in, 0 for the others.", ["source", "state"], **register
        )
        Info("build", "The version of mien.", **register).info({"version": __version__})
        self._model = Info("model", "The model in use.", **register)

    def set_model(self, identity: str) -> None:
        """Take the identity of the model in use, such as `mien-small-int8@2`."""
        name, _, version = identity.rpartition("@")
        self._model.info({"model": name, "version": version})

    def add(self, message: Message) -> None:
        """Count one event, or take an aggregate's or the source's values."""
        if isinstance(message, Event):
            self._events.labels(message.source, message.emotion, message.state).inc()
        elif isinstance(message, Aggregate):
            self._aggregate_faces.labels(message.source).set(message.faces)
            for expression, share in message.shares.items():
                self._shares.labels(message.source, expression).set(share)
        else:
            self._set_source(message.source, message.state)

    def add_frame(self, report: FrameReport) -> None:
        """Count one frame."""
        self._frames.labels(report.source).inc()
        self._frames_dropped.labels(report.source).inc(report.dropped)
        if report.faces is not None:
            self._faces.labels(report.source).inc(report.faces)
            self._faces_now.labels(report.source).set(report.faces)
        if report.source not in self._known_sources:
            # Files and folders send no source events, but frames show that the source is online.
            self._set_source(report.source, "online")
        for stage, latency_ms in report.latency_ms.items():
            self._stages.labels(report.source, stage).observe(latency_ms / 1000)

    def _set_source(self, source: str, state: str) -> None:
        self._known_sources.add(source)
        for each in SOURCE_STATES:
            self._source_state.labels(source, each).set(each == state)
