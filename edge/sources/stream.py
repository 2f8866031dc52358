"""`rtsp://...`, `http://...`: a camera on the network, through OpenCV's FFmpeg."""

from __future__ import annotations

import time
from collections.abc import Iterator

import cv2

from edge.errors import SourceError
from edge.sources.base import ClosingSource
from edge.system.addresses import without_credentials
from edge.types import Frame

#: OpenCV waits 30 s for each where it is told nothing.
OPEN_TIMEOUT_S, READ_TIMEOUT_S = 10.0, 10.0
#: So many damaged pictures in a row, and the stream is worth opening again.
MAX_DAMAGED = 30


class StreamSource(ClosingSource):
    """A live stream; RTSP goes over TCP unless OPENCV_FFMPEG_CAPTURE_OPTIONS says otherwise.

    Args:
        url: may hold user and password; they are used, and never shown.
        open_timeout_s: how long opening may take. The look-up of the name is not under it.
        read_timeout_s: how long a frame may take.

    Raises:
        SourceError: it cannot be opened.
    """

    live = True

    def __init__(
        self, url: str, open_timeout_s: float = OPEN_TIMEOUT_S, read_timeout_s: float = READ_TIMEOUT_S
    ) -> None:
        self.name = without_credentials(url)
        scheme, _, rest = url.partition("://")
        # The backend must be named: without it, the timeouts are not heeded.
        self._capture = cv2.VideoCapture(
            f"{scheme.lower()}://{rest}",
            cv2.CAP_FFMPEG,
            [
                cv2.CAP_PROP_OPEN_TIMEOUT_MSEC,
                round(open_timeout_s * 1000),
                cv2.CAP_PROP_READ_TIMEOUT_MSEC,
                round(read_timeout_s * 1000),
                # One decoding thread: more of them hold frames back.
                cv2.CAP_PROP_N_THREADS,
                1,
            ],
        )
        if not self._capture.isOpened():
            raise SourceError(f"cannot open {self.name}: expected a stream that FFmpeg can play; is the camera on?")

    def __iter__(self) -> Iterator[Frame]:
        opened_s = time.monotonic()
        index = damaged = 0
        while True:
            asked_s = time.monotonic()
            grabbed = self._capture.grab()
            begin_s = time.monotonic()
            if not grabbed:
                # isOpened() stays true from here on, and every read fails at once: it must be opened anew.
                raise SourceError(f"{self.name} gave no frame for {begin_s - asked_s:.1f} s, or ended, after {index}")
            got, image = self._capture.retrieve()
            if got and image is not None:
                yield Frame(image, index, begin_s, begin_s - opened_s, (time.monotonic() - begin_s) * 1000)
                damaged = 0
            else:
                self.unreadable += 1
                damaged += 1
                if damaged == MAX_DAMAGED:
                    raise SourceError(f"{self.name} gives damaged pictures only, {damaged} in a row")
            index += 1

    def close(self) -> None:
        """Let go of the stream."""
        self._capture.release()
