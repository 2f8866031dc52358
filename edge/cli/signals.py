"""Signals, and how a run reacts to them."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from edge.service.daemon import Daemon


Handlers = dict[signal.Signals, Callable[[int, FrameType | None], Any]]


@contextmanager
def handling(handlers: Handlers) -> Iterator[None]:
    """Install signal handlers for the duration of the block."""
    before = {number: signal.signal(number, handler) for number, handler in handlers.items()}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


class Signals:
    """The signals of a run, from before the camera is opened until the report is written.

    Ctrl-C and SIGTERM end the run after the current frame; a second one does not wait for it. SIGUSR1 prints the
    report. SIGHUP reads the configuration again, where there is one; otherwise it ends the run, unless it was ignored
    before (`nohup`).

    Args:
        reloads: whether there is a configuration that can be read again.

    Attributes:
        daemon: the run that they control; None until it is open.
        reload: SIGHUP has arrived; to be reset after the reload.
        handlers: the signal handlers, to be installed by `handling`.
    """

    def __init__(self, reloads: bool) -> None:
        self.daemon: Daemon | None = None
        self.reload = False
        handlers: Handlers = {
            signal.SIGINT: self._end,
            signal.SIGTERM: self._end,
            signal.SIGUSR1: self._print_report,
        }
        if reloads or signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
            handlers[signal.SIGHUP] = self._request_reload if reloads else self._end
        self.handlers = handlers

    def _end(self, number: int, _: FrameType | None) -> None:
        if self.daemon is None:
            raise KeyboardInterrupt
        self.daemon.pipeline.stop()
        signal.signal(number, signal.default_int_handler)

    def _request_reload(self, _: int, __: FrameType | None) -> None:
        self.reload = True

    def _print_report(self, _: int, __: FrameType | None) -> None:
        if self.daemon is not None:
            click.echo(self.daemon.report().as_text(), err=True)
