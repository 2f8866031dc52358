"""The child process that feeds one target: `python -m tests.fuzz.worker NAME ...`; its parent is `worker_process`."""

import argparse
import contextlib
import faulthandler
import json
import logging
import os
import random
import resource
import sys
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

from edge.system.memory import limited_growth
from edge.system.processes import die_with_parent
from tests.costs import peak_rss_mb
from tests.fuzz.finding import save
from tests.fuzz.mutator import Mutator
from tests.fuzz.outcome import Outcome, examine
from tests.fuzz.registry import TARGETS
from tests.fuzz.shared_state import SharedState
from tests.fuzz.target import Target

#: Exit status of a worker that a memory finding has ended: its parent starts another one.
RESTART = 75
#: How much the resident set may grow beyond what the libraries need, in megabytes.
MAX_GROWTH_MB = 400
#: How much the worker may allocate in all, so that the machine survives; it is more than what counts as a finding.
_MAX_ALLOCATION_BYTES = 2 << 30


class Feeder:
    """Runs inputs one after the other, and reports what was wrong with them.

    Args:
        target: the parser.
        state: shared with the parent.
        folder: for the inputs of findings.
        report: called with the JSON of each finding.
    """

    def __init__(self, target: Target, state: SharedState, folder: Path, report: Callable[[str], None]) -> None:
        self._target, self._state, self._folder, self._report = target, state, folder, report
        self._peak_kb, self._limit_kb = _peak_kb(), 0

    def measure_memory(self) -> None:
        """Count memory from here on: the libraries are loaded."""
        self._peak_kb = _peak_kb()
        self._limit_kb = self._peak_kb + MAX_GROWTH_MB * 1000

    def feed(self, data: bytes) -> None:
        """Run one input."""
        state, before_kb = self._state, self._peak_kb
        state.begin(data, time.monotonic_ns())
        outcome = examine(self._target, data)
        state.end(time.monotonic_ns())
        self._peak_kb = _peak_kb()
        state.peak_kb = max(state.peak_kb, self._peak_kb)
        if outcome.ending == "accepted":
            state.accepted += 1
        elif outcome.ending == "rejected":
            state.rejected += 1
        if outcome.ending == "finding":
            self._found(outcome, data)
        if self._limit_kb and self._peak_kb > self._limit_kb:
            grown_mb = (self._peak_kb - before_kb) / 1000
            text = f"{self._peak_kb / 1000:.0f} MB in all, {grown_mb:.0f} MB more than before this input"
            self._found(Outcome("finding", text, "memory"), data)
            os._exit(RESTART)

    def _found(self, outcome: Outcome, data: bytes) -> None:
        self._state.findings += 1
        self._report(json.dumps(asdict(save(self._folder, self._target.name, outcome, data))))


def main(arguments: list[str] | None = None) -> None:
    """Feed a target until the time is over."""
    options = _parser().parse_args(arguments)
    die_with_parent(options.parent)
    faulthandler.enable()
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    # What mien warns of is no finding, and there would be much of it.
    logging.disable(logging.WARNING)
    target = _load(options.target, options.scratch, options.guided)
    state = SharedState(options.state)
    with options.report.open("a") as report, contextlib.closing(target), limited_growth(_MAX_ALLOCATION_BYTES):

        def write(line: str) -> None:
            report.write(line + "\n")
            report.flush()

        feeder = Feeder(target, state, options.folder, write)
        feeder.measure_memory()
        seeds = target.seeds()
        state.seeds = len(seeds)
        # After a crash, the inputs before it are not run again.
        for seed in seeds[state.inputs :]:
            feeder.feed(seed)
        first = state.inputs
        mutator = Mutator(target, seeds)
        if options.guided:
            _feed_guided(feeder, target, mutator, options, first)
        else:
            _feed_mutated(feeder, target, mutator, options, first)


def _feed_mutated(feeder: Feeder, target: Target, mutator: Mutator, options: argparse.Namespace, first: int) -> None:
    number = first
    while time.monotonic() < options.until:
        feeder.feed(mutator.fresh(random.Random(f"{options.seed} {target.name} {number}")))
        number += 1


def _feed_guided(feeder: Feeder, target: Target, mutator: Mutator, options: argparse.Namespace, first: int) -> None:
    """Have libFuzzer choose inputs by the code that they reach. It never returns."""
    import atheris

    def run(data: bytes) -> None:
        if time.monotonic() > options.until:
            target.close()
            # libFuzzer would not let go otherwise.
            os._exit(0)
        feeder.feed(data)

    def mutate(data: bytes, max_size: int, seed: int) -> bytes:
        choice = random.Random(seed)
        if choice.random() < 0.4:
            return target.repair(atheris.Mutate(data, max_size), choice)[:max_size]
        return mutator.mutate(data, choice)[:max_size]

    corpus = options.scratch.with_name(f"{options.scratch.name}-corpus")
    corpus.mkdir(exist_ok=True)
    # What has crashed a worker would crash the next one, too.
    found = {path.read_bytes() for path in (options.folder / target.name).glob("*.input")}
    for number, seed in enumerate(target.seeds()):
        if seed not in found:
            (corpus / f"seed-{number}").write_bytes(seed)
    # Signals are left to the parent, and so are limits of time and memory.
    signals = [
        f"-handle_{name}=0" for name in ("abrt", "bus", "fpe", "ill", "int", "segv", "term", "xfsz", "usr1", "usr2")
    ]
    limits = [
        f"-max_len={target.max_bytes}",
        "-rss_limit_mb=0",
        "-malloc_limit_mb=0",
        "-timeout=1000000",
        "-detect_leaks=0",
    ]
    seed = (options.seed * 1000 + first) % (1 << 31) + 1
    atheris.Setup(
        [
            "fuzz",
            f"-seed={seed}",
            f"-artifact_prefix={options.scratch}/",
            "-verbosity=0",
            "-len_control=0",
            *limits,
            *signals,
            str(corpus),
        ],
        run,
        custom_mutator=mutate,
    )
    atheris.Fuzz()


def _load(name: str, scratch: Path, guided: bool) -> Target:
    if not guided:
        return TARGETS[name].load()(scratch)
    import atheris

    with atheris.instrument_imports(include=list(TARGETS[name].instrumented)):
        return TARGETS[name].load()(scratch)


def _peak_kb() -> int:
    # Not from getrusage: there the peak of the process that started this one counts as well.
    return round(peak_rss_mb() * 1000)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="tests.fuzz.worker")
    parser.add_argument("target", choices=TARGETS)
    parser.add_argument("--guided", action="store_true", help="by atheris")
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--until", type=float, required=True, help="monotonic time of the end, in seconds")
    parser.add_argument("--parent", type=int, required=True, help="process id")
    for name in ("state", "folder", "report", "scratch"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    return parser


if __name__ == "__main__":
    sys.exit(main())
