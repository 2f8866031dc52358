"""Fits a score calibration for a converted model, and writes it into the model's card."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np

from convert.score_fit import FOLDS, MIN_VOTES, REGULARIZATION, ScoreFit, fit_scores, vote_shares
from edge.datasets import load_dataset, summarize_bad_records
from edge.datasets.data_set import DataLocation, DataSet
from edge.errors import DataError, ModelError, WrongUseError
from edge.inference import Classifier, ModelCard, read_parts, write_model
from edge.system.hashing import sha256_of

#: The shifts of a room for a model that has none of its own, in logits: those of mien-small-int8, which
#: docs/experiments/room_prior.py chooses on photographs of people.
ROOM_SHIFTS = {"angry": 0.15, "happy": 2.25, "sad": 0.55, "surprise": 0.3}


def calibrate(
    model: Path | str,
    data: DataLocation,
    votes: Path | str,
    out: Path | str | None = None,
    *,
    split: str = "PublicTest",
    regularization: float = REGULARIZATION,
    seed: int = 0,
    force: bool = False,
    progress: Callable[[str, int, int], None] | None = None,
    report: Callable[[str], None] | None = None,
    warn: Callable[[str], None] | None = None,
) -> ModelCard:
    """Fit the scores of a .tflite to the votes of FER+, and write the calibration into its card.

    The network is not changed, and neither are the scores that it is benchmarked and verified by.

    Args:
        model: a .tflite with a card.
        data: FER-2013's CSV.
        votes: FER+'s `fer2013new.csv` for the same rows.
        out: the .tflite to write; None to replace the card in `model`.
        split: the split to fit on; not Training, where a model's scores are better than elsewhere.
        regularization: scikit-learn's C.
        seed: of the random draw of the folds that the figures are cross-validated on.
        force: whether an existing `out` is overwritten.
        progress: called with the current task, and its finished and all steps.
        report: called with text about the fit and the file that was written.
        warn: called with one line if bad records were left out of the data.

    Returns:
        The card as written.

    Raises:
        WrongUseError: the split is Training, the model has classes that FER+ lacks, or a file exists.
        MissingExtraError: scikit-learn is not installed.
        DataError: the data or the votes cannot be read, or are too few.
        ModelError: the model cannot be read.
    """
    model, source, votes = Path(model), DataSet.of(data), Path(votes)
    out = model if out is None else Path(out)
    if split == "Training":
        raise WrongUseError("--split Training is what the model was fitted on: calibrate its scores on PublicTest")
    if not 0 < regularization < float("inf"):
        raise WrongUseError(f"regularization {regularization:g}: expected a number above 0")
    if out.exists() and not force and out.resolve() != model.resolve():
        raise WrongUseError(f"{out} exists: give another --out, or --force to overwrite it")
    if not votes.is_file():
        raise DataError(f"no votes at {votes}: expected FER+'s fer2013new.csv")
    classifier = Classifier(model)
    graph, card = read_parts(model)
    if card is None or (out.resolve() == model.resolve() and not card.graph_sha256):
        # read_parts finds a card inside or beside the file; only the former contains the hash.
        raise WrongUseError(f"{model} has its card beside it: give --out, a .tflite that will contain it")
    bad: list[str] = []
    faces = load_dataset(
        source, (split,), votes=votes, progress=_task(progress, f"reading {source.name}"), on_bad=bad.append
    )[split]
    if bad and warn:
        warn(summarize_bad_records(source.name, bad, len(faces)))
    shares = vote_shares(faces, classifier.labels)
    scores, mirrored = np.empty((2, len(faces), len(classifier.labels)), np.float32)
    scored = _task(progress, f"scoring {split}")
    for i, image in enumerate(faces.images):
        scores[i] = classifier.scores(image)
        mirrored[i] = classifier.scores(np.ascontiguousarray(image[:, ::-1]))
        if scored:
            scored(i + 1, len(faces))
    if not (np.isfinite(scores).all() and np.isfinite(mirrored).all()):
        raise ModelError(f"{model} returns scores that are not finite numbers")
    fit = fit_scores(
        scores,
        shares,
        classifier.labels,
        mirrored=mirrored,
        regularization=regularization,
        seed=seed,
        progress=_task(progress, "fitting"),
    )
    table = {
        "convention": "FER+",
        "data": {**source.as_dict(), "votes_sha256": sha256_of(votes)},
        "split": split,
        "n": fit.faces,
        "min_votes": MIN_VOTES,
        "mirrored": True,
        "regularization": regularization,
        "folds": FOLDS,
        "seed": seed,
        "is_needed": fit.is_needed,
        "before": fit.before,
        "after": fit.after,
        "weights": fit.weights.tolist(),
        "bias": fit.bias.tolist(),
        "room": {label: ROOM_SHIFTS.get(label, 0.0) for label in classifier.labels},
    }
    written = write_model(out, graph, replace(card, score_calibration=table))
    if report:
        report(f"{fit_as_text(fit)}\n{out}: the card of {written.identity} has the calibration")
    return written


def fit_as_text(fit: ScoreFit) -> str:
    """Return a few lines: how the scores agree with the votes before and after the calibration."""
    lines = [f"{fit.faces} faces with at least {MIN_VOTES} votes; after: cross-validated in {FOLDS} folds"]
    lines.append(f"{'':14}{'before':>8}{'after':>8}")
    for name, key in (("accuracy", "accuracy"), ("macro recall", "macro_recall"), ("ECE", "ece")):
        lines.append(f"{name:14}{100 * fit.before[key]:8.1f}{100 * fit.after[key]:8.1f}")
    lines.append(f"{'NLL of votes':14}{fit.before['nll']:8.3f}{fit.after['nll']:8.3f}")
    for label in fit.before["recall"]:
        lines.append(f"  {label:12}{100 * fit.before['recall'][label]:8.1f}{100 * fit.after['recall'][label]:8.1f}")
    if not fit.is_needed:
        lines.append("the matrix does not bring more faces to the majority: the scores stay as they are")
    return "\n".join(lines)


def _task(progress: Callable[[str, int, int], None] | None, label: str) -> Callable[[int, int], None] | None:
    return None if progress is None else lambda done, total: progress(label, done, total)
