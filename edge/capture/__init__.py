"""Live sources in a process of their own, and what watches over it.

`child.py` is the process: it opens the camera and puts each frame into `memory.py`, three slots that both sides
see. `process.py` is that process as its parent sees it; `source.py` takes the newest frame, and opens again, or
kills, what has come to a stand.
"""

from __future__ import annotations

from edge.sources import Source, live_name, open_source


def open_watched(
    spec: str, *, wait: bool = False, stall_timeout_s: float | None = None, freeze_timeout_s: float | None = None
) -> Source:
    """Open a source for the loop: a live one in a process of its own, any other as it is.

    Args:
        spec: as `edge.sources.open_source` takes it.
        wait: wait for a live source that cannot be opened yet.
        stall_timeout_s: so long without a frame, and the source is opened again; None for the default.
        freeze_timeout_s: so long the same picture, and the source is opened again; 0 never, None for the default.

    Raises:
        WrongUseError: no such kind of source.
        SourceError: a file or folder cannot be opened.
    """
    if live_name(spec) is None:
        return open_source(spec)
    from edge.capture.source import FREEZE_TIMEOUT_S, STALL_TIMEOUT_S, CaptureSource

    return CaptureSource(
        spec,
        wait=wait,
        stall_timeout_s=STALL_TIMEOUT_S if stall_timeout_s is None else stall_timeout_s,
        freeze_timeout_s=FREEZE_TIMEOUT_S if freeze_timeout_s is None else freeze_timeout_s,
    )
