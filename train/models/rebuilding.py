"""Keras models built again with other layers and the same weights."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from train.backend import import_keras

#: How the names of Keras' layers for augmentation begin. They do nothing where nothing is trained.
_AUGMENTING = ("Random", "Aug", "MixUp", "CutMix", "RandAugment")
#: They crop or resize also where nothing is trained.
_ALWAYS_ACTIVE = frozenset({"RandomCrop"})


def in_float32(model: Any) -> Any:
    """Return a model that was trained in mixed precision with activations in float32; itself if it has no others.

    Args:
        model: a functional or sequential `keras.Model`.
    """
    if all(layer.dtype_policy.compute_dtype == "float32" for layer in model._flatten_layers()):
        return model
    return _rebuilt(model, lambda layer: layer.__class__.from_config({**layer.get_config(), "dtype": "float32"}))


def for_export(model: Any) -> Any:
    """Return a model with the same scores without what a converter cannot write; itself if it has nothing of that.

    Layers for augmentation, such as RandomFlip, are left out: their random numbers would stay in the graph, although
    they have no effect on the result. Recurrent layers are unrolled: int8 has no loops.

    Args:
        model: a functional or sequential `keras.Model`.
    """
    layers = import_keras().layers
    names = [name for name in dir(layers) if name.startswith(_AUGMENTING) and name not in _ALWAYS_ACTIVE]
    augmenting = tuple(getattr(layers, name) for name in names)
    recurrent = (layers.RNN, layers.Bidirectional)
    if not any(isinstance(layer, (*augmenting, *recurrent)) for layer in model._flatten_layers()):
        return model

    def replacement(layer: Any) -> Any:
        if isinstance(layer, augmenting):
            return layers.Identity(name=layer.name)
        config = layer.get_config()
        return layer.__class__.from_config(_unrolled(config) if isinstance(layer, recurrent) else config)

    return _rebuilt(model, replacement)


def _unrolled(config: dict[str, Any]) -> dict[str, Any]:
    """The configuration of a recurrent layer that is unrolled, and of those that it holds."""
    inner = {
        key: {**value, "config": _unrolled(value["config"])}
        for key, value in config.items()
        if key in ("layer", "backward_layer") and value
    }
    return {**config, **inner} if inner else {**config, "unroll": True}


def _rebuilt(model: Any, replacement: Callable[[Any], Any]) -> Any:
    again = import_keras().models.clone_model(model, clone_function=replacement, recursive=True)
    again.set_weights(model.get_weights())
    return again
