"""Waiting for a frame from any of several sources."""

from __future__ import annotations

import select
import sys
import time
from collections.abc import Iterable

from edge.sources.base import Source

#: How often a source without file descriptors is asked.
_ASK_S = 0.01


def wait_for_frames(sources: Iterable[Source], timeout_s: float) -> None:
    """Wait until one of the sources may have a frame or a message, or until the time is over.

    Args:
        sources: their iterators have yielded None.
        timeout_s: in seconds.
    """
    descriptors = [source.descriptors for source in sources]
    if sys.platform == "win32" or None in descriptors:
        time.sleep(min(timeout_s, _ASK_S))
        return
    poll = select.poll()
    for descriptor in (number for numbers in descriptors for number in numbers or ()):
        poll.register(descriptor, select.POLLIN)
    poll.poll(timeout_s * 1000)
