"""The verb of `mien.benchmark`: `measure`, from models and data to results."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from edge.benchmark.candidate import KERAS_SUFFIXES, find_candidates
from edge.benchmark.conditions import condition_warnings, machine, read_machine_state, summarize_states
from edge.benchmark.model_result import ModelResult, chance_warnings, class_order_warnings, disturbance_warnings
from edge.benchmark.passes import Plan, Progress, run_passes
from edge.benchmark.results import build_results
from edge.datasets import load_dataset, summarize_bad_records
from edge.datasets.data_set import DataLocation, DataSet
from edge.errors import WrongUseError
from edge.inference.pixel_mapping import AS_PIXELS, PixelMapping
from edge.system.energy import find_meter
from edge.system.processes import command_line
from edge.system.untrusted_text import printable


def measure(
    models: Sequence[str | Path],
    data: DataLocation,
    *,
    split: str = "PublicTest",
    limit: int | None = None,
    seed: int = 0,
    threads: Sequence[int] = (1,),
    rounds: int = 50,
    operations: bool = False,
    input_range: tuple[float, float] | None = None,
    input_mean: Sequence[float] | None = None,
    input_std: Sequence[float] | None = None,
    progress: Progress | None = None,
    warn: Callable[[str], None] | None = None,
) -> dict[str, Any]:
    """Measure accuracy and latency of several models on this machine.

    Each model runs in a process of its own, and all are timed in short bursts in turn, so that a change of the
    machine's speed affects all of them. Ctrl-C ends the measurement; the results then hold what was measured until
    then.

    Args:
        models: names of shipped models, or paths to .tflite, .keras or .h5 files.
        data: labeled faces, as `edge.datasets.load_dataset` takes them.
        split: the split to score on.
        limit: greatest number of faces to score; None for all.
        seed: of the choice of those faces, and of the order of the models within a round.
        threads: numbers of threads of each network, each once; accuracy is measured with the first.
        rounds: number of bursts of each model.
        operations: whether to time each operation of a .tflite.
        input_range: the values of black and white that the models of Keras' formats were trained on; None for 0 to 255.
            A .tflite's card states it.
        input_mean: what was subtracted from these values, one number or one for each channel; the range is then 0 to 1
            unless stated.
        input_std: what the difference was divided by, alike.
        progress: called with the current task, and its finished and all steps.
        warn: called with one line if bad records were left out of the data.

    Returns:
        The results, as `results.schema.json` describes them. A model that failed has an `error`; `partial` is true if
        the measurement was interrupted.

    Raises:
        WrongUseError: there are no models, a model or a number of threads is given twice, or `input_range` is given and
            no model is of Keras' formats.
        DataError: the data cannot be read.
        ModelError: a model file is missing, or the data has classes that a model does not have.
    """
    source = DataSet.of(data)
    candidates = find_candidates([str(model) for model in models])
    if len(set(threads)) != len(threads):
        raise WrongUseError(f"--threads {' '.join(map(str, threads))}: expected each number only once")
    mapping = PixelMapping.of(input_range, input_mean, input_std)
    if mapping is not None and not any(candidate.path.suffix in KERAS_SUFFIXES for candidate in candidates):
        raise WrongUseError(
            f"{mapping} is for .keras and .h5 files: expected one; a .tflite has input_range in its card"
        )
    report = progress or (lambda task, done, total: None)
    bad: list[str] = []
    faces = load_dataset(
        source, (split,), progress=lambda done, total: report(f"reading {source.name}", done, total), on_bad=bad.append
    )[split]
    if bad and warn:
        warn(summarize_bad_records(source.name, bad, len(faces)))
    faces = faces.sample(limit, seed)
    results = [ModelResult(candidate) for candidate in candidates]
    meter = find_meter()
    before, partial = read_machine_state(), False
    try:
        run_passes(results, faces, Plan(threads, rounds, seed, operations, meter, mapping or AS_PIXELS), report)
    except KeyboardInterrupt:
        partial = True
    after = read_machine_state()
    about = {
        **source.as_dict(),
        "name": printable(source.name),
        "split": split,
        "faces": len(faces),
        "seed": seed,
        "labels": list(faces.labels),
    }
    conditions = {
        "command": command_line(),
        "machine": machine(),
        "energy": meter.name if meter else None,
        **summarize_states(before, after),
    }
    warnings = [
        *condition_warnings(before, after),
        *disturbance_warnings(results),
        *chance_warnings(results),
        *class_order_warnings(results),
    ]
    return build_results(results, about, conditions, warnings, partial)
