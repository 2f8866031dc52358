"""Initializes a network: with Keras' ImageNet weights or from a file; and finds the backbone that they belong to."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import keras

from edge.errors import DataError, WrongUseError, first_line
from train.models import architectures, find_architecture
from train.models.keras_files import load_keras_model
from train.models.legacy_weights import read_legacy_weights
from train.recipes.schema import IMAGENET, NO_WEIGHTS, Recipe

#: Names of the layer where the head begins; everything before it is the backbone.
_HEAD_LAYERS = ("pool", "flatten")
#: Layers that prepare the pixels; `normalise` is its name in models of earlier versions.
_INPUT_LAYERS = ("pixels", "enlarge", "normalize", "normalise")
#: Height and width at which a network of keras.applications is built to read its weights: any size works.
_ANY_SIZE = 64


def initialize(model: keras.Model, recipe: Recipe) -> None:
    """Load the recipe's initial weights into a new model.

    Args:
        model: what `train.models.build_model` returned.
        recipe: its `weights` name what to load: ImageNet's; a weights file of the family's network, as
            keras.applications publishes it (of Keras 3 only without the top); or the `.keras` file of another run of
            this architecture, with any classes.

    Raises:
        WrongUseError: the architecture has no such weights.
        DataError: the file is missing, cannot be downloaded or does not fit.
    """
    if recipe.weights == NO_WEIGHTS:
        return
    if recipe.weights != IMAGENET and not Path(recipe.weights).is_file():
        raise DataError(f"no weights at {recipe.weights}: expected {IMAGENET}, {NO_WEIGHTS} or a file")
    if Path(recipe.weights).suffix == ".keras":
        other = load_keras_model(Path(recipe.weights))
        layers = [layer for layer in other.layers if _fits(layer, model)]
        found = {layer.name: layer.get_weights() for layer in layers if layer.weights}
    else:
        found = _application_weights(recipe, model)
    needed = [layer.name for layer in backbone(model) if layer.weights]
    if not needed:
        raise WrongUseError(f"{recipe.architecture} has no backbone to load: expected --weights {NO_WEIGHTS}")
    missing = [name for name in needed if name not in found]
    if missing:
        raise DataError(
            f"{recipe.weights} does not fit {recipe.architecture}: it lacks {len(missing)} layers of the backbone, "
            f"the first {missing[0]}"
        )
    for name, values in found.items():
        model.get_layer(name).set_weights(values)


def backbone(model: keras.Model) -> list[Any]:
    """The layers below the head in the order of the graph, without those that prepare the pixels.

    Returns:
        The layers; empty where the network has none with weights there.
    """
    names, first = [layer.name for layer in model.layers], first_head_layer(model)
    layers = [layer for layer in model.layers[: names.index(first) if first else 0] if layer.name not in _INPUT_LAYERS]
    return layers if any(layer.weights for layer in layers) else []


def first_head_layer(model: keras.Model) -> str:
    """The name of the layer with which the head begins: it pools or flattens. Empty where there is none."""
    return next((layer.name for layer in model.layers if layer.name in _HEAD_LAYERS), "")


def _fits(layer: Any, model: keras.Model) -> bool:
    """Whether the model has a layer of the same name and shapes; a head for other classes does not fit."""
    match = next((own for own in model.layers if own.name == layer.name), None)
    return match is not None and [tuple(w.shape) for w in match.weights] == [tuple(w.shape) for w in layer.weights]


def _application_weights(recipe: Recipe, model: keras.Model) -> dict[str, list[Any]]:
    """The weights of the family's network by layer: from a file of Keras 1 or 2, whatever its top, or by Keras."""
    layers = [layer for layer in backbone(model) if layer.weights]
    path = None if recipe.weights == IMAGENET else Path(recipe.weights)
    if (own := find_architecture(recipe.architecture).pretrained(path)) is not None:
        return own
    if recipe.weights != IMAGENET and layers:
        found = read_legacy_weights(Path(recipe.weights), layers)
        if len(found) == len(layers):
            return found
    return {layer.name: layer.get_weights() for layer in _load_application(recipe).layers if layer.weights}


def _load_application(recipe: Recipe) -> keras.Model:
    """The family's network with weights, loaded by Keras itself."""
    family = find_architecture(recipe.architecture)
    if not family.application:
        families = {name: architectures.get(name) for name in architectures.names()}
        pretrained = [name for name, each in families.items() if each.application or each.weights_package]
        raise WrongUseError(
            f"{recipe.architecture} takes no {recipe.weights!r} weights: expected {NO_WEIGHTS} or a .keras of the same "
            f"architecture, or one of {', '.join(pretrained)}"
        )
    name, file = family.application, family.weights_file
    build = getattr(keras.applications, name)
    try:
        return build(include_top=False, weights=recipe.weights, input_shape=(_ANY_SIZE, _ANY_SIZE, 3))
    except Exception as error:
        # Keras raises a bare Exception where a download fails, and whatever HDF5 raises for an invalid file.
        if recipe.weights == IMAGENET:
            folder = Path(os.environ.get("KERAS_HOME", "~/.keras")) / "models"
            raise DataError(
                f"cannot download {name}'s ImageNet weights: put {file} into {folder}, or give --weights PATH or "
                f"--weights none ({first_line(error)})"
            ) from error
        raise DataError(f"{recipe.weights} does not fit {name} without its top: {first_line(error)}") from error
