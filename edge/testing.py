"""Fakes for tests of mien and of what is built on it: scripted parts that fit where the real ones do."""

from __future__ import annotations

import ctypes
import os
import random
import signal
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from edge.errors import SourceError
from edge.inference.contract import FER2013_LABELS
from edge.inference.model_card import ModelCard
from edge.sinks import Sink
from edge.sources.base import ClosingSource
from edge.sources.demo import DemoSource
from edge.types import Aggregate, Detection, Event, Frame, FrameReport, Message, SourceEvent


class ScriptedSource(ClosingSource):
    """Grey frames of one brightness each, at a fixed rate of the source's time.

    Args:
        brightness: one value 0..255 a frame.
        fps: frames a second of the source's time.
    """

    def __init__(self, brightness: Sequence[int], fps: float = 10.0, size_wh: tuple[int, int] = (64, 48)) -> None:
        self.name, self.total = "scripted", len(brightness)
        self._brightness, self._fps, self._size_wh = brightness, fps, size_wh
        self._state_events: list[SourceEvent] = []

    def change_state(self, event: SourceEvent) -> None:
        """Have the next call of `state_events` hand over this change."""
        self._state_events.append(event)

    def state_events(self) -> list[SourceEvent]:
        """The changes given to `change_state` since the last call."""
        events, self._state_events = self._state_events, []
        return events

    def __iter__(self) -> Iterator[Frame]:
        width, height = self._size_wh
        for index, value in enumerate(self._brightness):
            image = np.full((height, width), value, np.uint8)
            yield Frame(image, index, 0.0, index / self._fps, 0.0)


class ScriptedCamera(ClosingSource):
    """A live camera that fails when it is told to: `scripted:FILE` or `scripted:SEED`.

    It shows the demo's portrait at 30 frames a second. Each picture is numbered by the machine's monotonic clock, in
    every row, so that `read_number` tells whether it arrived whole, whichever process took it.

    What it does is a word, and a size in full may follow it (`work 320x240`):

    ========  =================================================
    `work`    gives frames
    `stall`   gives none, until it works again
    `freeze`  gives picture number 0 again and again
    `torn`    gives pictures of two halves that do not belong together
    `damage`  gives pictures that cannot be decoded
    `vanish`  cannot be opened or read
    `raise`   raises an error that no source should raise
    `crash`   takes the process with it, by SIGSEGV
    `hang`    never returns, in native code that holds Python's lock
    ========  =================================================

    Args:
        script: a file that holds what it does now, to be replaced at will; or a seed, for `fault_at`.
        shrink: its pictures are so many times smaller in width and height.

    Raises:
        SourceError: it is away.
    """

    FPS, live = 30, True

    def __init__(self, script: str, shrink: int = 1) -> None:
        self.name, self._script, self._shrink = f"scripted:{script}", script, shrink
        self._demo = DemoSource(paced=False)
        self._opened_s = time.monotonic()
        if self._does()[0] == "vanish":
            raise SourceError(f"cannot open {self.name}: it is away")

    def __iter__(self) -> Iterator[Frame]:
        number, index = self._number_now(), 0
        while True:
            now = self._number_now()
            if now <= number:
                time.sleep(0.002)
                continue
            number = now
            does, *size = self._does()
            if does in ("work", "freeze"):
                image = self.picture(number if does == "work" else 0, *size)
            elif does == "torn":
                image = self.picture(number, *size)
                image[image.shape[0] // 2 :] = self.picture(number - 1, *size)[image.shape[0] // 2 :]
            elif does == "damage":
                self.unreadable += 1
                continue
            elif does == "stall":
                continue
            else:
                self._fail(does)
            timestamp_s = time.monotonic()
            yield Frame(image, index, timestamp_s, timestamp_s - self._opened_s, 0.0)
            index += 1

    def picture(self, number: int, size: str = "640x480") -> npt.NDArray[np.uint8]:
        """The picture of that number: `(h, w, 3)` uint8."""
        width, height = (int(side) // self._shrink for side in size.split("x"))
        image: npt.NDArray[np.uint8] = cv2.resize(self._demo.picture(number / self.FPS), (width, height))
        image[:, :8, 0] = np.frombuffer(number.to_bytes(8, "big"), np.uint8)
        return image

    def _does(self) -> list[str]:
        if self._script.isdecimal():
            return [fault_at(int(self._script), time.monotonic())]
        # Empty for a moment where the file is being written anew.
        return Path(self._script).read_text("utf-8").split() or ["stall"]

    def _number_now(self) -> int:
        return int(time.monotonic() * self.FPS)

    def _fail(self, how: str) -> None:
        if how == "vanish":
            raise SourceError(f"{self.name} stopped giving frames: is it still plugged in?")
        if how == "crash":
            os.kill(os.getpid(), signal.SIGSEGV)
        if how == "hang":
            ctypes.PyDLL(None).sleep(3600)
        raise RuntimeError(f"scripted: {how}")


def read_number(image: npt.NDArray[np.uint8]) -> int | None:
    """The number of a `ScriptedCamera`'s picture; None where its rows do not belong together."""
    rows = image[:, :8, 0]
    return int.from_bytes(rows[0].tobytes(), "big") if (rows == rows[0]).all() else None


def fault_at(seed: int, now_s: float) -> str:
    """What the `ScriptedCamera` of that seed does at a monotonic time: one fault of 0.2 to 3 s in every 6 s."""
    slot, into_s = divmod(now_s, 6.0)
    chance = random.Random(f"{seed}:{int(slot)}")
    begin_s, lasts_s = chance.uniform(0, 3), chance.uniform(0.2, 3)
    fault = chance.choice(("stall", "freeze", "torn", "damage", "vanish", "raise", "crash", "hang"))
    return fault if begin_s <= into_s < begin_s + lasts_s else "work"


class ScriptedDetector:
    """Returns detections from a list, one entry per call; nothing once it is used up."""

    name, box_scale = "scripted", 1.0

    def __init__(self, detections: Sequence[list[Detection]]) -> None:
        self._detections = iter(detections)

    def detect(self, frame: Frame) -> list[Detection]:
        """Return the next entry."""
        return next(self._detections, [])


class ScriptedClassifier:
    """Returns the class whose number is the face's brightness, with a probability of 90 %."""

    def __init__(self, labels: tuple[str, ...] = FER2013_LABELS) -> None:
        self.labels, self.size, self.crop_margin = labels, None, 0.0
        self.card = ModelCard(name="scripted", labels=labels)
        self.identity = self.card.identity

    def scores(self, face_gray: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        """Return `(n,)` float32: 0.9 for class `brightness`, the rest shared equally."""
        scores = np.full(len(self.labels), 0.1 / (len(self.labels) - 1), np.float32)
        scores[int(face_gray.mean())] = 0.9
        return scores


class RecordingSink(Sink):
    """A sink that keeps every message; it can also take the place of a `SinkGroup`.

    Attributes:
        events, source_events, aggregates: the messages by their kind.
        reports: the reports on frames.
    """

    usage = "recording"
    wants_frames = True

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.source_events: list[SourceEvent] = []
        self.aggregates: list[Aggregate] = []
        self.reports: list[FrameReport] = []

    def write(self, message: Message) -> None:
        """Keep one message."""
        if isinstance(message, Event):
            self.events.append(message)
        elif isinstance(message, Aggregate):
            self.aggregates.append(message)
        else:
            self.source_events.append(message)

    def write_frame(self, report: FrameReport) -> None:
        """Keep one report."""
        self.reports.append(report)

    put, put_frame = write, write_frame
