"""Where events go: one file a kind, and an `SinkWorker` before each, so that no sink holds up the loop."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from edge.errors import WrongUseError
from edge.sinks.files.rotation import Rotation
from edge.sinks.protocols import Sink, WatchingSink
from edge.sinks.sink_group import SinkGroup
from edge.sinks.sink_uri import SinkUri, without_user
from edge.sinks.sink_worker import CAPACITY, SinkWorker

__all__ = ["SINKS", "PreparedSink", "Sink", "SinkGroup", "SinkWorker", "open_sink_group", "prepare_sink"]

SINKS = (
    "console, jsonl:PATH[?rotate=10MB&keep=5], jsonl:-, csv:PATH, mqtt://[USER@]HOST[:PORT][/TOPIC], mqtts://... "
    "or metrics:[HOST:]PORT"
)
_QUEUE = "queue"


@dataclass(frozen=True)
class PreparedSink:
    """What opens a sink; nothing is opened yet.

    Attributes:
        name: for logs and metrics; tells no secret.
        make: opens it; raises SinkError where it never can be written to.
        capacity: how many messages may wait for it.
    """

    name: str
    make: Callable[[], Sink]
    capacity: int = CAPACITY

    def __call__(self) -> Sink:
        """Open the sink."""
        return self.make()


def prepare_sink(text: str) -> PreparedSink:
    """What opens the sink that `text` names, one of `SINKS`; nothing is opened yet.

    Every kind but `console` takes `queue=N`, how many messages may wait for it. The others' options: see their files.

    Raises:
        WrongUseError: no such kind of sink, or a wrong option.
        MissingExtraError: it needs a package that is not installed.
    """
    spec = SinkUri.parse(text)
    capacity = spec.number(_QUEUE, CAPACITY, 1, 100_000)
    rest = SinkUri(spec.kind, spec.target, {key: value for key, value in spec.options.items() if key != _QUEUE})
    return PreparedSink(spec.name, _opener(rest, text), capacity)


def _opener(spec: SinkUri, text: str) -> Callable[[], Sink]:
    kind, target = spec.kind, spec.target
    if kind == "console" and not target:
        from edge.sinks.console import ConsoleSink

        return ConsoleSink
    if kind in ("jsonl", "csv") and target:
        from edge.sinks.files.csv import CsvSink
        from edge.sinks.files.jsonl import JsonLinesSink

        spec.check_keys(("rotate", "keep", _QUEUE))
        rotation = Rotation.of(spec)
        if rotation and target == "-":
            raise WrongUseError(f"rotate of sink {spec.name}: standard output cannot be rotated, expected a file")
        path = None if target == "-" else Path(target)
        return partial(JsonLinesSink if kind == "jsonl" else CsvSink, path, rotation)
    if kind in ("mqtt", "mqtts") and target:
        from edge.sinks.mqtt.mqtt_sink import mqtt_opener

        return mqtt_opener(spec)
    if kind == "metrics" and target:
        from edge.sinks.prometheus.exporter import metrics_opener

        return metrics_opener(spec)
    raise WrongUseError(f"no sink {without_user(text)!r}: expected {SINKS}")


def open_sink_group(makers: Sequence[PreparedSink], patient: bool = False) -> SinkGroup:
    """Open every sink, each behind an outlet of its own.

    Args:
        makers: from `prepare_sink`.
        patient: a full queue makes `put` wait: for clips and folders, which lose nothing. A sink that fails is not
            waited for.

    Raises:
        WrongUseError: a sink is named twice.
        SinkError: one can never be written to; those that were opened are closed again.
    """
    names = [maker.name for maker in makers]
    for name in names:
        if names.count(name) > 1:
            raise WrongUseError(f"sink {name} is given twice: expected each once")
    with ExitStack() as opened:
        sinks = [opened.enter_context(maker()) for maker in makers]
        # From here on the outlets close them.
        opened.pop_all()
    outlets = [SinkWorker(sink, maker.name, maker.capacity, patient) for sink, maker in zip(sinks, makers, strict=True)]
    for sink in sinks:
        if isinstance(sink, WatchingSink):
            sink.watch(outlets)
    return SinkGroup(outlets)
