"""Fakes for tests, of mien and of programs that use it: scripted parts with the interfaces of the real ones.

`ScriptedSource`, `ScriptedDetector`, `ScriptedClassifier` and `RecordingSink` replace the parts of the pipeline, so
that a test knows what it will see and needs neither a camera nor weights. `ScriptedCamera` is a live source for tests
of `edge.capture`: it produces on demand the faults that real cameras have.
"""

from __future__ import annotations

import ctypes
import os
import random
import signal
import sys
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
from edge.sources import BaseSource, BlockingSource
from edge.sources.demo import DemoSource
from edge.types import Aggregate, Detection, Event, Frame, FrameReport, Message, SourceEvent


class ScriptedSource(BaseSource):
    """A source of gray frames of uniform brightness, at a fixed frame rate in the source's time.

    Args:
        brightness: one value 0..255 for each frame.
        fps: frames per second of the source's time; nothing waits in real time.
        size_wh: width and height of the frames in pixels.
    """

    def __init__(self, brightness: Sequence[int], fps: float = 10.0, size_wh: tuple[int, int] = (64, 48)) -> None:
        self.name, self.total = "scripted", len(brightness)
        self._brightness, self._fps, self._size_wh = brightness, fps, size_wh
        self._state_events: list[SourceEvent] = []

    def change_state(self, event: SourceEvent) -> None:
        """Make the next call of `state_events` return this change of state."""
        self._state_events.append(event)

    def state_events(self) -> list[SourceEvent]:
        """Return the changes given to `change_state` since the last call."""
        events, self._state_events = self._state_events, []
        return events

    def __iter__(self) -> Iterator[Frame]:
        width, height = self._size_wh
        for index, value in enumerate(self._brightness):
            image = np.full((height, width), value, np.uint8)
            yield Frame(image, index, 0.0, index / self._fps, 0.0)


