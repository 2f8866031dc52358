"""`rtsp://...`, `http://...`: a camera on the network, through OpenCV's FFmpeg."""

from __future__ import annotations

import time
from collections.abc import Iterator

import cv2

from edge.errors import SourceError
from edge.sources.base import BaseSource, BlockingSource
from edge.sources.ffmpeg_limits import ffmpeg_limits
from edge.sources.frame_size import MAX_LIVE_PIXELS, check_frame_size
from edge.sources.redirects import resolve_redirects
from edge.types import Frame

#: OpenCV's default for each is 30 s.
OPEN_TIMEOUT_S, READ_TIMEOUT_S = 10.0, 10.0
#: After this number of damaged frames in succession the stream should be opened again.
MAX_DAMAGED = 30


class StreamSource(BaseSource):
    """A live stream; RTSP uses TCP unless OPENCV_FFMPEG_CAPTURE_OPTIONS sets another transport.

    Only the given host and port are asked for it: playlists, and redirects to other addresses, are errors.

    Args:
        url: may contain user and password; they are used and never shown.
        open_timeout_s: time limit for opening the stream. The look-up of the host's name is not included.
        read_timeout_s: time limit for each frame.

    Raises:
        SourceError: the stream cannot be opened.
    """

    usage = "rtsp://..., http://..."
    live = True
    needs_own_process = True

    def __init__(
        self, url: str, open_timeout_s: float = OPEN_TIMEOUT_S, read_timeout_s: float = READ_TIMEOUT_S
    ) -> None:
        self.name = self.event_name(url)
        scheme, _, rest = url.partition("://")
        scheme = scheme.lower()
        address = f"{scheme}://{rest}"
        if scheme in ("http", "https"):
            address = resolve_redirects(address, open_timeout_s / 2)
        parameters = {
            cv2.CAP_PROP_OPEN_TIMEOUT_MSEC: round(open_timeout_s * 1000),
            cv2.CAP_PROP_READ_TIMEOUT_MSEC: round(read_timeout_s * 1000),
            # One decoding thread: several delay the frames.
            cv2.CAP_PROP_N_THREADS: 1,
        }
        with ffmpeg_limits(scheme):
            # Without a named backend, OpenCV ignores the timeouts.
            self._capture = cv2.VideoCapture(address, cv2.CAP_FFMPEG, [n for pair in parameters.items() for n in pair])
        if not self._capture.isOpened():
            raise SourceError(
                f"cannot open {self.name}: expected a stream that FFmpeg can play, and no playlist; is the camera on?"
            )

    @classmethod
    def accepts(cls, spec: str) -> bool:
        """Whether the spec is a URL with something after its scheme."""
        return bool(spec.partition("://")[2])

    @classmethod
    def from_spec(cls, spec: str, downscale: int = 1) -> BlockingSource:
        """Open the stream; its size is the server's."""
        return cls(spec)

    def __iter__(self) -> Iterator[Frame]:
        opened_s = time.monotonic()
        index = damaged = 0
        while True:
            asked_s = time.monotonic()
            grabbed = self._capture.grab()
            begin_s = time.monotonic()
            check_frame_size(self._capture, self.name, MAX_LIVE_PIXELS)
            if not grabbed:
                # isOpened() stays true from here on, and every read fails at once: it must be opened again.
                raise SourceError(f"{self.name} gave no frame for {begin_s - asked_s:.1f} s, or ended, after {index}")
            decoded, image = self._capture.retrieve()
            if decoded and image is not None:
                yield Frame(image, index, begin_s, begin_s - opened_s, (time.monotonic() - begin_s) * 1000)
                damaged = 0
            else:
                self.unreadable += 1
                damaged += 1
                if damaged == MAX_DAMAGED:
                    raise SourceError(f"{self.name} gives damaged frames only, {damaged} in succession")
            index += 1

    def close(self) -> None:
        """Close the stream."""
        self._capture.release()
