"""Soft labels: targets for Training faces from FER+'s ten votes, expressed in FER-2013's own labels.

FER-2013 gave each face one label, about which people often disagree. FER+'s votes measure that uncertainty, but with
other classes and another convention (half of the faces that are `sad` in one are `neutral` in the other). A logistic
regression from votes to labels, fitted on Training, translates: it gives the probability of each label for a face with
such votes.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt

from edge.datasets.faces import Faces
from edge.errors import DataError, MissingExtraError

#: FER-2013 takes a few hundred iterations.
_MAX_ITERATIONS = 5000


def soften_labels(training: Faces, share: float) -> Faces:
    """Training faces with soft targets; the class of a face stays the same.

    Args:
        training: Training faces with votes.
        share: of each target that the votes determine, 0..1; the label determines the rest.

    Returns:
        The same faces with `targets`.

    Raises:
        DataError: there are no votes, or faces of fewer than two classes.
        MissingExtraError: scikit-learn is not installed.
    """
    if training.votes is None:
        raise DataError("these faces have no FER+ votes: give --votes fer2013new.csv")
    one_hot = np.eye(len(training.labels), dtype=np.float32)[training.class_ids]
    probabilities = _label_probabilities(training.votes, training.class_ids, len(training.labels))
    return replace(training, targets=(1 - share) * one_hot + share * probabilities)


def _label_probabilities(
    votes: npt.NDArray[np.uint8], class_ids: npt.NDArray[np.int64], n_classes: int
) -> npt.NDArray[np.float32]:
    """The probability of each label for each face's votes, `(n, n_classes)` float32."""
    try:
        from sklearn.linear_model import LogisticRegression
    except ImportError as error:
        raise MissingExtraError("train", "scikit-learn") from error
    if len(np.unique(class_ids)) < 2:
        raise DataError("all Training faces have the same label: expected two classes or more to learn from votes")
    features = _features(votes)
    # Almost no regularization: a few hundred coefficients, thousands of faces.
    regression = LogisticRegression(C=10.0, max_iter=_MAX_ITERATIONS).fit(features, class_ids)
    probabilities = np.zeros((len(votes), n_classes), np.float32)
    probabilities[:, regression.classes_] = regression.predict_proba(features)
    return probabilities


def _features(votes: npt.NDArray[np.uint8]) -> npt.NDArray[np.float64]:
    """Vote shares, their square roots (one vote of ten differs much from none) and the winner one-hot; `(n, 30)`."""
    shares = votes / np.maximum(votes.sum(axis=1, keepdims=True), 1)
    return np.concatenate([shares, np.sqrt(shares), np.eye(votes.shape[1])[votes.argmax(axis=1)]], axis=1)
