"""The daemon: runs the loop with what its settings name, and exchanges at a reload what other settings change."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import replace
from types import TracebackType
from typing import Self

from edge.errors import SinkError, first_line
from edge.pipeline import PipelineGroup, RunReport
from edge.service.resources import Resources
from edge.service.settings import RunSettings
from edge.system.memory import give_back_memory
from edge.types import Frame

logger = logging.getLogger(__name__)


class Daemon:
    """A run and everything that it holds open; a context manager.

    Args:
        settings: to begin with.

    Attributes:
        pipelines: the loop, over all cameras.

    Raises:
        MienError: something that the settings name cannot be opened.
    """

    def __init__(self, settings: RunSettings) -> None:
        self._settings = settings
        self._resources = Resources()
        try:
            self.pipelines = PipelineGroup(self._resources.open(settings))
        except BaseException:
            self._resources.close()
            raise

    @property
    def total(self) -> int | None:
        """Number of frames that the run will have, where it is known."""
        counts = [n for n in (self._source_total, self._settings.max_frames) if n is not None]
        return min(counts) if counts else None

    def steps(self) -> Iterator[Frame | None]:
        """Run step by step, see `edge.pipeline.PipelineGroup.steps`; end when nobody reads standard output any more."""
        for frame in self.pipelines.steps(self._settings.max_frames):
            if self._resources.sinks.reader_gone:
                self.stop()
            yield frame

    def stop(self) -> None:
        """End the run after the current frame; a reload that is waiting for another source gives it up."""
        self._resources.is_ending = True
        self.pipelines.stop()

    def report(self) -> RunReport:
        """Return what has happened so far, including the counts of the sinks."""
        return replace(self.pipelines.report(), sinks=self._resources.sink_counts)

    def sink_states(self) -> list[tuple[str, str]]:
        """Return the name of each sink, and how it is doing: how many messages are delivered, or why it fails."""
        states = []
        for worker in self._resources.sinks:
            error = worker.last_error
            states.append((worker.name, f"failing: {error}" if error else f"{worker.counts.delivered} delivered"))
        return states

    @property
    def preview_url(self) -> str:
        """The address of the preview's page, without the token; empty without a preview."""
        return self._resources.preview_url

    def change(self, settings: RunSettings) -> None:
        """Continue with other settings; where they cannot be opened, with the old ones.

        Raises:
            MienError: the old ones cannot be opened any more either.
        """
        self.pipelines.end_tracks()
        try:
            components = self._resources.open(settings)
        # Whatever is wrong with it: the configuration is somebody's text, and the run goes on without it.
        except Exception as error:
            logger.error("the new configuration is rejected, the old one stays: %s", first_line(error))
            self.pipelines.change(self._resources.open_again(self._settings))
        else:
            self._settings = settings
            self.pipelines.change(components)
            logger.info("the configuration was read again")
        # Without it, every exchange of networks leaves 15 MB of freed memory with the process.
        give_back_memory()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Have the sinks deliver what is queued, for 4.5 s at most, and close everything.

        Raises:
            BrokenPipeError: nobody reads standard output any more.
            SinkError: events of a clip or a folder could not be written.
        """
        block_when_full, sinks = self._source_total is not None, self._resources.sinks
        # Beside the rest, so that all of it ends within 5 s.
        self._resources.start_closing()
        self._resources.close()
        if kind is not None:
            return
        if sinks.reader_gone:
            raise BrokenPipeError
        if sinks.undelivered and block_when_full:
            raise SinkError(f"{sinks.undelivered} events could not be written; see above")

    @property
    def _source_total(self) -> int | None:
        totals = [source.total for source in self._resources.sources]
        return sum(filter(None, totals)) if totals and None not in totals else None
