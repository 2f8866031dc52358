"""The loss: cross-entropy, with rare classes counted the more where the recipe wants it."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np

from edge.datasets.reader import Faces
from edge.errors import MissingExtraError

#: The mean over the faces that count: those that only fill a batch up have no weight.
MEAN = "mean_with_sample_weight"


class WeightedCrossentropy(keras.losses.CategoricalCrossentropy):
    """Categorical cross-entropy times the weight of the target's class; of a soft target, its classes' mean weight.

    Args:
        class_weights: `(classes,)` factors.
        label_smoothing: share of each target spread over all classes.
    """

    def __init__(self, class_weights: np.ndarray, label_smoothing: float) -> None:
        super().__init__(label_smoothing=label_smoothing, reduction=MEAN)
        self._class_weights = class_weights.astype(np.float32)

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """Loss of each face, `(n,)`."""
        weights = keras.ops.matmul(keras.ops.cast(y_true, "float32"), self._class_weights[:, None])[:, 0]
        return super().call(y_true, y_pred) * weights


def balanced_weights(faces: Faces) -> np.ndarray:
    """scikit-learn's `balanced` weight of each class, `(classes,)` float32; 1 for a class without a face.

    Raises:
        MissingExtraError: scikit-learn is not installed.
    """
    try:
        from sklearn.utils.class_weight import compute_class_weight
    except ImportError as error:
        raise MissingExtraError("train", "scikit-learn") from error
    present = np.unique(faces.class_ids)
    weights = np.ones(len(faces.labels), np.float32)
    weights[present] = compute_class_weight("balanced", classes=present, y=faces.class_ids)
    return weights
