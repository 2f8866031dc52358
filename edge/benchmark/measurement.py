"""A benchmark from its models and faces to its results."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from edge.benchmark.accuracy import Accuracy, measure_accuracy
from edge.benchmark.candidate import Candidate
from edge.benchmark.peak_throughput import SIZES
from edge.benchmark.rounds import LatencySummary, Rounds, TimedWorkload, crops_to_scores, invokes
from edge.benchmark.worker_process import WorkerError, WorkerProcess
from edge.datasets.reader import Faces
from edge.errors import MienError, ModelError
from edge.system.energy import Meter

#: Seconds of invokes without a break, over which energy is read.
ENERGY_S = 3.0

#: Called with (what is being done, done, total).
Progress = Callable[[str, int, int], None]


@dataclass
class Speed:
    """One model with one number of threads.

    Attributes:
        invoke: the network alone.
        crop_to_scores: from a frame and a box in it to probabilities, as `mien run` does it.
        load_ms: until the interpreter is there and has its tensors.
        first_invoke_ms: the first one.
        peak_rss_mb: of a process that holds nothing else.
        empty_rss_mb: of that process before it held the model.
        peak_macs_per_s: of a large int8 matrix product through the same runtime; None where it could not be measured.
        joules_per_face: None where the board does not tell.
        rounds_run: rounds of bursts.
        rounds_disturbed: those in which something else had the machine.
        rounds_counted: those that the latencies are taken from: the undisturbed ones, or all where these are too few.
    """

    threads: int
    invoke: LatencySummary | None = None
    crop_to_scores: LatencySummary | None = None
    load_ms: float | None = None
    first_invoke_ms: float | None = None
    peak_rss_mb: float | None = None
    empty_rss_mb: float | None = None
    peak_macs_per_s: float | None = None
    joules_per_face: float | None = None
    rounds_run: int = 0
    rounds_disturbed: int = 0
    rounds_counted: int = 0


@dataclass
class ModelResult:
    """One model: what is known of it so far.

    Attributes:
        facts: what its process said when it loaded it.
        error: why there are no figures, or no more; empty where all went well.
        operations: what each operation adds to an invoke; None where that was not asked.
    """

    candidate: Candidate
    facts: dict[str, Any] = field(default_factory=dict)
    accuracy: Accuracy | None = None
    speeds: list[Speed] = field(default_factory=list)
    operations: list[dict[str, Any]] | None = None
    error: str = ""


@dataclass(frozen=True)
class Plan:
    """What to measure.

    Attributes:
        threads: numbers of threads, one pass each; the first is the one that accuracy and memory are measured with.
        rounds: bursts of each model.
        seed: of the order within a round.
        operations: whether to tell operations apart.
        meter: of energy; None where the board has none.
    """

    threads: Sequence[int] = (1,)
    rounds: int = 50
    seed: int = 0
    operations: bool = False
    meter: Meter | None = None


def measure(measured: list[ModelResult], faces: Faces, plan: Plan, progress: Progress) -> None:
    """Fill in what is measured, model by model; Ctrl-C leaves what has been measured until then.

    Args:
        measured: one a candidate, changed in place.
        faces: what accuracy is measured on.
        plan: what to do.
        progress: told how far it is.

    Raises:
        ModelError: a model answers other classes than the data has.
    """
    with tempfile.TemporaryDirectory(prefix="mien-benchmark-") as folder:
        images = Path(folder) / "faces.npy"
        np.save(images, np.asarray(faces.images))
        for n, threads in enumerate(plan.threads):
            with _children(measured, threads, progress) as children:
                if n == 0:
                    for model, child in children:
                        _score(model, child, faces, images, Path(folder), progress)
                _time(children, threads, str(images), plan, progress)
                if n == 0 and plan.operations:
                    for model, child in children:
                        progress(f"operations of {model.candidate.name}", 0, 1)
                        with _its_own(model):
                            answer = child.ask("operations", threads=threads, rounds=plan.rounds)
                            model.operations = answer["operations"]


@contextmanager
def _children(
    measured: list[ModelResult], threads: int, progress: Progress
) -> Iterator[list[tuple[ModelResult, WorkerProcess]]]:
    """A process for each model that has not failed, with the model in it."""
    with ExitStack() as stack:
        children = []
        for i, model in enumerate(measured):
            if model.error:
                continue
            progress(f"loading, {threads} thread{'s' * (threads > 1)}", i, len(measured))
            with _its_own(model):
                child = stack.enter_context(WorkerProcess(threads))
                facts = child.ask("load", path=str(model.candidate.path), threads=threads)
                if not model.facts:
                    model.facts = facts
                model.speeds.append(
                    Speed(
                        threads,
                        load_ms=facts["load_ms"],
                        first_invoke_ms=facts["first_invoke_ms"],
                        empty_rss_mb=child.empty_rss_mb,
                    )
                )
                children.append((model, child))
        yield children


def _score(
    model: ModelResult, child: WorkerProcess, faces: Faces, images: Path, folder: Path, progress: Progress
) -> None:
    labels = tuple(model.facts["labels"]) or faces.labels
    foreign = [label for label in faces.labels if label not in labels]
    if foreign:
        raise ModelError(
            f"{model.candidate.name} answers {', '.join(labels)}; the data also has {', '.join(foreign)}: leave the "
            "model out, or give data of its classes"
        )
    answers = folder / "answers.npy"
    name = f"scoring {model.candidate.name}"
    progress(name, 0, len(faces))
    with _its_own(model):
        child.ask(
            "probabilities", lambda done, total: progress(name, done, total), faces=str(images), answers=str(answers)
        )
        probabilities = np.load(answers)
        if probabilities.shape[1] != len(labels):
            raise ModelError(f"it answers {probabilities.shape[1]} classes, the data has {len(labels)}")
        class_ids = np.array([labels.index(label) for label in faces.labels], np.int64)[faces.class_ids]
        model.accuracy = measure_accuracy(probabilities, class_ids, labels)


def _time(
    children: list[tuple[ModelResult, WorkerProcess]], threads: int, images: str, plan: Plan, progress: Progress
) -> None:
    """Rounds over the bare network and over the whole way of every model, and over the peak, all interleaved."""
    alive = [(model, child) for model, child in children if not model.error]
    bare = [TimedWorkload(model.candidate.name, invokes(child)) for model, child in alive]
    whole = [TimedWorkload(model.candidate.name, crops_to_scores(child, images)) for model, child in alive]
    with ExitStack() as stack:
        peaks = _peaks(stack, threads)
        # One thread: a second one's waking would disturb it.
        reference = (_peaks(stack, 1) if threads > 1 else peaks)[:1] or [
            TimedWorkload("none", lambda n: [], error="none")
        ]
        rounds = Rounds([*bare, *whole, *peaks], reference[0], plan.rounds)
        try:
            name = f"timing, {threads} thread{'s' * (threads > 1)}"
            rounds.run(plan.seed, lambda done, total: progress(name, done, total))
        finally:
            peak = _peak_macs_per_s(peaks, rounds)
            for (model, _), alone, way in zip(alive, bare, whole, strict=True):
                speed = model.speeds[-1]
                speed.invoke, speed.crop_to_scores = rounds.summary(alone), rounds.summary(way)
                speed.peak_macs_per_s = peak
                speed.rounds_run, speed.rounds_counted = rounds.run_so_far, len(rounds.counted())
                speed.rounds_disturbed = rounds.run_so_far - len(rounds.undisturbed())
                model.error = alone.error or way.error
    for model, child in alive:
        if model.error:
            continue
        with _its_own(model):
            # Before the long run below: that is not what a device does.
            model.speeds[-1].peak_rss_mb = child.ask("memory")["peak_rss_mb"]
            if plan.meter is not None:
                progress(f"energy of {model.candidate.name}", 0, 1)
                plan.meter.start()
                faces = child.ask("busy", seconds=ENERGY_S)["n"]
                model.speeds[-1].joules_per_face = plan.meter.stop() / faces


def _peaks(stack: ExitStack, threads: int) -> list[TimedWorkload]:
    """The matrix products that the peak is read from; none where the runtime cannot build them."""
    try:
        child = stack.enter_context(WorkerProcess(threads))
        child.ask("load_peak", threads=threads)
    except MienError:
        return []
    return [TimedWorkload("the peak", invokes(child, which)) for which in range(len(SIZES))]


def _peak_macs_per_s(peaks: list[TimedWorkload], rounds: Rounds) -> float | None:
    rates = []
    for size, timed in zip(SIZES, peaks, strict=False):
        latency = rounds.summary(timed)
        if latency is not None:
            rates.append(float(np.prod(size, dtype=np.int64)) / latency.p50_ms.value * 1000)
    return max(rates, default=None)


@contextmanager
def _its_own(model: ModelResult) -> Iterator[None]:
    """What fails in one model's process is that model's alone."""
    try:
        yield
    except (WorkerError, ModelError) as error:
        model.error = str(error)


def disturbed_warnings(measured: Sequence[ModelResult]) -> list[str]:
    """Why the latencies should not be trusted: the machine was never left alone for long enough."""
    return sorted(
        {
            f"something else had the machine in {speed.rounds_disturbed} of {speed.rounds_run} rounds, "
            f"{speed.threads} thread{'s' * (speed.threads > 1)}: run again"
            for model in measured
            for speed in model.speeds
            if speed.rounds_disturbed and speed.rounds_counted == speed.rounds_run
        }
    )
