"""The passes of a benchmark, one for each number of threads: accuracy, latency, memory, energy, operations."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from edge.benchmark.accuracy import measure_accuracy
from edge.benchmark.model_result import ModelResult, Speed
from edge.benchmark.peak_throughput import SIZES
from edge.benchmark.rounds import Rounds, TimedWorkload, crop_to_scores_bursts, invoke_bursts
from edge.benchmark.worker_process import WorkerError, WorkerProcess
from edge.datasets import Faces
from edge.errors import MienError, ModelError
from edge.inference.pixel_mapping import AS_PIXELS, PixelMapping
from edge.system.energy import Meter

#: Seconds of uninterrupted invokes over which energy is measured.
ENERGY_S = 3.0

#: Called with what is being done, and the number of finished and of all steps.
Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Plan:
    """What to measure.

    Attributes:
        threads: numbers of threads, one pass for each; accuracy and operations are measured in the first pass.
        rounds: number of bursts of each model.
        seed: of the order of the models within a round.
        operations: whether to time each operation.
        meter: measures energy; None if the machine has no energy counter.
        mapping: how pixels become the values that models of Keras' formats were trained on.
    """

    threads: Sequence[int] = (1,)
    rounds: int = 50
    seed: int = 0
    operations: bool = False
    meter: Meter | None = None
    mapping: PixelMapping = AS_PIXELS


def run_passes(models: list[ModelResult], faces: Faces, plan: Plan, progress: Progress) -> None:
    """Measure all models. If it is interrupted, the models hold what was measured until then.

    Args:
        models: the models, changed in place.
        faces: what accuracy is measured on.
        plan: what to measure.
        progress: called with the current task, and its finished and all steps.

    Raises:
        ModelError: the data has classes that a model does not have.
    """
    with tempfile.TemporaryDirectory(prefix="mien-benchmark-") as folder:
        images = Path(folder) / "faces.npy"
        np.save(images, np.asarray(faces.images))
        for n, threads in enumerate(plan.threads):
            with _workers(models, threads, plan.mapping, progress) as workers:
                if n == 0:
                    for model, worker in workers:
                        _score(model, worker, faces, images, Path(folder), progress)
                _time(workers, threads, str(images), plan, progress)
                if n == 0 and plan.operations:
                    for model, worker in workers:
                        progress(f"operations of {model.candidate.name}", 0, 1)
                        with _recorded_errors(model):
                            answer = worker.ask("operations", threads=threads, rounds=plan.rounds)
                            model.operations = answer["operations"]


@contextmanager
def _workers(
    models: list[ModelResult], threads: int, mapping: PixelMapping, progress: Progress
) -> Iterator[list[tuple[ModelResult, WorkerProcess]]]:
    """Start a process for each model that has not failed, and load the model in it."""
    with ExitStack() as stack:
        workers = []
        for i, model in enumerate(models):
            if model.error:
                continue
            progress(f"loading, {threads} thread{'s' * (threads > 1)}", i, len(models))
            with _recorded_errors(model):
                worker = stack.enter_context(WorkerProcess(threads))
                facts = worker.ask("load", path=str(model.candidate.path), threads=threads, mapping=asdict(mapping))
                if not model.facts:
                    model.facts = facts
                model.speeds.append(
                    Speed(
                        threads,
                        load_ms=facts["load_ms"],
                        first_invoke_ms=facts["first_invoke_ms"],
                        empty_rss_mb=worker.empty_rss_mb,
                    )
                )
                workers.append((model, worker))
        yield workers


def _score(
    model: ModelResult, worker: WorkerProcess, faces: Faces, images: Path, folder: Path, progress: Progress
) -> None:
    labels = tuple(model.facts["labels"]) or faces.labels
    unknown = [label for label in faces.labels if label not in labels]
    if unknown:
        raise ModelError(
            f"{model.candidate.name} has the classes {', '.join(labels)}; the data also has {', '.join(unknown)}: "
            "leave the model out, or give data of its classes"
        )
    output = folder / "probabilities.npy"
    task = f"scoring {model.candidate.name}"
    progress(task, 0, len(faces))
    with _recorded_errors(model):
        worker.ask(
            "probabilities", lambda done, total: progress(task, done, total), faces=str(images), output=str(output)
        )
        probabilities = np.load(output)
        if probabilities.shape[1] != len(labels):
            raise ModelError(f"it has {probabilities.shape[1]} classes, the data has {len(labels)}")
        class_ids = np.array([labels.index(label) for label in faces.labels], np.int64)[faces.class_ids]
        model.accuracy = measure_accuracy(probabilities, class_ids, labels)


def _time(
    workers: list[tuple[ModelResult, WorkerProcess]], threads: int, images: str, plan: Plan, progress: Progress
) -> None:
    """Run interleaved rounds over the network alone and crop-to-scores of every model, and over the peak."""
    running = [(model, worker) for model, worker in workers if not model.error]
    invokes = [TimedWorkload(model.candidate.name, invoke_bursts(worker)) for model, worker in running]
    crops = [TimedWorkload(model.candidate.name, crop_to_scores_bursts(worker, images)) for model, worker in running]
    with ExitStack() as stack:
        peaks = _peaks(stack, threads)
        # The reference has one thread: waking up a second one would make it vary.
        references = _peaks(stack, 1) if threads > 1 else peaks
        reference = references[0] if references else TimedWorkload("none", lambda n: [], error="none")
        rounds = Rounds([*invokes, *crops, *peaks], reference, plan.rounds)
        try:
            task = f"timing, {threads} thread{'s' * (threads > 1)}"
            rounds.run(plan.seed, lambda done, total: progress(task, done, total))
        finally:
            peak = _peak_macs_per_s(peaks, rounds)
            for (model, _), invoke, crop in zip(running, invokes, crops, strict=True):
                speed = model.speeds[-1]
                speed.invoke, speed.crop_to_scores = rounds.summary(invoke), rounds.summary(crop)
                speed.peak_macs_per_s = peak
                speed.rounds_run, speed.rounds_counted = rounds.finished, len(rounds.counted())
                speed.rounds_disturbed = rounds.finished - len(rounds.undisturbed())
                model.error = invoke.error or crop.error
    for model, worker in running:
        if model.error:
            continue
        with _recorded_errors(model):
            # Before the uninterrupted invokes below, which a device does not do.
            model.speeds[-1].peak_rss_mb = worker.ask("memory")["peak_rss_mb"]
            if plan.meter is not None:
                progress(f"energy of {model.candidate.name}", 0, 1)
                plan.meter.start()
                faces = worker.ask("invoke_for", seconds=ENERGY_S)["n"]
                model.speeds[-1].joules_per_face = plan.meter.stop() / faces


def _peaks(stack: ExitStack, threads: int) -> list[TimedWorkload]:
    """Return the matrix products that measure the peak; an empty list if the runtime cannot build them."""
    try:
        worker = stack.enter_context(WorkerProcess(threads))
        worker.ask("load_peak", threads=threads)
    except MienError:
        return []
    return [TimedWorkload("the peak", invoke_bursts(worker, which)) for which in range(len(SIZES))]


def _peak_macs_per_s(peaks: list[TimedWorkload], rounds: Rounds) -> float | None:
    rates = []
    for size, workload in zip(SIZES, peaks, strict=False):
        latency = rounds.summary(workload)
        if latency is not None:
            rates.append(float(np.prod(size, dtype=np.int64)) / latency.p50_ms.value * 1000)
    return max(rates, default=None)


@contextmanager
def _recorded_errors(model: ModelResult) -> Iterator[None]:
    """Record an error of one model's process in its result; the other models continue."""
    try:
        yield
    except (WorkerError, ModelError) as error:
        model.error = str(error)
