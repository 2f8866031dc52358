"""Watching a source from Python: the loop of `mien run` as an iterator of events."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from edge.capture import open_watched
from edge.errors import WrongUseError
from edge.events import MIN_HOLD_S, UNCERTAIN_BELOW, Emit
from edge.inference import DEFAULT_PRIOR
from edge.pipeline import Components, Dispatcher, Pipeline
from edge.recognizer import Recognizer
from edge.tracking import DetectionInterval
from edge.types import Event, FrameReport, Message


class _EventQueue:
    """Collects the events of one step."""

    def __init__(self) -> None:
        self._events: list[Event] = []

    def put(self, message: Message) -> None:
        if isinstance(message, Event):
            self._events.append(message)

    def put_frame(self, report: FrameReport) -> None:
        """Frame reports are not needed."""

    def take(self) -> list[Event]:
        events, self._events = self._events, []
        return events


def watch(
    source: str = "camera:0",
    recognizer: Recognizer | None = None,
    *,
    emit: Emit = "change",
    interval: DetectionInterval | None = None,
    min_hold_s: float = MIN_HOLD_S,
    uncertain_below: float = UNCERTAIN_BELOW,
    prior: str | Mapping[str, float] | Sequence[str] = DEFAULT_PRIOR,
) -> Iterator[Event]:
    """Watch a source and yield events, with tracking, smoothing and hysteresis as in `mien run`.

    A live source (a camera or a stream) is captured in a child process that is replaced when it stalls; only its
    newest frame is processed. Files and folders are read frame by frame.

    Args:
        source: `camera:N`, `picamera2[:N]`, `rtsp://...`, `http://...`, `demo`, or the path of a video file, an image,
            or a folder of images.
        recognizer: None for the default model and detector, with `prior`.
        emit: `change` for one event when a face comes, changes or leaves; `frame` for one per face and frame.
        interval: the detector runs in every Nth frame; None for `auto` with a live source and 1 with others.
        min_hold_s: how long a new expression must lead before it is reported, in seconds.
        uncertain_below: score below which a face is reported as `uncertain`; 0 for never.
        prior: as `Recognizer` takes it; only without a `recognizer`, which has its own.

    Yields:
        Events in the order in which they happen. The iterator ends with the source; leaving the loop closes it.

    Raises:
        SourceError: the source cannot be opened, or has failed for good.
        WrongUseError: there is no such source, or both a recognizer and a prior are given.
        FrameError: no frame can be processed.
    """
    if recognizer is not None and prior != DEFAULT_PRIOR:
        raise WrongUseError("expected either a recognizer or a prior: give the prior to the Recognizer")
    queue = _EventQueue()
    with open_watched(source) as frames:
        components = Components.build(
            frames,
            recognizer or Recognizer(prior=prior),
            Dispatcher(queue),
            emit=emit,
            interval=interval,
            min_hold_s=min_hold_s,
            uncertain_below=uncertain_below,
        )
        for _ in Pipeline(components).steps():
            yield from queue.take()
        yield from queue.take()
