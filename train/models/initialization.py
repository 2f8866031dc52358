"""First weights: ImageNet's as Keras publishes them, or those of a file; and the backbone that they belong to."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import keras

from edge.errors import DataError, WrongUseError, first_line
from train.evaluation.prediction import load_keras_model
from train.recipes.schema import IMAGENET, NO_WEIGHTS, Recipe

#: Architecture to the name in keras.applications, and to the file that it downloads.
_APPLICATIONS = {
    "vgg16": ("VGG16", "vgg16_weights_tf_dim_ordering_tf_kernels_notop.h5"),
    "resnet50": ("ResNet50", "resnet50_weights_tf_dim_ordering_tf_kernels_notop.h5"),
    "densenet121": ("DenseNet121", "densenet121_weights_tf_dim_ordering_tf_kernels_notop.h5"),
}
#: The layer that ends the backbone: all from it upwards is the head.
_HEADS = ("pool", "flatten")
#: Height and width at which keras.applications' networks are built to read their weights: any will do.
_ANY_SIZE = 64


def load_weights(model: keras.Model, recipe: Recipe) -> None:
    """Put the recipe's first weights into a new model.

    Args:
        model: as `train.models.build_model` made it.
        recipe: whose `weights` say what to load: ImageNet's; a weights file of the family's network without its
            top, as keras.applications takes it; or a `.keras` of this architecture, of whatever classes, as another
            run made it.

    Raises:
        WrongUseError: the architecture has no such weights.
        DataError: the file is missing, cannot be downloaded or does not fit.
    """
    if recipe.weights == NO_WEIGHTS:
        return
    if recipe.weights != IMAGENET and not Path(recipe.weights).is_file():
        raise DataError(f"no weights at {recipe.weights}: expected {IMAGENET}, {NO_WEIGHTS} or a file")
    if Path(recipe.weights).suffix == ".keras":
        source = load_keras_model(Path(recipe.weights))
        layers = [layer for layer in source.layers if _fits(layer, model)]
    else:
        source = _application(recipe)
        layers = source.layers
    taken = {layer.name: layer.get_weights() for layer in layers if layer.weights}
    wanted = [layer.name for layer in backbone(model) if layer.weights]
    if not wanted:
        raise WrongUseError(f"{recipe.architecture} has no backbone to load: expected --weights {NO_WEIGHTS}")
    missing = [name for name in wanted if name not in taken]
    if missing:
        raise DataError(
            f"{recipe.weights} does not fit {recipe.architecture}: it lacks {len(missing)} layers of the backbone, "
            f"the first {missing[0]}"
        )
    for name, values in taken.items():
        model.get_layer(name).set_weights(values)


def backbone(model: keras.Model) -> list[Any]:
    """The layers below the head, in the order of the flow, without those that prepare the pixels; or none."""
    names = [layer.name for layer in model.layers]
    end = min((names.index(name) for name in _HEADS if name in names), default=0)
    layers = [layer for layer in model.layers[:end] if layer.name not in ("pixels", "enlarge", "normalise")]
    return layers if any(layer.weights for layer in layers) else []


def _fits(layer: Any, model: keras.Model) -> bool:
    """Whether the model has a layer of the same name and shapes; another head has not."""
    match = next((own for own in model.layers if own.name == layer.name), None)
    return match is not None and [tuple(w.shape) for w in match.weights] == [tuple(w.shape) for w in layer.weights]


def _application(recipe: Recipe) -> keras.Model:
    """The family's network with weights, by Keras' own loading."""
    if recipe.architecture not in _APPLICATIONS:
        raise WrongUseError(
            f"{recipe.architecture} takes no {recipe.weights!r} weights: expected {NO_WEIGHTS} or a .keras of its own, "
            f"or one of {', '.join(_APPLICATIONS)}"
        )
    name, file = _APPLICATIONS[recipe.architecture]
    build = getattr(keras.applications, name)
    try:
        return build(include_top=False, weights=recipe.weights, input_shape=(_ANY_SIZE, _ANY_SIZE, 3))
    except Exception as error:
        # Keras raises a bare Exception where a download fails, and whatever HDF5 raises for a file that is none.
        if recipe.weights == IMAGENET:
            folder = Path(os.environ.get("KERAS_HOME", "~/.keras")) / "models"
            raise DataError(
                f"cannot download {name}'s ImageNet weights: put {file} into {folder}, or give --weights PATH or "
                f"--weights none ({first_line(error)})"
            ) from error
        raise DataError(f"{recipe.weights} does not fit {name} without its top: {first_line(error)}") from error
