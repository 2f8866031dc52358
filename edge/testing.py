"""Fakes for tests of mien and of what is built on it: scripted parts that fit where the real ones do."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from types import TracebackType
from typing import Self

import numpy as np
import numpy.typing as npt

from edge.card import ModelCard
from edge.contract import FER2013_LABELS
from edge.sources.base import ClosingSource
from edge.types import Detection, Event, Frame, Message, SourceEvent


class ScriptedSource(ClosingSource):
    """Grey frames of one brightness each, at a fixed rate of the source's time.

    Args:
        brightness: one value 0..255 a frame.
        fps: frames a second of the source's time.
    """

    def __init__(self, brightness: Sequence[int], fps: float = 10.0, size_wh: tuple[int, int] = (64, 48)) -> None:
        self.name, self.total = "scripted", len(brightness)
        self._brightness, self._fps, self._size_wh = brightness, fps, size_wh

    def __iter__(self) -> Iterator[Frame]:
        width, height = self._size_wh
        for index, value in enumerate(self._brightness):
            image = np.full((height, width), value, np.uint8)
            yield Frame(image, index, 0.0, index / self._fps, 0.0)


class ScriptedDetector:
    """Answers from a list, one entry a call; nothing once it is used up."""

    name, looseness = "scripted", 1.0

    def __init__(self, answers: Sequence[list[Detection]]) -> None:
        self._answers = iter(answers)

    def detect(self, frame: Frame) -> list[Detection]:
        """The next answer."""
        return next(self._answers, [])


class ScriptedClassifier:
    """Names the class whose number is the face's brightness, with 90 % of the probability."""

    def __init__(self, labels: tuple[str, ...] = FER2013_LABELS) -> None:
        self.labels = labels
        self.card = ModelCard(name="scripted", labels=labels)

    def scores(self, face_gray: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        """`(n,)` float32: 0.9 for class `brightness`, the rest shared."""
        answer = np.full(len(self.labels), 0.1 / (len(self.labels) - 1), np.float32)
        answer[int(face_gray.mean())] = 0.9
        return answer


class RecordingSink:
    """Keeps every event in `events`, and what happens to the source in `source_events`."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.source_events: list[SourceEvent] = []

    def write(self, message: Message) -> None:
        """Keep one message."""
        if isinstance(message, Event):
            self.events.append(message)
        else:
            self.source_events.append(message)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Keep the events: a test reads them afterwards."""
