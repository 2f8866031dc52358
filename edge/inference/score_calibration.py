"""Score calibration: a matrix from a model's scores to the shares of people who would name each expression.

A model trained on FER-2013 reads half of the faces that people call neutral as sad or angry, because FER-2013's labels
do. Matrix scaling corrects such a confusion between classes, which no shift of single classes can: multinomial logistic
regression from the logarithms of the scores (Guo et al., On Calibration of Modern Neural Networks, ICML 2017, section
4.2). `mien convert calibrate` fits it to the votes of FER+ and writes it into the model card; applying it needs numpy
only.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from edge.errors import CardError, shown

#: The score that replaces a lower one before the logarithm: half a step of the int8 softmax, whose scale is 1/256.
SCORE_FLOOR = 1 / 512
#: Largest weight, bias or shift: with log-scores of at least log(1/512), nothing beyond is other than 0 or 1.
_LARGEST = 1000.0
#: Largest number of classes: the card has their square in numbers.
_MAX_CLASSES = 100


class ScoreCalibration:
    """A matrix calibration of scores, and the logit shifts of a room.

    Args:
        weights: `(n, n)` float, from the logarithm of each score (columns) to the logit of each class (rows).
        bias: `(n,)` float, added to the logits.
        room: `(n,)` float, what the prior `room` adds to the logits besides; None for zeros.
        follows_votes: whether the scores are those of a model that was trained on the votes of FER+, so that a fitted
            matrix was not needed.
    """

    def __init__(
        self,
        weights: npt.NDArray[np.floating[Any]],
        bias: npt.NDArray[np.floating[Any]],
        room: npt.NDArray[np.floating[Any]] | None = None,
        *,
        follows_votes: bool = False,
    ) -> None:
        self.follows_votes = follows_votes
        self._weights = np.asarray(weights, np.float32)
        self._bias = np.asarray(bias, np.float32)
        self._room_bias = self._bias if room is None else self._bias + np.asarray(room, np.float32)

    @classmethod
    def from_card(cls, table: Mapping[str, Any], labels: tuple[str, ...], where: str = "the card") -> Self | None:
        """Return the calibration in a card's `score_calibration`; None if it is empty.

        Args:
            table: with `weights`, `bias`, and optionally `room`, label to shift.
            labels: of the model.
            where: the card, for the message.

        Raises:
            CardError: a number is missing or not finite, or there are not as many as labels.
        """
        if not table:
            return None
        n = len(labels)
        weights, bias, room = table.get("weights"), table.get("bias"), table.get("room", {})
        if n > _MAX_CLASSES or not _is_row(bias, n):
            raise CardError(f"{where} has score_calibration.bias {shown(bias)}: expected {_expected(n)}")
        if not isinstance(weights, (list, tuple)) or len(weights) != n or not all(_is_row(row, n) for row in weights):
            raise CardError(
                f"{where} has score_calibration.weights {shown(weights)}: expected {n} rows of {_expected(n)}"
            )
        if not isinstance(room, Mapping) or not set(room) <= set(labels) or not _is_row(list(room.values()), len(room)):
            raise CardError(
                f"{where} has score_calibration.room {shown(room)}: expected an object from the model's labels to "
                f"numbers from -{_LARGEST:g} to {_LARGEST:g}"
            )
        shifts = np.array([room.get(label, 0.0) for label in labels])
        return cls(np.array(weights), np.array(bias), shifts, follows_votes=table.get("is_needed") is False)

    def __call__(self, scores: npt.NDArray[np.float32], *, room: bool = False) -> npt.NDArray[np.float32]:
        """Return the calibrated scores.

        Args:
            scores: `(n,)` or `(faces, n)` float32, finite; what is below `SCORE_FLOOR` counts as that.
            room: whether the shifts of the room are added.

        Returns:
            float32 of the same shape, 0..1, with sum 1 for each face.
        """
        logits = np.log(np.maximum(scores, SCORE_FLOOR)) @ self._weights.T
        logits += self._room_bias if room else self._bias
        logits -= logits.max(axis=-1, keepdims=True)
        exponentials: npt.NDArray[np.float32] = np.exp(logits)
        exponentials /= exponentials.sum(axis=-1, keepdims=True)
        return exponentials


def _is_row(row: Any, n: int) -> bool:
    return (
        isinstance(row, (list, tuple))
        and len(row) == n
        # A comparison with NaN is false.
        and all(isinstance(v, (int, float)) and not isinstance(v, bool) and abs(v) <= _LARGEST for v in row)
    )


def _expected(n: int) -> str:
    return f"{n} numbers from -{_LARGEST:g} to {_LARGEST:g}, one for each label"
