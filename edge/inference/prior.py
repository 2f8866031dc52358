"""The prior of a place: how its expressions differ in frequency from the training data, and what corrects the scores.

`open_correction` reads what `--prior` names:

===========  ===========================================================================================
auto         `room` for a model whose card has a score calibration, otherwise `none`
room         faces before a camera, most of them at rest: the card's score calibration and its room shifts
none         the network's own scores
fer2013      the frequencies of FER-2013's Training split
LABEL=SHARE  these frequencies; labels that are not named divide the rest in the proportions of FER-2013
===========  ===========================================================================================

The last two are prior shift correction. A network's scores depend on the class frequencies of its training data: of
FER-2013's faces 25 % are happy and 17 % neutral by their labels, 27 and 34 % by the votes of FER+. If the frequencies
where the model is used are known, Bayes' rule replaces one by the other: each score is multiplied by target frequency
over training frequency, then all are divided by their sum (Saerens, Latinne and Decaestecker, Adjusting the outputs of
a classifier to new a priori probabilities, Neural Computation 14, 2002).
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Protocol

import numpy as np
import numpy.typing as npt

from edge.errors import DataError, WrongUseError, shortened, shown
from edge.inference.contract import FER2013_LABELS, canonical_label
from edge.inference.score_calibration import ScoreCalibration

logger = logging.getLogger(__name__)

#: What `--prior` takes besides LABEL=SHARE.
NAMED_PRIORS = ("auto", "room", "none", "fer2013")
DEFAULT_PRIOR = "auto"
#: Number of faces of each class in FER-2013's Training split, without duplicates.
FER2013_FACES = dict(zip(FER2013_LABELS, (3969, 435, 4079, 7186, 4796, 3161, 4932), strict=True))
#: The same by the votes of FER+, in its distributions that `mien train fit --label-mode probability` learns.
FERPLUS_FACES = dict(zip(FER2013_LABELS, (2427, 237, 789, 7521, 3814, 3475, 9443), strict=True))


class ScoreCorrection(Protocol):
    """Corrects the scores of a face."""

    def __call__(self, scores: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """Return the corrected `(n,)` float32 scores of `(n,)` float32 scores."""
        ...


def open_correction(
    priors: Sequence[str],
    labels: tuple[str, ...],
    calibration: ScoreCalibration | None = None,
    adjustment: Mapping[str, float] | None = None,
    model: str = "this model",
) -> ScoreCorrection | None:
    """Return what corrects the scores of a model for a place; None if they stay as they are.

    Args:
        priors: one of `NAMED_PRIORS`, or texts `LABEL=SHARE`; none for `auto`.
        labels: class names in the order of the scores.
        calibration: the one in the model's card.
        adjustment: the logit adjustment that the model's card states, label to shift.
        model: identity of the model, for messages.

    Raises:
        WrongUseError: a text is not valid, a name is combined with another prior, `room` is asked for and the model
            has no calibration, or the shares do not fit a sum of 1 or the model's classes.
    """
    named = [prior for prior in priors if prior in NAMED_PRIORS]
    if named and len(priors) > 1:
        raise WrongUseError(
            f"prior: expected either one of {', '.join(NAMED_PRIORS)} or shares LABEL=SHARE, got "
            f"{shortened(', '.join(priors), 200)}"
        )
    name = named[0] if named else DEFAULT_PRIOR if not priors else None
    if name == "room" and calibration is None:
        raise WrongUseError(
            f"prior room: the card of {model} has no score calibration: fit one with `mien convert calibrate`, or give "
            "--prior none"
        )
    if name == "auto" and calibration is None:
        logger.info("%s has no score calibration: its scores are used as they are (prior none)", model)
    if name in ("auto", "room"):
        return None if calibration is None else _RoomCorrection(calibration)
    if name == "none":
        return None
    # A name that is none of these is a text without a share, which PriorCorrection reports.
    trained_on = FERPLUS_FACES if calibration is not None and calibration.follows_votes else FER2013_FACES
    return PriorCorrection(() if name == "fer2013" else priors, labels, adjustment, trained_on)


class _RoomCorrection:
    def __init__(self, calibration: ScoreCalibration) -> None:
        self._calibration = calibration

    def __call__(self, scores: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        return self._calibration(scores, room=True)


class PriorCorrection:
    """Corrects scores from the class frequencies of the training data to those of the place where a model is used.

    Args:
        priors: texts `LABEL=SHARE`; the labels that are not named divide the rest in the proportions of FER-2013.
        labels: class names in the order of the scores.
        adjustment: the logit adjustment of the model, label to shift: it is undone, because it changes the frequencies
            that the scores contain.
        trained_on: label to number of faces in the training data.

    Raises:
        WrongUseError: a text cannot be parsed, a label is unknown or given twice, the shares do not fit a sum of 1,
            or the model has other classes than FER-2013.
    """

    def __init__(
        self,
        priors: Sequence[str],
        labels: tuple[str, ...],
        adjustment: Mapping[str, float] | None = None,
        trained_on: Mapping[str, float] = FER2013_FACES,
    ) -> None:
        if set(labels) != set(FER2013_LABELS):
            raise WrongUseError(
                f"prior: the class frequencies in training are known only for the {len(FER2013_LABELS)} classes of "
                f"FER-2013, but this model has {', '.join(labels)}: leave out the prior"
            )
        shares = dict(_share(text) for text in priors)
        if len(shares) != len(priors):
            raise WrongUseError(f"prior: expected each expression only once, got {shortened(', '.join(priors), 200)}")
        rest = {label: faces for label, faces in FER2013_FACES.items() if label not in shares}
        remaining = 1 - sum(shares.values())
        if remaining < -1e-6 or (remaining <= 1e-6 and rest) or (remaining > 1e-6 and not rest):
            raise WrongUseError(
                f"prior: the shares add up to {sum(shares.values()):g}: expected less than 1, because the expressions "
                "that are not named get the rest, or exactly 1 if all are named"
            )
        shares.update({label: remaining * faces / sum(rest.values()) for label, faces in rest.items()})
        total = sum(trained_on.values())
        adjusted = adjustment or {}
        self._factors = np.array(
            [
                shares[label] / (trained_on[label] / total) / np.exp(np.float64(adjusted.get(label, 0.0)))
                for label in labels
            ],
            np.float32,
        )

    def __call__(self, scores: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """Return the corrected scores.

        Args:
            scores: `(n,)` float32 probabilities.

        Returns:
            `(n,)` float32 with sum 1; the scores unchanged if all of them are 0.
        """
        corrected = scores * self._factors
        total = corrected.sum()
        return corrected / total if total > 0 else scores


def _share(text: str) -> tuple[str, float]:
    name, mark, value = text.partition("=")
    try:
        label, share = canonical_label(name), float(value)
        if mark and 0 < share <= 1:
            return label, share
    except (DataError, ValueError):
        pass
    raise WrongUseError(
        f"prior {shown(text)}: expected LABEL=SHARE, such as neutral=0.6, with one of {', '.join(FER2013_LABELS)} and "
        f"a share above 0 and at most 1; or one of {', '.join(NAMED_PRIORS)}"
    )
