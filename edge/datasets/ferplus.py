"""FER+: the votes of ten people on each face of FER-2013, and labels made from them.

Barsoum, Zhang, Canton Ferrer and Zhang, "Training deep networks for facial expression recognition with
crowd-sourced label distribution", ICMI 2016, arXiv:1608.01041; the votes and the authors' code are at
github.com/microsoft/FERPlus.
"""

from __future__ import annotations

import csv
import io
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from edge.datasets.faces import Faces
from edge.errors import DataError, WrongUseError
from edge.inference.contract import EIGHT_LABELS
from edge.system.regular_files import read_regular

#: What people can vote for: the eight expressions, then `unknown` and `NF`, not a face.
VOTE_COLUMNS = (*EIGHT_LABELS, "unknown", "NF")
LABEL_MODES = ("majority", "probability")

#: The same columns as FER+'s header names them.
_HEADER = ("anger", "disgust", "fear", "happiness", "sadness", "surprise", "neutral", "contempt", "unknown", "NF")
_N_CLASSES = len(EIGHT_LABELS)
#: The authors' file has 1.8 MB.
_MAX_BYTES = 64 << 20

#: Constants of `_process_data` in the authors' src/ferplus.py: expressions are taken until they have `_ENOUGH_SHARE` of
#: the votes, at most `_MAX_CLASSES` of them, and a face is dropped unless they have more than `_MIN_SHARE`.
_ENOUGH_SHARE, _MAX_CLASSES, _MIN_SHARE = 0.75, 3, 0.5


def read_votes(path: Path) -> tuple[list[str], npt.NDArray[np.uint8]]:
    """Read FER+'s `fer2013new.csv`.

    Returns:
        The Usage of each row, and the votes, `(n, 10)` uint8 in the order of `VOTE_COLUMNS`.

    Raises:
        DataError: the file cannot be read, has another header, or contains something other than numbers of votes.
    """
    try:
        text = read_regular(path, _MAX_BYTES).decode("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"cannot read {path}: {error}") from error
    usages: list[str] = []
    votes: list[list[int]] = []
    try:
        table = csv.DictReader(io.StringIO(text, newline=""))
        missing = {"Usage", *_HEADER} - set(table.fieldnames or ())
        if {"emotion", "pixels"} <= set(table.fieldnames or ()):
            raise DataError(f"{path} is FER-2013 itself: expected FER+'s votes for it, the file fer2013new.csv")
        if missing:
            raise DataError(f"{path} lacks the columns {', '.join(sorted(missing))}: expected FER+'s header")
        for row in table:
            usages.append(row["Usage"])
            votes.append([int(row[column]) for column in _HEADER])
        counts = np.array(votes, np.uint8)
    except (TypeError, ValueError, OverflowError, csv.Error) as error:
        where = f"{path}, row {len(usages)}"
        raise DataError(f"{where}: expected a whole number of votes, 0..255, in each column ({error})") from error
    return usages, counts.reshape(-1, len(_HEADER))


def winners(votes: npt.NDArray[np.uint8]) -> npt.NDArray[np.int64]:
    """Return the expression with the most votes for each face.

    Args:
        votes: `(n, 10)` uint8 in the order of `VOTE_COLUMNS`.

    Returns:
        `(n,)` int64, positions in `EIGHT_LABELS`; -1 if two have the same number of votes, if `unknown` or `NF` has
        most, or if there are no votes.
    """
    best = votes.max(axis=1, keepdims=True)
    winner: npt.NDArray[np.int64] = votes.argmax(axis=1).astype(np.int64)
    winner[((votes == best).sum(axis=1) != 1) | (winner >= _N_CLASSES)] = -1
    return winner


def relabel_by_votes(faces: Faces, mode: str) -> Faces:
    """Replace FER-2013's labels by labels made from FER+'s votes.

    Args:
        faces: a split with votes.
        mode: `majority`: the label is the expression with the most votes (see `winners`); faces without one are
            dropped. `probability`: `targets` is the distribution that the authors train on; faces that they drop are
            dropped.

    Returns:
        Faces with the classes `EIGHT_LABELS`.

    Raises:
        DataError: the faces have no votes, or no face is left.
        WrongUseError: the mode is unknown.
    """
    if mode not in LABEL_MODES:
        raise WrongUseError(f"unknown label mode {mode!r}: expected one of {', '.join(LABEL_MODES)}")
    if faces.votes is None:
        raise DataError("these faces have no FER+ votes: give --votes fer2013new.csv")
    targets = None
    if mode == "majority":
        class_ids = winners(faces.votes)
        kept = np.flatnonzero(class_ids >= 0)
    else:
        targets = _distributions(faces.votes)
        class_ids = targets.argmax(axis=1).astype(np.int64)
        kept = np.flatnonzero(targets.any(axis=1))
        targets = targets[kept]
    if not len(kept):
        raise DataError("no face has an expression on which most FER+ voters agree: expected at least one")
    return replace(faces.take(kept), class_ids=class_ids[kept], labels=EIGHT_LABELS, targets=targets)


def _distributions(votes: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
    """Turn votes into distributions as the authors' `_process_data` does in the modes `probability` and `crossentropy`.

    A single vote counts as an error and is ignored. Then expressions are taken in descending order of votes, those
    with equal votes together, until they have 75 % of the remaining votes, or are three, or `unknown` or `NF` comes
    next. A face is dropped if the expressions have no more than half of the votes, or are more than three.

    Returns:
        `(n, 8)` float32; a row sums to 1, or to 0 if the face is dropped.
    """
    remaining = votes.astype(np.int64)
    remaining[remaining <= 1] = 0
    total = remaining.sum(axis=1)
    taken = np.zeros((len(votes), _N_CLASSES), np.int64)
    active = total > 0
    for _ in range(_MAX_CLASSES):
        most_voted = (remaining == remaining.max(axis=1, keepdims=True)) & (remaining > 0) & active[:, None]
        taken += np.where(most_voted, remaining, 0)[:, :_N_CLASSES]
        remaining[most_voted] = 0
        active &= ~most_voted[:, _N_CLASSES:].any(axis=1)
        active &= (taken.sum(axis=1) < _ENOUGH_SHARE * total) & ((taken > 0).sum(axis=1) < _MAX_CLASSES)
    dropped = (taken.sum(axis=1) <= _MIN_SHARE * total) | ((taken > 0).sum(axis=1) > _MAX_CLASSES)
    taken[dropped] = 0
    shares: npt.NDArray[np.float32] = (taken / np.maximum(taken.sum(axis=1, keepdims=True), 1)).astype(np.float32)
    return shares
