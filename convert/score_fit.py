"""The fit of a score calibration: multinomial logistic regression from a model's scores to FER+'s votes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from edge.datasets import Faces
from edge.datasets.ferplus import VOTE_COLUMNS
from edge.errors import DataError, MissingExtraError, WrongUseError
from edge.evaluation.calibration import measure_calibration
from edge.inference import ScoreCalibration
from edge.inference.score_calibration import SCORE_FLOOR

#: scikit-learn's C, the inverse of the strength of the L2 penalty: between 0.03 and 0.3 the fit hardly changes, and
#: the smaller one keeps the weights smaller.
REGULARIZATION = 0.03
#: Least number of the ten votes of a face that must be for the model's classes.
MIN_VOTES = 5
FOLDS = 5
_MAX_ITERATIONS = 3000


@dataclass(frozen=True)
class ScoreFit:
    """A fitted calibration, and how the scores agree with the votes before and after it.

    Attributes:
        weights, bias: the `(n, n)` matrix and `(n,)` vector, fitted to all faces and rounded to what the card holds.
        faces: number of faces.
        is_needed: whether more faces agree with the majority with the fitted matrix than without. If not, as for a
            model that was trained on the votes, `weights` is the identity, and `bias` is 0.
        before, after: `accuracy` by the majority of the votes, `macro_recall`, `ece` (expected calibration error by the
            majority), `nll` (cross-entropy from the shares of the votes), and `recall` by label. After is with the
            fitted matrix, needed or not, measured by cross-validation: on faces that each fit had not seen.
    """

    weights: npt.NDArray[np.float64]
    bias: npt.NDArray[np.float64]
    faces: int
    is_needed: bool
    before: dict[str, Any]
    after: dict[str, Any]


def vote_shares(faces: Faces, labels: tuple[str, ...]) -> npt.NDArray[np.float64]:
    """Return the share of the votes of each face for each class of a model.

    Votes for other classes, `unknown` and `NF` are left out.

    Args:
        faces: with votes.
        labels: of the model.

    Returns:
        `(n, n_classes)` float64; a row sums to 1, or to 0 if fewer than `MIN_VOTES` are left.

    Raises:
        DataError: the faces have no votes.
        WrongUseError: the model has a class that FER+ has no votes for.
    """
    if faces.votes is None:
        raise DataError("these faces have no FER+ votes: give --votes fer2013new.csv")
    unknown = [label for label in labels if label not in VOTE_COLUMNS]
    if unknown:
        raise WrongUseError(
            f"FER+ has no votes for {', '.join(unknown)}: expected a model with classes among "
            f"{', '.join(VOTE_COLUMNS[:-2])}"
        )
    votes = faces.votes[:, [VOTE_COLUMNS.index(label) for label in labels]].astype(np.float64)
    votes[votes.sum(axis=1) < MIN_VOTES] = 0
    shares: npt.NDArray[np.float64] = votes / np.maximum(votes.sum(axis=1, keepdims=True), 1)
    return shares


def fit_scores(
    scores: npt.NDArray[np.float32],
    shares: npt.NDArray[np.float64],
    labels: tuple[str, ...],
    *,
    mirrored: npt.NDArray[np.float32] | None = None,
    regularization: float = REGULARIZATION,
    seed: int = 0,
    progress: Callable[[int, int], None] | None = None,
) -> ScoreFit:
    """Fit a calibration to the votes of people.

    Args:
        scores: `(n, n_classes)` float32, the model's.
        shares: `(n, n_classes)`, as `vote_shares` returns them; rows without votes are left out.
        labels: class names.
        mirrored: `(n, n_classes)` float32, the model's for the mirror images, which the fit uses as well.
        regularization: scikit-learn's C.
        seed: of the random draw of the folds.
        progress: called with the number of finished and of all fits.

    Raises:
        DataError: there are too few faces, or a class has no votes.
        MissingExtraError: scikit-learn is not installed.
    """
    kept = shares.sum(axis=1) > 0
    scores, shares = scores[kept], shares[kept]
    views = [scores] if mirrored is None else [scores, mirrored[kept]]
    if len(scores) < 10 * FOLDS:
        raise DataError(
            f"{len(scores)} faces have at least {MIN_VOTES} votes for the model's classes: expected at least "
            f"{10 * FOLDS}"
        )
    folds = np.random.default_rng(seed).permutation(len(scores)) % FOLDS
    held_out = np.empty_like(scores)
    for fold in range(FOLDS):
        here = folds == fold
        weights, bias = _regression([view[~here] for view in views], shares[~here], labels, regularization)
        held_out[here] = ScoreCalibration(weights, bias)(scores[here])
        if progress:
            progress(fold + 1, FOLDS + 1)
    weights, bias = _regression(views, shares, labels, regularization)
    if progress:
        progress(FOLDS + 1, FOLDS + 1)
    before, after = (_agreement(each, shares, labels) for each in (scores, held_out))
    if not (is_needed := after["accuracy"] > before["accuracy"]):
        weights, bias = np.eye(len(labels)), np.zeros(len(labels))
    return ScoreFit(weights, bias, len(scores), is_needed, before, after)


def _regression(
    views: list[npt.NDArray[np.float32]],
    shares: npt.NDArray[np.float64],
    labels: tuple[str, ...],
    regularization: float,
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Return the `(n, n)` weights and `(n,)` bias, rounded to four digits, to which no score is sensitive."""
    try:
        from sklearn.linear_model import LogisticRegression
    except ImportError as error:
        raise MissingExtraError("train", "scikit-learn") from error
    missing = [label for label, share in zip(labels, shares.sum(axis=0), strict=True) if share == 0]
    if missing:
        raise DataError(f"no face has a vote for {', '.join(missing)}: expected votes for every class of the model")
    n = len(labels)
    # Each face once for each class, weighted by its share of the votes.
    logs = np.log(np.maximum(np.concatenate(views), SCORE_FLOOR)).astype(np.float64)
    rows, classes, weights = (
        np.repeat(logs, n, axis=0),
        np.tile(np.arange(n), len(logs)),
        np.tile(shares.ravel(), len(views)),
    )
    voted = weights > 0
    fit = LogisticRegression(C=regularization, max_iter=_MAX_ITERATIONS)
    fit.fit(rows[voted], classes[voted], sample_weight=weights[voted])
    matrix, bias = fit.coef_, fit.intercept_
    if n == 2:
        # For two classes there is one row, for the second one.
        matrix, bias = np.vstack([np.zeros_like(matrix), matrix]), np.append(0.0, bias)
    return matrix.round(4), bias.round(4)


def _agreement(
    scores: npt.NDArray[np.float32], shares: npt.NDArray[np.float64], labels: tuple[str, ...]
) -> dict[str, Any]:
    most = shares.argmax(axis=1)
    right = scores.argmax(axis=1) == most
    recall = {label: round(float(right[most == i].mean()), 4) for i, label in enumerate(labels) if (most == i).any()}
    return {
        "accuracy": round(float(right.mean()), 4),
        "macro_recall": round(sum(recall.values()) / len(recall), 4),
        "ece": round(measure_calibration(scores, most).ece, 4),
        "nll": round(float(-(shares * np.log(np.maximum(scores, SCORE_FLOOR))).sum(axis=1).mean()), 4),
        "recall": recall,
    }
