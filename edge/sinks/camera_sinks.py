"""The sinks of one camera, where several share the sinks of a run."""

from __future__ import annotations

from collections.abc import Collection

from edge.sinks.sink_group import SinkGroup
from edge.types import FrameReport, Message


class CameraSinks:
    """Passes the messages of one camera to its sinks.

    Args:
        group: the sinks of the run.
        names: of those that this camera has.
    """

    def __init__(self, group: SinkGroup, names: Collection[str]) -> None:
        self._group, self._names = group, frozenset(names)

    def put(self, message: Message) -> None:
        """Pass on one message; see `SinkGroup.put`."""
        for worker in self._group:
            if worker.name in self._names:
                worker.put(message)

    def put_frame(self, report: FrameReport) -> None:
        """Pass on the report on one frame; see `SinkGroup.put_frame`."""
        for worker in self._group:
            if worker.name in self._names:
                worker.put_frame(report)
