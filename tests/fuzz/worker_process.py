"""The parent's side of a worker: starts it, notices that it hangs or has crashed, and starts it again."""

import json
import os
import subprocess
import time
from pathlib import Path

from edge.system.processes import describe_exit, python_command, python_environment
from tests.fuzz.finding import Finding, save
from tests.fuzz.outcome import Outcome
from tests.fuzz.registry import TARGETS
from tests.fuzz.shared_state import SharedState
from tests.fuzz.worker import RESTART

_START_LIMIT_S = 120.0
#: How much of the time between two polls counts at most: a machine that sleeps, or a user who stops everything for a
#: while, makes no input slow.
_LONGEST_POLL_S = 1.0
#: A target whose worker has ended this often is left alone: the same input would end the next one.
MAX_RESTARTS = 20


class WorkerProcess:
    """Feeds one target for some time.

    Args:
        name: of the target.
        seconds: how long.
        seed: of the mutations.
        guided: whether atheris chooses inputs.
        folder: for the inputs of findings.
        scratch: an empty folder.

    Attributes:
        name, guided: as given.
        state: the counters.
        restarts: how often the worker had to be started again.
        problem: why the target could not be fed; empty otherwise.
    """

    def __init__(self, name: str, seconds: float, seed: int, guided: bool, folder: Path, scratch: Path) -> None:
        self.name, self.guided, self.restarts, self.problem = name, guided, 0, ""
        self._seed, self._folder, self._scratch = seed, folder, scratch
        self._until_s = time.monotonic() + seconds
        self._limit_s = TARGETS[name].limit_s
        self._report = scratch / "findings.jsonl"
        self._own: list[Finding] = []
        self._polled_s, self._watched, self._spent_s, self._hangs = time.monotonic(), 0, 0.0, False
        self.state = SharedState.create(scratch / "state")
        self._start()

    def poll(self) -> bool:
        """Return whether the worker is still running, after starting it again where it has to be."""
        status = self._process.poll()
        if status is None:
            self._kill_if_it_hangs()
            return True
        if status == 0:
            return False
        if status != RESTART:
            self._note_the_end(status)
        is_over = time.monotonic() > self._until_s and self.state.inputs >= self.state.seeds
        if self.problem or is_over or self.restarts >= MAX_RESTARTS:
            return False
        self.restarts += 1
        self._start()
        return True

    def stop(self) -> None:
        """End the worker."""
        self._process.kill()
        self._process.wait()

    def findings(self) -> list[Finding]:
        """What was found, each mistake once."""
        lines = self._report.read_text("utf-8").splitlines() if self._report.exists() else []
        found = [*(Finding(**json.loads(line)) for line in lines), *self._own]
        return list({finding.file: finding for finding in found}.values())

    def _start(self) -> None:
        folder = self._scratch / f"target-{self.restarts}"
        folder.mkdir()
        self._log = self._scratch / f"log-{self.restarts}"
        files = ("--state", self.state.path, "--folder", self._folder, "--report", self._report, "--scratch", folder)
        times = ("--seed", self._seed, "--until", self._until_s, "--parent", os.getpid())
        command = python_command("tests.fuzz.worker", self.name, *files, *times, *(["--guided"] if self.guided else []))
        self._started_s = time.monotonic()
        with self._log.open("wb") as log:
            # Ctrl-C is for the parent, which then ends its workers.
            self._process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
                env=python_environment(TMPDIR=str(folder), MIEN_CACHE=str(folder / "cache")),
            )  # fmt: skip

    def _kill_if_it_hangs(self) -> None:
        now_s = time.monotonic()
        passed_s, self._polled_s = min(now_s - self._polled_s, _LONGEST_POLL_S), now_s
        if self.state.begun_ns and self._watched == self.state.inputs:
            self._spent_s += passed_s
        else:
            self._watched, self._spent_s = self.state.inputs, 0.0
        self._hangs = self._spent_s > self._limit_s
        if self._hangs:
            self.stop()
        elif not self.state.inputs and now_s - self._started_s > _START_LIMIT_S:
            self.problem = "its worker does not start"
            self.stop()

    def _note_the_end(self, status: int) -> None:
        output = self._log.read_bytes()
        if not self.state.begun_ns:
            # Not while an input was run: the worker itself does not work.
            self.problem = describe_exit(status, output)
            return
        text = f"more than {self._limit_s:.0f} s" if self._hangs else describe_exit(status, output)
        kind = "hang" if self._hangs else "crash"
        self.state.begun_ns, self._spent_s, self._hangs = 0, 0.0, False
        self.state.findings += 1
        trace = output[-8000:].decode("utf-8", "replace")
        outcome = Outcome("finding", text, kind, text, trace)
        self._own.append(save(self._folder, self.name, outcome, self.state.input()))
