"""Scores for a place where expressions are not as frequent as they were in training.

A network's scores hold the frequencies of what it learned from: FER-2013 has 25 % happy and 17 % neutral faces. Where
it is known how frequent expressions are, Bayes' rule exchanges the one for the other: each score times wanted frequency
over learned frequency, then to a sum of 1 (Saerens, Latinne and Decaestecker, Adjusting the outputs of a classifier to
new a priori probabilities, Neural Computation 14, 2002).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from edge.errors import DataError, WrongUseError
from edge.inference.contract import FER2013_LABELS, canonical_label

#: Faces of each class in FER-2013's Training split, duplicates left out.
FER2013_FACES = dict(zip(FER2013_LABELS, (3969, 435, 4079, 7186, 4796, 3161, 4932), strict=True))


class PriorCorrection:
    """Exchanges the frequencies that a network has learned for others.

    Args:
        wanted: `LABEL=SHARE` each; the labels that are not named share the rest as they did in training.
        labels: class names in the order of the scores.

    Raises:
        WrongUseError: a share that is none, more than 1 in all, or a label that the model does not have.
    """

    def __init__(self, wanted: Sequence[str], labels: tuple[str, ...]) -> None:
        if set(labels) != set(FER2013_LABELS):
            raise WrongUseError(
                f"prior: it is known of FER-2013's {len(FER2013_LABELS)} classes alone how frequent they were in "
                f"training; this model has {', '.join(labels)}"
            )
        shares = dict(_share(text) for text in wanted)
        if len(shares) != len(wanted):
            raise WrongUseError(f"prior: expected each expression once, got {', '.join(wanted)}")
        rest = {label: faces for label, faces in FER2013_FACES.items() if label not in shares}
        left = 1 - sum(shares.values())
        if left < -1e-6 or (left <= 1e-6 and rest) or (left > 1e-6 and not rest):
            raise WrongUseError(
                f"prior: the shares sum up to {sum(shares.values()):g}: expected less than 1, the rest being that of "
                "the expressions that are not named; or exactly 1 where all are"
            )
        shares.update({label: left * faces / sum(rest.values()) for label, faces in rest.items()})
        total = sum(FER2013_FACES.values())
        self._factors = np.array([shares[label] / (FER2013_FACES[label] / total) for label in labels], np.float32)

    def __call__(self, scores: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """The scores, `(n,)` float32, as they would be at the wanted frequencies; sum 1."""
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
    raise WrongUseError(f"prior {text!r}: expected LABEL=SHARE, such as neutral=0.6, the share above 0 and up to 1")
