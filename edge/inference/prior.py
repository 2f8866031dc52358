"""Prior shift correction: scores for a place where expressions are not as frequent as in the training data.

A network's scores depend on the class frequencies of its training data: of FER-2013's faces 25 % are happy and 17 %
neutral. If the frequencies where the model is used are known, Bayes' rule replaces one by the other: each score is
multiplied by target frequency over training frequency, then all are divided by their sum (Saerens, Latinne and
Decaestecker, Adjusting the outputs of a classifier to new a priori probabilities, Neural Computation 14, 2002).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from edge.errors import DataError, WrongUseError
from edge.inference.contract import FER2013_LABELS, canonical_label

#: Number of faces of each class in FER-2013's Training split, without duplicates.
FER2013_FACES = dict(zip(FER2013_LABELS, (3969, 435, 4079, 7186, 4796, 3161, 4932), strict=True))


class PriorCorrection:
    """Corrects scores from the class frequencies of FER-2013 to those of the place where a model is used.

    Args:
        priors: texts `LABEL=SHARE`; the labels that are not named divide the rest in the proportions of FER-2013.
        labels: class names in the order of the scores.

    Raises:
        WrongUseError: a text cannot be parsed, a label is unknown or given twice, the shares do not fit a sum of 1,
            or the model has other classes than FER-2013.
    """

    def __init__(self, priors: Sequence[str], labels: tuple[str, ...]) -> None:
        if set(labels) != set(FER2013_LABELS):
            raise WrongUseError(
                f"prior: the class frequencies in training are known only for the {len(FER2013_LABELS)} classes of "
                f"FER-2013, but this model has {', '.join(labels)}: leave out the prior"
            )
        shares = dict(_share(text) for text in priors)
        if len(shares) != len(priors):
            raise WrongUseError(f"prior: expected each expression only once, got {', '.join(priors)}")
        rest = {label: faces for label, faces in FER2013_FACES.items() if label not in shares}
        remaining = 1 - sum(shares.values())
        if remaining < -1e-6 or (remaining <= 1e-6 and rest) or (remaining > 1e-6 and not rest):
            raise WrongUseError(
                f"prior: the shares add up to {sum(shares.values()):g}: expected less than 1, because the expressions "
                "that are not named get the rest, or exactly 1 if all are named"
            )
        shares.update({label: remaining * faces / sum(rest.values()) for label, faces in rest.items()})
        total = sum(FER2013_FACES.values())
        self._factors = np.array([shares[label] / (FER2013_FACES[label] / total) for label in labels], np.float32)

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
        f"prior {text!r}: expected LABEL=SHARE, such as neutral=0.6, with one of {', '.join(FER2013_LABELS)} and a "
        "share above 0 and at most 1"
    )
