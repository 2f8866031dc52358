"""`demo`: a virtual camera that shows a portrait, for a machine without a camera and without a network."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from importlib import resources

import cv2
import numpy as np
import numpy.typing as npt

from edge.sources.base import BaseSource, BlockingSource
from edge.types import Frame

#: The size of the virtual camera's frames.
WIDTH, HEIGHT = 640, 480
#: Each cycle ends with a time in which the portrait is out of view, so that a face leaves and comes back.
_CYCLE_S, _AWAY_S = 8.0, 1.5


class DemoSource(BaseSource):
    """Endless 640x480 frames of a portrait that moves, comes nearer, and leaves from time to time.

    Args:
        fps: frames per second of the source's time.
        paced: wait between frames, as a camera does. If it is false, frames come as fast as they are drawn, and `live`
            is false.
    """

    usage = "demo"
    name = "demo"
    live = True

    def __init__(self, fps: float = 30.0, paced: bool = True) -> None:
        self._fps, self._paced, self.live = fps, paced, paced
        data = (resources.files("edge.sources") / "assets" / "portrait.jpg").read_bytes()
        portrait = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
        assert portrait is not None
        self._portrait = portrait

    @classmethod
    def accepts(cls, spec: str) -> bool:
        """Whether the spec is `demo`."""
        return spec == "demo"

    @classmethod
    def from_spec(cls, spec: str, downscale: int = 1) -> BlockingSource:
        """Open the source, paced and in its only size."""
        return cls()

    def __iter__(self) -> Iterator[Frame]:
        started_s = time.monotonic()
        index = 0
        while True:
            position_s = index / self._fps
            if self._paced:
                time.sleep(max(0.0, started_s + position_s - time.monotonic()))
            begin_s = time.monotonic()
            image = self.picture(position_s)
            yield Frame(image, index, begin_s, position_s, (time.monotonic() - begin_s) * 1000)
            index += 1

    def picture(self, t: float) -> npt.NDArray[np.uint8]:
        """The image at `t` seconds of the source's time: `(480, 640, 3)` uint8 BGR."""
        height, width = self._portrait.shape[:2]
        scale = 1.05 + 0.15 * math.sin(t * 0.9)
        away = t % _CYCLE_S > _CYCLE_S - _AWAY_S
        x = WIDTH / 2 + 90 * math.sin(t * 0.7) + (10 * WIDTH if away else 0)
        y = HEIGHT / 2 + 30 * math.sin(t * 1.1)
        turn = math.radians(4 * math.sin(t * 1.7))
        c, s = scale * math.cos(turn), scale * math.sin(turn)
        matrix = np.array(
            [
                [c, -s, x - c * width / 2 + s * height / 2],
                [s, c, y - s * width / 2 - c * height / 2],
            ]
        )
        return cv2.warpAffine(  # type: ignore[no-any-return]
            self._portrait, matrix, (WIDTH, HEIGHT), borderMode=cv2.BORDER_CONSTANT, borderValue=(96, 96, 96)
        )
