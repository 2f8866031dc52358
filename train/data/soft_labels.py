"""Soft labels: what FER+'s ten voters saw in a Training face, told in FER-2013's own labels.

FER-2013 gave each face one label, which another person would often not give; FER+'s votes say how much of it is
doubt, but in other classes and by another habit (half of the faces that are `sad` in one are `neutral` in the other).
A logistic regression from votes to labels, fitted on Training, is the translation: how probable each label is for a
face that got such votes.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt

from edge.datasets.faces import Faces
from edge.errors import DataError, MissingExtraError

#: Far more than the few hundred steps that FER-2013 takes.
_MOST_STEPS = 5000


def soften(training: Faces, share: float) -> Faces:
    """Training faces with targets that the votes have a share in; the class of a face stays what it is.

    Args:
        training: Training faces with votes.
        share: of each target that the votes decide, 0..1; the label has the rest.

    Raises:
        DataError: there are no votes, or faces of fewer than two classes.
        MissingExtraError: scikit-learn is not installed.
    """
    if training.votes is None:
        raise DataError("these faces have no FER+ votes: give --votes fer2013new.csv")
    certain = np.eye(len(training.labels), dtype=np.float32)[training.class_ids]
    probable = _label_probabilities(training.votes, training.class_ids, len(training.labels))
    return replace(training, targets=(1 - share) * certain + share * probable)


def _label_probabilities(
    votes: npt.NDArray[np.uint8], class_ids: npt.NDArray[np.int64], n_classes: int
) -> npt.NDArray[np.float32]:
    """How probable each label is for such votes, `(n, n_classes)` float32."""
    try:
        from sklearn.linear_model import LogisticRegression
    except ImportError as error:
        raise MissingExtraError("train", "scikit-learn") from error
    if len(np.unique(class_ids)) < 2:
        raise DataError("all Training faces have the same label: expected two classes or more to learn from votes")
    seen = _features(votes)
    # Next to no regularisation: some hundred coefficients, thousands of faces.
    regression = LogisticRegression(C=10.0, max_iter=_MOST_STEPS).fit(seen, class_ids)
    probabilities = np.zeros((len(votes), n_classes), np.float32)
    probabilities[:, regression.classes_] = regression.predict_proba(seen)
    return probabilities


def _features(votes: npt.NDArray[np.uint8]) -> npt.NDArray[np.float64]:
    """Shares of the votes, their roots (one vote of ten is much more than none), and the winner; `(n, 30)`."""
    shares = votes / np.maximum(votes.sum(axis=1, keepdims=True), 1)
    return np.concatenate([shares, np.sqrt(shares), np.eye(votes.shape[1])[votes.argmax(axis=1)]], axis=1)
