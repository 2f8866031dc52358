"""Live sources in a process of their own, and the supervision of that process.

`camera_process` is the child process: it opens the source and puts each frame into the memory of `frame_slots`, which
both processes share. `process_handle` is that process as its parent sees it. `captured_source` is the source that the
loop iterates: it takes the newest frame, and opens the source again, or replaces the process, when frames stop
arriving or when `freeze_detector` sees the same picture for too long.

`transport` chooses how the two processes are connected: on Linux by `socket_process`, `socket_channel` and
`shared_frames`, elsewhere by `piped_process`, `pipe_channel` and `named_frames`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from edge.capture.timeouts import FREEZE_TIMEOUT_S, STALL_TIMEOUT_S
from edge.sources import Source, open_source, source_class

if TYPE_CHECKING:
    from edge.capture.captured_source import CapturedSource

__all__ = ["FREEZE_TIMEOUT_S", "STALL_TIMEOUT_S", "CapturedSource", "open_watched"]


def open_watched(
    spec: str,
    stall_timeout_s: float = STALL_TIMEOUT_S,
    freeze_timeout_s: float = FREEZE_TIMEOUT_S,
    *,
    wait: bool = False,
) -> Source:
    """Open a source for the loop: in a process of its own if its class asks for one, else directly.

    Args:
        spec: see `edge.sources.open_source`.
        stall_timeout_s: a live source is opened again after this time without a frame.
        freeze_timeout_s: a live source is opened again after this time with the same picture; 0 for never.
        wait: wait for a live source that cannot be opened yet.

    Raises:
        WrongUseError: there is no such kind of source.
        SourceError: a file or folder cannot be opened.
    """
    if not source_class(spec).needs_own_process:
        return open_source(spec)
    from edge.capture.captured_source import CapturedSource

    return CapturedSource(spec, wait=wait, stall_timeout_s=stall_timeout_s, freeze_timeout_s=freeze_timeout_s)


def __getattr__(name: str) -> object:
    # Loaded on use: a run on a clip needs none of it.
    if name == "CapturedSource":
        from edge.capture.captured_source import CapturedSource

        return CapturedSource
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
