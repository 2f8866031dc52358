"""FER+: what ten people saw in each face of FER-2013, and labels made from their votes.

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

#: What votes are for: the eight expressions, then `unknown` and `NF`, not a face.
VOTE_COLUMNS = (*EIGHT_LABELS, "unknown", "NF")
LABEL_MODES = ("majority", "probability")

#: The same columns as FER+'s header names them.
_HEADER = ("anger", "disgust", "fear", "happiness", "sadness", "surprise", "neutral", "contempt", "unknown", "NF")
_N_CLASSES = len(EIGHT_LABELS)

#: Of `_process_data` in the authors' src/ferplus.py: expressions are taken until they have this share of the
#: votes, at most so many of them, and a face is dropped unless they have more than that share.
_ENOUGH, _MOST_CLASSES, _LEAST = 0.75, 3, 0.5


def read_votes(path: Path) -> tuple[list[str], npt.NDArray[np.uint8]]:
    """Read FER+'s `fer2013new.csv`.

    Returns:
        Each row's Usage, and `(n, 10)` uint8 votes in the order of `VOTE_COLUMNS`.

    Raises:
        DataError: it cannot be read, has another header, or holds something that is no number of votes.
    """
    try:
        text = path.read_text("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"cannot read {path}: {error}") from error
    usages: list[str] = []
    votes: list[list[int]] = []
    try:
        table = csv.DictReader(io.StringIO(text, newline=""))
        missing = {"Usage", *_HEADER} - set(table.fieldnames or ())
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
    """The expression that most people saw in each face.

    Args:
        votes: `(n, 10)` uint8 in the order of `VOTE_COLUMNS`.

    Returns:
        `(n,)` int64, positions in `EIGHT_LABELS`; -1 where two have as many votes, where `unknown` or `NF` has
        most, and where nobody voted.
    """
    best = votes.max(axis=1, keepdims=True)
    winner: npt.NDArray[np.int64] = votes.argmax(axis=1).astype(np.int64)
    winner[((votes == best).sum(axis=1) != 1) | (winner >= _N_CLASSES)] = -1
    return winner


def relabel_by_votes(faces: Faces, mode: str) -> Faces:
    """Faces with the labels that FER+'s voters gave them, instead of FER-2013's.

    Args:
        faces: a split with votes.
        mode: `majority`: each face is its `winners`; those without one are dropped. `probability`: each face
            is the distribution that the authors train on, in `targets`; those that they drop are dropped.

    Returns:
        Faces of `EIGHT_LABELS`.

    Raises:
        DataError: there are no votes, or no face is left.
        WrongUseError: there is no such mode.
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
        raise DataError("no face has an expression that most FER+ voters agree on: expected at least one")
    return replace(faces.take(kept), class_ids=class_ids[kept], labels=EIGHT_LABELS, targets=targets)


def _distributions(votes: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
    """What the authors' `_process_data` makes of votes in its modes `probability` and `crossentropy`.

    A single vote is taken for a slip. Then the most voted expressions are taken, those with equally many
    together, until they have 75 % of the votes that are left, or are three, or it is the turn of `unknown` or
    `NF`. A face is dropped where these have no more than half of the votes, and where they are more than three.

    Returns:
        `(n, 8)` float32, rows sum to 1, or to 0 for a face that is dropped.
    """
    left = votes.astype(np.int64)
    left[left <= 1] = 0
    total = left.sum(axis=1)
    taken = np.zeros((len(votes), _N_CLASSES), np.int64)
    going = total > 0
    for _ in range(_MOST_CLASSES):
        turn = (left == left.max(axis=1, keepdims=True)) & (left > 0) & going[:, None]
        taken += np.where(turn, left, 0)[:, :_N_CLASSES]
        left[turn] = 0
        going &= ~turn[:, _N_CLASSES:].any(axis=1)
        going &= (taken.sum(axis=1) < _ENOUGH * total) & ((taken > 0).sum(axis=1) < _MOST_CLASSES)
    dropped = (taken.sum(axis=1) <= _LEAST * total) | ((taken > 0).sum(axis=1) > _MOST_CLASSES)
    taken[dropped] = 0
    shares: npt.NDArray[np.float32] = (taken / np.maximum(taken.sum(axis=1, keepdims=True), 1)).astype(np.float32)
    return shares
