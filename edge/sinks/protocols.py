"""What a sink is."""

from __future__ import annotations

from collections.abc import Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Protocol, Self, runtime_checkable

from edge.types import FrameReport, Message

if TYPE_CHECKING:
    from edge.sinks.sink_worker import SinkWorker


class Sink(Protocol):
    """Takes messages one by one; a context manager."""

    def write(self, message: Message) -> None:
        """Take one message; when this returns it is delivered. One that failed is given again.

        Raises:
            SinkError: it cannot be written, for now.
            BrokenPipeError: nothing can ever be written again.
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


@runtime_checkable
class WindowSink(Sink, Protocol):
    """Takes several messages before the first is acknowledged.

    Attributes:
        window: how many at most.
    """

    window: int

    def write_window(self, messages: Sequence[Message]) -> int:
        """Send those that have not been sent yet, and wait a moment for the first to arrive.

        Args:
            messages: 1 to `window`, in order: those of the last call that had not arrived, and new ones behind them.

        Returns:
            How many, from the first on, have arrived; perhaps none yet.

        Raises:
            SinkError: they cannot be sent, for now.
        """
        ...


@runtime_checkable
class FrameSink(Protocol):
    """Wants to know about every frame, not only what is worth an event."""

    def frame(self, report: FrameReport) -> None:
        """Take what one frame took."""
        ...


@runtime_checkable
class ModelSink(Protocol):
    """Tells which model answers, so that a fleet can be watched through an update."""

    def model(self, identity: str) -> None:
        """Take the model's identity, such as `mien-small-int8@2`; called in any thread, and again when it changes."""
        ...


@runtime_checkable
class WatchingSink(Protocol):
    """Wants to know how all sinks fare, itself among them."""

    def watch(self, outlets: Sequence[SinkWorker]) -> None:
        """Take the outlets of the run."""
        ...
