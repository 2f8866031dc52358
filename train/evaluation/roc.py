"""Receiver operating characteristics: each class against the rest, their macro mean, and the micro average."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from edge.errors import MissingExtraError

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Curve:
    """One ROC curve.

    Attributes:
        false_positive: `(n,)` rates 0..1, ascending.
        true_positive: `(n,)` rates 0..1.
        area: the area under the curve, 0..1.
    """

    false_positive: Floats
    true_positive: Floats
    area: float


@dataclass(frozen=True)
class ROC:
    """The ROC curves of one classifier on one split.

    Attributes:
        classes: label to its curve against the rest; only for classes that some faces have and others have not.
        macro: the mean of these curves, and of their areas; None where there are none.
        micro: the curve over every pair of face and class; None where there is only one class.
        undefined: the classes without a curve.
    """

    classes: dict[str, Curve]
    macro: Curve | None
    micro: Curve | None
    undefined: tuple[str, ...]

    def as_dict(self) -> dict[str, Any]:
        """The areas as plain numbers, for JSON; None where there is no curve."""
        return {
            "classes": {label: curve.area for label, curve in self.classes.items()},
            "macro": self.macro and self.macro.area,
            "micro": self.micro and self.micro.area,
            "left_out": list(self.undefined),
        }


def compute_roc(
    probabilities: npt.NDArray[np.float32], class_ids: npt.NDArray[np.int64], labels: tuple[str, ...]
) -> ROC:
    """Compute curves and areas with scikit-learn.

    The macro area is the mean of the classes' areas, `roc_auc_score(average="macro", multi_class="ovr")`.

    Args:
        probabilities: `(n, n_classes)` 0..1.
        class_ids: `(n,)` the labeled class of each face.
        labels: class names.

    Raises:
        MissingExtraError: scikit-learn is not installed.
    """
    is_class = class_ids[:, None] == np.arange(len(labels))
    has_curve = is_class.any(axis=0) & ~is_class.all(axis=0)
    classes = {label: _curve(is_class[:, i], probabilities[:, i]) for i, label in enumerate(labels) if has_curve[i]}
    return ROC(
        classes,
        _mean(list(classes.values())) if classes else None,
        _curve(is_class.ravel(), probabilities.ravel()) if len(labels) > 1 else None,
        tuple(label for i, label in enumerate(labels) if not has_curve[i]),
    )


def _curve(is_class: npt.NDArray[np.bool_], scores: npt.NDArray[np.float32]) -> Curve:
    try:
        from sklearn.metrics import auc, roc_curve
    except ImportError as error:
        raise MissingExtraError("train", "scikit-learn") from error
    false_positive, true_positive, _ = roc_curve(is_class, scores)
    return Curve(false_positive, true_positive, float(auc(false_positive, true_positive)))


def _mean(curves: list[Curve]) -> Curve:
    positions = np.linspace(0, 1, 501)
    heights = [np.interp(positions, curve.false_positive, curve.true_positive) for curve in curves]
    # Every curve starts at the origin, where interpolation gives the top of the first step instead.
    mean = np.concatenate([[0.0], np.mean(heights, axis=0)])
    return Curve(np.concatenate([[0.0], positions]), mean, float(np.mean([curve.area for curve in curves])))
