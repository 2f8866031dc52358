"""Remove classes from a trained network: its softmax is over the others."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras

from edge.errors import WrongUseError
from train.models.last_layer import last_dense

#: A softmax of one class is always 1.
_LEAST_CLASSES = 2


def remove_classes(model: keras.Model, labels: Sequence[str], removed: Sequence[str]) -> keras.Model:
    """Return a network without some of the classes; what it is made from stays as it is.

    Nothing is trained. The probability of each class that stays is the one that it had under the condition that the
    class is none of the removed ones: their rows of the last layer are left out.

    Args:
        model: with a dense layer before the softmax, see `last_dense`.
        labels: of the model, in the order of its scores.
        removed: labels of the classes to remove.

    Raises:
        WrongUseError: the model has no such class, or fewer than two would be left.
        ModelError: there is no such layer.
    """
    if foreign := [label for label in removed if label not in labels]:
        raise WrongUseError(f"no class {', '.join(foreign)}: expected some of {', '.join(labels)}")
    kept = [i for i, label in enumerate(labels) if label not in removed]
    if len(kept) < _LEAST_CLASSES:
        raise WrongUseError(f"of {', '.join(labels)}, {len(kept)} would be left: expected two or more")
    last = last_dense(model)

    def copy_of(layer: Any) -> Any:
        config = layer.get_config()
        return type(layer).from_config({**config, "units": len(kept)} if layer is last else config)

    smaller = keras.models.clone_model(model, clone_function=copy_of)
    for before, after in zip(model.layers, smaller.layers, strict=True):
        weights = before.get_weights()
        after.set_weights([each[..., kept] for each in weights] if before is last else weights)
    return smaller
