"""A campaign: every target gets its share of the time, two of them at once."""

import sys
import time
from collections.abc import Callable
from pathlib import Path

from tests.fuzz.finding import Finding
from tests.fuzz.registry import TARGETS
from tests.fuzz.worker_process import WorkerProcess

#: How many targets are fed at once: a worker keeps one core busy.
WORKERS = 2
_POLL_S, _REPORT_S = 0.1, 30.0


def is_guided(name: str) -> bool:
    """Whether atheris chooses the inputs of a target: it is installed, and sees the parser's code."""
    if not TARGETS[name].instrumented:
        return False
    try:
        import atheris  # noqa: F401
    except ImportError:
        return False
    return True


class Campaign:
    """Feeds targets.

    Args:
        names: of the targets.
        minutes: how long, in all.
        seed: of the mutations.
        folder: for the inputs of findings.
        scratch: an empty folder, in memory where there is one.
        report: called with lines about the progress.

    Attributes:
        done: the workers that were started, in that order.
    """

    def __init__(
        self, names: list[str], minutes: float, seed: int, folder: Path, scratch: Path, report: Callable[[str], None]
    ) -> None:
        self.done: list[WorkerProcess] = []
        self._seed, self._folder, self._scratch, self._report = seed, folder, scratch, report
        shares = sum(TARGETS[name].share for name in names)
        workers = min(WORKERS, len(names))
        seconds = {name: 60 * minutes * workers * TARGETS[name].share / shares for name in names}
        # The longest first, so that both workers end at about the same time.
        self._waiting = sorted(seconds.items(), key=lambda pair: -pair[1])
        self._running: list[WorkerProcess] = []
        self._reported_s = time.monotonic()

    def run(self) -> None:
        """Feed all targets. Ctrl-C ends the workers; `done` then has what there is."""
        try:
            while self._waiting or self._running:
                while self._waiting and len(self._running) < WORKERS:
                    self._start(*self._waiting.pop(0))
                time.sleep(_POLL_S)
                for worker in list(self._running):
                    if not worker.poll():
                        self._running.remove(worker)
                        self._report(_line(worker))
                if time.monotonic() - self._reported_s > _REPORT_S:
                    self._reported_s = time.monotonic()
                    for worker in self._running:
                        self._report(f"{_line(worker)} so far")
        finally:
            for worker in self._running:
                worker.stop()

    def findings(self) -> list[Finding]:
        """What was found."""
        return [finding for worker in self.done for finding in worker.findings()]

    def _start(self, name: str, seconds: float) -> None:
        scratch = self._scratch / name
        scratch.mkdir()
        worker = WorkerProcess(name, seconds, self._seed, is_guided(name), self._folder, scratch)
        self.done.append(worker)
        self._running.append(worker)


def _line(worker: WorkerProcess) -> str:
    state = worker.state
    problem = f": {worker.problem}" if worker.problem else ""
    return f"{worker.name}: {state.inputs:,} inputs, {state.findings} findings{problem}"


def print_line(line: str) -> None:
    """Print a line on standard error."""
    print(line, file=sys.stderr, flush=True)
