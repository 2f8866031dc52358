"""Where events go: one protocol, one file a kind."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self

from edge.errors import WrongUseError
from edge.types import Event

SINKS = "console, jsonl:PATH, jsonl:- or csv:PATH"


class Sink(Protocol):
    """Takes events; a context manager."""

    def write(self, event: Event) -> None:
        """Take one event.

        Raises:
            SinkError: it cannot be written.
        """
        ...

    def __enter__(self) -> Self:
        """Return the sink."""
        ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Write out what is left, and close."""
        ...


def sink_maker(spec: str) -> Callable[[], Sink]:
    """What opens `console`, `jsonl:PATH` (`-` is standard output) or `csv:PATH`; nothing is opened yet.

    The call raises SinkError where the sink cannot be written to.

    Raises:
        WrongUseError: no such kind of sink.
    """
    kind, _, target = spec.partition(":")
    if kind == "console" and not target:
        from edge.sinks.console import ConsoleSink

        return ConsoleSink
    if kind == "jsonl" and target:
        from edge.sinks.jsonl import JsonLinesSink

        return partial(JsonLinesSink, None if target == "-" else Path(target))
    if kind == "csv" and target:
        from edge.sinks.csv import CsvSink

        return partial(CsvSink, Path(target))
    raise WrongUseError(f"no sink {spec!r}: expected {SINKS}")
