"""Signals, and how a run reacts to them."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from edge.service.daemon import Daemon


#: The report is printed at most once in this time, however many signals ask for it.
REPORT_INTERVAL_S = 1.0

Handlers = dict[signal.Signals, Callable[[int, FrameType | None], Any]]

#: For long measurements: Ctrl-C and SIGTERM end them even if the process that started them ignores both.
INTERRUPT: Handlers = dict.fromkeys((signal.SIGINT, signal.SIGTERM), signal.default_int_handler)


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
    report after the current frame, at most once a second. SIGHUP reads the configuration again, where there is one;
    otherwise it ends the run, unless it was ignored before (`nohup`).

    Args:
        reloads: whether there is a configuration that can be read again.

    Attributes:
        daemon: the run that they control; None until it is open.
        handlers: the signal handlers, to be installed by `handling`.
    """

    def __init__(self, reloads: bool) -> None:
        self.daemon: Daemon | None = None
        self._requests: dict[int, FrameType | None] = {}
        self._reported_s = -REPORT_INTERVAL_S
        # A method of a built-in type: while a handler that is written in Python runs, Python calls the handlers of
        # further signals, and a flood of them would end in a RecursionError.
        request = self._requests.__setitem__
        handlers: Handlers = {signal.SIGINT: self._end, signal.SIGTERM: self._end, signal.SIGUSR1: request}
        if reloads or signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
            handlers[signal.SIGHUP] = request if reloads else self._end
        self.handlers = handlers

    def take_reload(self) -> bool:
        """Return whether SIGHUP has asked for a reload since the last call."""
        return self._take(signal.SIGHUP)

    def print_requested_report(self) -> None:
        """Print the report if SIGUSR1 has asked for it; called after each step of the loop."""
        now_s = time.monotonic()
        if self.daemon is not None and now_s - self._reported_s >= REPORT_INTERVAL_S and self._take(signal.SIGUSR1):
            self._reported_s = now_s
            click.echo(self.daemon.report().as_text(), err=True)

    def _take(self, number: signal.Signals) -> bool:
        is_requested = number in self._requests
        if is_requested:
            del self._requests[number]
        return is_requested

    def _end(self, number: int, _: FrameType | None) -> None:
        if self.daemon is None:
            raise KeyboardInterrupt
        self.daemon.stop()
        signal.signal(number, signal.default_int_handler)
