"""Receiver operating characteristics: each class against the rest, their mean, and all answers as one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from edge.errors import MissingExtraError

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Curve:
    """One curve: rates 0..1, `false_positive` rising; and the area under it."""

    false_positive: Floats
    true_positive: Floats
    area: float


@dataclass(frozen=True)
class Roc:
    """ROC curves of one classifier on one split.

    Attributes:
        classes: label to its curve against the rest; only classes that some faces have and some have not.
        macro: the mean of these curves, and of their areas; None where there are none.
        micro: every pair of face and class as one answer; None where there is one class only.
        left_out: the classes without a curve.
    """

    classes: dict[str, Curve]
    macro: Curve | None
    micro: Curve | None
    left_out: tuple[str, ...]

    def as_dict(self) -> dict[str, Any]:
        """The areas as plain numbers, for JSON; None for what has no curve."""
        return {
            "classes": {label: curve.area for label, curve in self.classes.items()},
            "macro": self.macro and self.macro.area,
            "micro": self.micro and self.micro.area,
            "left_out": list(self.left_out),
        }


def roc(probabilities: npt.NDArray[np.float32], class_ids: npt.NDArray[np.int64], labels: tuple[str, ...]) -> Roc:
    """Curves and areas, with scikit-learn.

    The macro area is the mean of the classes' areas, `roc_auc_score(average="macro", multi_class="ovr")`.

    Args:
        probabilities: `(n, n_classes)` 0..1.
        class_ids: `(n,)` the labelled class of each face.
        labels: class names.

    Raises:
        MissingExtraError: scikit-learn is not installed.
    """
    wanted = class_ids[:, None] == np.arange(len(labels))
    has_curve = wanted.any(axis=0) & ~wanted.all(axis=0)
    classes = {label: _curve(wanted[:, i], probabilities[:, i]) for i, label in enumerate(labels) if has_curve[i]}
    return Roc(
        classes,
        _mean(list(classes.values())) if classes else None,
        _curve(wanted.ravel(), probabilities.ravel()) if len(labels) > 1 else None,
        tuple(label for i, label in enumerate(labels) if not has_curve[i]),
    )


def _curve(wanted: npt.NDArray[np.bool_], scores: npt.NDArray[np.float32]) -> Curve:
    try:
        from sklearn.metrics import auc, roc_curve
    except ImportError as error:
        raise MissingExtraError("train", "scikit-learn") from error
    false_positive, true_positive, _ = roc_curve(wanted, scores)
    return Curve(false_positive, true_positive, float(auc(false_positive, true_positive)))


def _mean(curves: list[Curve]) -> Curve:
    places = np.linspace(0, 1, 501)
    heights = [np.interp(places, curve.false_positive, curve.true_positive) for curve in curves]
    # Every curve starts in the corner; interpolation gives the top of the first step.
    mean = np.concatenate([[0.0], np.mean(heights, axis=0)])
    return Curve(np.concatenate([[0.0], places]), mean, float(np.mean([curve.area for curve in curves])))
