"""The verb `measure_photographs`: the whole chain on photographs, from a folder to results."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from edge.benchmark.candidate import Candidate, find_candidates
from edge.benchmark.chain import ChainReadings, read_photographs
from edge.benchmark.chain_accuracy import ChainAccuracy, measure_chain
from edge.benchmark.conditions import machine
from edge.benchmark.group_columns import group_by_csv, group_by_name, group_values, parse_name_pattern
from edge.benchmark.passes import Progress
from edge.benchmark.photographs import Photograph, find_photographs, labels_of
from edge.benchmark.wild_results import ChainResult, build_chain_results
from edge.detection import DEFAULT_DETECTOR, FaceDetector, open_detector
from edge.errors import DataError, ModelError, WrongUseError
from edge.inference import DEFAULT_PRIOR as RUN_PRIOR
from edge.inference import (
    FER2013_LABELS,
    Classifier,
    ScoreCalibration,
    Threads,
    open_correction,
    shipped_models,
)
from edge.recognizer import Recognizer
from edge.system.hashing import sha256_of
from edge.system.untrusted_text import printable

#: The prior that results are also shown with unless another is given: that of `mien run`.
DEFAULT_PRIOR: tuple[str, ...] = (RUN_PRIOR,)


def measure_photographs(
    data: Path | str,
    models: Sequence[str | Path] = (),
    *,
    detector: str = DEFAULT_DETECTOR,
    prior: Sequence[str] = DEFAULT_PRIOR,
    groups: Path | str | None = None,
    name_pattern: str | None = None,
    threads: Threads = 1,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Measure detector, alignment, classifier and prior together on photographs.

    Every photograph is read, and its faces are detected, once for all models. The label of a photograph is that of
    the largest face in it. Ctrl-C ends the measurement; the results are then those of the photographs until there.

    Args:
        data: a folder `<label>/*.jpg|png|bmp|webp`, or one with images and without labels.
        models: names of shipped models, or paths to .tflite files; empty for all shipped models.
        detector: the face detector, as `--detector` has it.
        prior: as `Recognizer` takes it; the results are given with it and without it. `none` for the latter only.
        groups: a CSV with a column `file` and one column for each way of grouping.
        name_pattern: names of the parts of file names, such as `ID_gender_ethnicity`.
        threads: of each network.
        progress: called with the current task, and its finished and all steps.

    Returns:
        The results, as `wild.schema.json` describes them. A model that failed has an `error`; `partial` is true if the
        measurement was interrupted.

    Raises:
        WrongUseError: a model is given twice, or the prior or the name pattern is not valid.
        DataError: there are no photographs, or none of them can be read; or the groups do not fit them.
        ModelError: a model file is missing.
        DetectorError: the detector does not work here, or its weights are missing.
    """
    data, report = Path(data), progress or (lambda task, done, total: None)
    parts = parse_name_pattern(name_pattern) if name_pattern is not None else ()
    prior = () if tuple(prior) == ("none",) else prior
    if prior:
        # An error in its texts ends the measurement; a model that it does not fit only has no figures with it.
        n = len(FER2013_LABELS)
        open_correction(prior, FER2013_LABELS, ScoreCalibration(np.eye(n), np.zeros(n)))
    candidates = find_candidates([str(model) for model in models or shipped_models()])
    photographs, notes = find_photographs(data)
    if parts:
        photographs, new = group_by_name(photographs, parts)
        notes += new
    if groups is not None:
        photographs, new = group_by_csv(photographs, Path(groups))
        notes += new
    opened = open_detector(detector, threads)
    recognizers, errors = _open(candidates, opened, threads, labels_of(photographs))
    if not recognizers:
        raise ModelError(f"no model could be measured: {next(iter(errors.values()))}")
    readings = read_photographs(photographs, opened, recognizers, report)
    if not readings.photographs and not readings.partial:
        reason = next(iter(readings.unreadable.values()))
        raise DataError(f"none of the {len(photographs)} pictures in {data} can be read; the first: {reason}")
    notes += _reading_notes(readings)
    results = []
    for candidate in candidates:
        name = candidate.name
        error = errors.get(name) or readings.errors.get(name)
        recognizer = recognizers.get(name)
        result = ChainResult(candidate, recognizer.model if recognizer else None, error)
        if recognizer is not None and not error:
            report(f"figures of {name}", 0, 1)
            result.raw, result.corrected, no_figures = _measure(readings, name, recognizer, prior)
            if no_figures:
                notes.append(f"{name}: no figures with the prior: {no_figures}")
        results.append(result)
    name, values = printable(data.resolve().name), group_values(readings.photographs)
    about = {"name": name, "sha256": sha256_of(data), "groups": values}
    return build_chain_results(results, readings, about, opened.name, prior, notes, machine())


def _open(
    candidates: Sequence[Candidate], detector: FaceDetector, threads: Threads, labels: tuple[str, ...]
) -> tuple[dict[str, Recognizer], dict[str, str]]:
    """Return name to recognizer, and name to error of those that cannot be opened or do not have all the labels."""
    recognizers, errors = {}, {}
    for candidate in candidates:
        try:
            recognizer = Recognizer(Classifier(candidate.path, threads), detector=detector, prior="none")
        except ModelError as error:
            errors[candidate.name] = str(error)
            continue
        unknown = [label for label in labels if label not in recognizer.labels]
        if unknown:
            errors[candidate.name] = (
                f"it has the classes {', '.join(recognizer.labels)}; the data also has {', '.join(unknown)}"
            )
        else:
            recognizers[candidate.name] = recognizer
    return recognizers, errors


def _measure(
    readings: ChainReadings, name: str, recognizer: Recognizer, prior: Sequence[str]
) -> tuple[ChainAccuracy, ChainAccuracy | None, str | None]:
    """Return the accuracy of a model without and with the prior, or why there is none with it."""
    raw = np.array(readings.scores[name], np.float32).reshape(-1, len(recognizer.labels))
    photographs: list[Photograph] = readings.photographs
    values, labels = group_values(photographs), labels_of(photographs)

    def measured(probabilities: np.ndarray[Any, np.dtype[np.float32]]) -> ChainAccuracy:
        return measure_chain(photographs, readings.found, probabilities, recognizer.labels, labels, values)

    if not prior:
        return measured(raw), None, None
    try:
        corrected = recognizer.with_prior(prior)
    except WrongUseError as error:
        return measured(raw), None, str(error)
    if not corrected.corrects:
        return measured(raw), None, "its card has no score calibration"
    scores = np.array([corrected.correct(each) for each in raw], np.float32).reshape(raw.shape)
    return measured(raw), measured(scores), None


def _reading_notes(readings: ChainReadings) -> list[str]:
    notes = []
    if readings.unreadable:
        n = len(readings.unreadable)
        notes.append(f"{n} of {n + len(readings.photographs)} pictures could not be read, and are not counted")
    several = sum(n > 1 for n in readings.faces)
    if several:
        notes.append(
            f"pictures with several faces: {several}; the label of a picture is taken to be that of the largest face"
        )
    return notes
