"""Signals, and how a run reacts to them."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import TYPE_CHECKING, Any

import click

from edge.system.operating_system import signals

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

    Ctrl-C and SIGTERM end the run after the current frame; a second one does not wait for it. Before the run is open,
    they end it at once, SIGTERM with status 0. SIGUSR1 prints the report after the current frame, at most once a
    second. SIGHUP reads the configuration again, where there is one; otherwise it ends the run, unless it was ignored
    before (`nohup`). Windows has neither of the two; there Ctrl-Break ends the run as well.

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
        handlers: Handlers = dict.fromkeys(signals("SIGINT", "SIGTERM", "SIGBREAK").values(), self._end)
        special = signals("SIGUSR1", "SIGHUP")
        self._report_signal, self._reload_signal = special.get("SIGUSR1"), special.get("SIGHUP")
        if self._report_signal is not None:
            handlers[self._report_signal] = request
        hangup = self._reload_signal
        if hangup is not None and (reloads or signal.getsignal(hangup) is not signal.SIG_IGN):
            handlers[hangup] = request if reloads else self._end
        self.handlers = handlers

    def take_reload(self) -> bool:
        """Return whether SIGHUP has asked for a reload since the last call."""
        return self._take(self._reload_signal)

    def print_requested_report(self) -> None:
        """Print the report if SIGUSR1 has asked for it; called after each step of the loop."""
        now_s = time.monotonic()
        is_due = now_s - self._reported_s >= REPORT_INTERVAL_S
        if self.daemon is not None and is_due and self._take(self._report_signal):
            self._reported_s = now_s
            click.echo(self.daemon.report().as_text(), err=True)

    def _take(self, number: signal.Signals | None) -> bool:
        if number is None or number not in self._requests:
            return False
        del self._requests[number]
        return True

    def _end(self, number: int, _: FrameType | None) -> None:
        if self.daemon is None:
            # systemd takes the status of Ctrl-C for a failure, and it stops a service that is still starting too.
            raise SystemExit(0) if number == signal.SIGTERM else KeyboardInterrupt
        self.daemon.stop()
        signal.signal(number, signal.default_int_handler)
