"""The dense layer whose outputs the softmax takes, in any classifier."""

from __future__ import annotations

from typing import Any

import keras

from edge.errors import ModelError

#: Name of that layer in every architecture of mien.
LOGITS = "logits"


def last_dense(model: keras.Model) -> Any:
    """Return the layer: the one with the name `logits`, or the last dense layer, with a softmax in it or after it.

    Raises:
        ModelError: there is neither, or the layer has no bias.
    """
    named = [layer for layer in model.layers if layer.name == LOGITS]
    layer = last = named[0] if named else model.layers[-1]
    if not named and not isinstance(last, keras.layers.Dense) and _is_softmax(last):
        layer = last.input._keras_history.operation
    if not isinstance(layer, keras.layers.Dense) or layer.bias is None or not (named or _is_softmax(last)):
        raise ModelError(
            f"the network's last layer is {layer.name} ({type(layer).__name__}): expected a dense layer with a bias "
            f"and a softmax, or one with the name {LOGITS!r}"
        )
    return layer


def _is_softmax(layer: Any) -> bool:
    is_layer = isinstance(layer, keras.layers.Softmax)
    return is_layer or getattr(layer, "activation", None) is keras.activations.softmax