class ScriptedCamera(BaseSource):
    """A live camera with scripted faults; its addresses are `scripted:FILE` and `scripted:SEED`.

    It shows the demo's portrait at 30 frames per second. Each image contains its number, counted by the monotonic
    clock of the machine, in every row, so that `read_number` can check that the image arrived intact, from whichever
    process it came.

    Its behavior is one of these words, optionally followed by an image size (`work 320x240`):

    ========  =====================================================================
    `work`    yields frames
    `stall`   yields no frames until it works again
    `freeze`  yields image number 0 again and again
    `torn`    yields images whose halves come from different frames
    `damage`  yields images that cannot be decoded
    `vanish`  cannot be opened or read
    `raise`   raises an error that no source should raise
    `crash`   ends its process by SIGSEGV
    `hang`    never returns, in native code that holds the global interpreter lock
    ========  =====================================================================

    Args:
        script: a file with the current behavior, which may be replaced at any time; or a seed for `fault_at`.
        downscale: the width and height of its images are divided by this.

    Raises:
        SourceError: the camera is not there (`vanish`).
    """

    live = True
    can_downscale = True
    needs_own_process = True
    FPS = 30

    def __init__(self, script: str, downscale: int = 1) -> None:
        self.name, self._script, self._downscale = f"scripted:{script}", script, downscale
        self._demo = DemoSource(paced=False)
        self._opened_s = time.monotonic()
        if self._behavior()[0] == "vanish":
            raise SourceError(f"cannot open {self.name}: it is not there")

    @classmethod
    def from_spec(cls, spec: str, downscale: int = 1) -> BlockingSource:
        """Open the camera of a script or seed."""
        return cls(spec.partition(":")[2], downscale)

    def __iter__(self) -> Iterator[Frame]:
        number, index = self._number_now(), 0
        while True:
            now = self._number_now()
            if now <= number:
                time.sleep(0.002)
                continue
            number = now
            behavior, *size = self._behavior()
            if behavior in ("work", "freeze"):
                image = self.picture(number if behavior == "work" else 0, *size)
            elif behavior == "torn":
                image = self.picture(number, *size)
                image[image.shape[0] // 2 :] = self.picture(number - 1, *size)[image.shape[0] // 2 :]
            elif behavior == "damage":
                self.unreadable += 1
                continue
            elif behavior == "stall":
                continue
            else:
                self._fail(behavior)
            timestamp_s = time.monotonic()
            yield Frame(image, index, timestamp_s, timestamp_s - self._opened_s, 0.0)
            index += 1

    def picture(self, number: int, size: str = "640x480") -> npt.NDArray[np.uint8]:
        """Return the image with this number, `(h, w, 3)` uint8 BGR.

        Args:
            number: its number, 0 or more.
            size: `WIDTHxHEIGHT` in pixels, before downscaling.
        """
        width, height = (int(side) // self._downscale for side in size.split("x"))
        image: npt.NDArray[np.uint8] = cv2.resize(self._demo.picture(number / self.FPS), (width, height))
        image[:, :8, 0] = np.frombuffer(number.to_bytes(8, "big"), np.uint8)
        return image

    def _behavior(self) -> list[str]:
        """Return the current behavior, and the size of the images if one is given."""
        if self._script.isdecimal():
            return [fault_at(int(self._script), time.monotonic())]
        # The file is empty for a moment while a test writes it.
        return Path(self._script).read_text("utf-8").split() or ["stall"]

    def _number_now(self) -> int:
        return int(time.monotonic() * self.FPS)

    def _fail(self, fault: str) -> None:
        if fault == "vanish":
            raise SourceError(f"{self.name} stopped giving frames: is it still plugged in?")
        if fault == "crash":
            os.kill(os.getpid(), signal.SIGSEGV)
        if fault == "hang":
            _hang()
        raise RuntimeError(f"scripted: {fault}")


def _hang() -> None:
    """Never return, in native code that holds the global interpreter lock."""
    if sys.platform == "win32":
        ctypes.PyDLL("kernel32").Sleep(3_600_000)
    else:
        ctypes.PyDLL(None).sleep(3600)


def read_number(image: npt.NDArray[np.uint8]) -> int | None:
    """Return the number in an image of a `ScriptedCamera`; None if its rows come from different images.

    Args:
        image: `(h, w, 3)` uint8 BGR, as `ScriptedCamera.picture` returns it.
    """
    rows = image[:, :8, 0]
    return int.from_bytes(rows[0].tobytes(), "big") if (rows == rows[0]).all() else None


def fault_at(seed: int, now_s: float) -> str:
    """Return the behavior of the `ScriptedCamera` with this seed at a time: one fault of 0.2 to 3 s in every 6 s.

    Args:
        seed: the seed of the sequence of faults.
        now_s: time of the monotonic clock in seconds.
    """
    slot, into_s = divmod(now_s, 6.0)
    chance = random.Random(f"{seed}:{int(slot)}")
    begin_s, lasts_s = chance.uniform(0, 3), chance.uniform(0.2, 3)
    fault = chance.choice(("stall", "freeze", "torn", "damage", "vanish", "raise", "crash", "hang"))
    return fault if begin_s <= into_s < begin_s + lasts_s else "work"


class ScriptedDetector:
    """A face detector that returns detections from a list, one entry per call, and then none.

    Args:
        detections: the detections of each frame.
    """

    name, box_scale = "scripted", 1.0

    def __init__(self, detections: Sequence[list[Detection]]) -> None:
        self._detections = iter(detections)

    def detect(self, frame: Frame) -> list[Detection]:
        """Return the next entry."""
        return next(self._detections, [])


class ScriptedClassifier:
    """A classifier that returns the class whose number is the mean brightness of the face, with a score of 0.9.

    Args:
        labels: class names in the order of the scores.
    """

    def __init__(self, labels: tuple[str, ...] = FER2013_LABELS) -> None:
        self.labels, self.size, self.crop_margin = labels, None, 0.0
        self.card = ModelCard(name="scripted", labels=labels)
        self.identity = self.card.identity

    def scores(self, face_gray: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        """Return `(n,)` float32 scores: 0.9 for the class of this brightness; the others share the rest equally.

        Args:
            face_gray: `(h, w)` uint8; its mean is the position of a label.
        """
        scores = np.full(len(self.labels), 0.1 / (len(self.labels) - 1), np.float32)
        scores[int(face_gray.mean())] = 0.9
        return scores


class RecordingSink(Sink):
    """A sink that stores every message; it can also take the place of a `SinkGroup`.

    Attributes:
        events, source_events, aggregates: the messages by their type, in the order of arrival.
        reports: the frame reports.
    """

    usage = "recording"
    wants_frames = True

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.source_events: list[SourceEvent] = []
        self.aggregates: list[Aggregate] = []
        self.reports: list[FrameReport] = []

    def write(self, message: Message) -> None:
        """Store one message."""
        if isinstance(message, Event):
            self.events.append(message)
        elif isinstance(message, Aggregate):
            self.aggregates.append(message)
        else:
            self.source_events.append(message)

    def write_frame(self, report: FrameReport) -> None:
        """Store one frame report."""
        self.reports.append(report)

    put, put_frame = write, write_frame
