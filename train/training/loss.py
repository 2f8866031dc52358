"""The loss: cross-entropy, weighted by class if the recipe has `class_weights`."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import numpy.typing as npt

from edge.datasets.reader import Faces
from edge.errors import MissingExtraError

#: The mean over the faces with a weight: those that pad a batch have none.
MEAN = "mean_with_sample_weight"


class WeightedCrossentropy(keras.losses.CategoricalCrossentropy):
    """Categorical cross-entropy times the weight of the target's class; for a soft target the mean weight.

    Args:
        class_weights: `(classes,)` factors.
        label_smoothing: share of each target that is spread over all classes.
    """

    def __init__(self, class_weights: npt.NDArray[np.float32], label_smoothing: float) -> None:
        super().__init__(label_smoothing=label_smoothing, reduction=MEAN)
        self._class_weights = class_weights.astype(np.float32)

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """The loss of each face, `(n,)`."""
        weights = keras.ops.matmul(keras.ops.cast(y_true, "float32"), self._class_weights[:, None])[:, 0]
        return super().call(y_true, y_pred) * weights


def balanced_class_weights(faces: Faces) -> npt.NDArray[np.float32]:
    """scikit-learn's `balanced` weight of each class, `(classes,)` float32; 1 for a class without faces.

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
