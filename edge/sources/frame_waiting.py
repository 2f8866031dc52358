"""Waiting for a frame from any of several sources."""

from __future__ import annotations

import select
from collections.abc import Iterable

from edge.sources.base import Source


def wait_for_frames(sources: Iterable[Source], timeout_s: float) -> None:
    """Wait until one of the sources may have a frame or a message, or until the time is over.

    Args:
        sources: their iterators have yielded None.
        timeout_s: in seconds.
    """
    poll = select.poll()
    for source in sources:
        for descriptor in source.descriptors:
            poll.register(descriptor, select.POLLIN)
    poll.poll(timeout_s * 1000)
