"""Live sources in a process of their own, and what watches over it.

`child.py` is the process: it opens the camera and puts each frame into `memory.py`, three slots that both sides
see. `process.py` is that process as its parent sees it; `source.py` takes the newest frame, and opens again, or
kills, what has come to a stand.
"""

from __future__ import annotations

from edge.capture.timeouts import FREEZE_TIMEOUT_S, STALL_TIMEOUT_S
from edge.sources import Source, live_name, open_source

__all__ = ["FREEZE_TIMEOUT_S", "STALL_TIMEOUT_S", "open_watched"]


def open_watched(
    spec: str,
    stall_timeout_s: float = STALL_TIMEOUT_S,
    freeze_timeout_s: float = FREEZE_TIMEOUT_S,
    *,
    wait: bool = False,
) -> Source:
    """Open a source for the loop: a live one in a process of its own, any other as it is.

    Args:
        spec: as `edge.sources.open_source` takes it.
        stall_timeout_s: so long without a frame, and a live source is opened again.
        freeze_timeout_s: so long the same picture, and a live source is opened again; 0 never.
        wait: wait for a live source that cannot be opened yet.

    Raises:
        WrongUseError: no such kind of source.
        SourceError: a file or folder cannot be opened.
    """
    if live_name(spec) is None:
        return open_source(spec)
    from edge.capture.captured_source import CaptureSource

    return CaptureSource(spec, wait=wait, stall_timeout_s=stall_timeout_s, freeze_timeout_s=freeze_timeout_s)
