"""Freezes the layers of the backbone that a stage does not train."""

from __future__ import annotations

import keras

from edge.errors import DataError, WrongUseError
from train.models.initialization import backbone
from train.recipes.schema import Recipe, Stage


def freeze(model: keras.Model, recipe: Recipe, stage: Stage) -> None:
    """Set which layers of the backbone a stage trains. The model must be compiled afterwards.

    Args:
        model: the model; `trainable` of its backbone's layers is set.
        recipe: the recipe, for error messages.
        stage: the stage.

    Raises:
        DataError: the stage names a layer that the backbone does not have.
        WrongUseError: the architecture has no backbone to freeze.
    """
    layers = backbone(model)
    if not layers and stage.train != "all":
        raise WrongUseError(f"{recipe.architecture} has no backbone for stage {stage.name} of {recipe.name} to freeze")
    first = _first_trained(stage, [layer.name for layer in layers], recipe)
    for number, layer in enumerate(layers):
        is_norm = isinstance(layer, keras.layers.BatchNormalization)
        layer.trainable = number >= first and (stage.batch_norm or not is_norm)


def _first_trained(stage: Stage, names: list[str], recipe: Recipe) -> int:
    """The position of the first layer of the backbone that a stage trains."""
    if stage.train == "all":
        return 0
    if stage.train == "head":
        return len(names)
    if stage.train not in names:
        raise DataError(
            f"stage {stage.name} of {recipe.name} trains from {stage.train!r}: expected all, head or a layer of "
            f"{recipe.architecture}, such as {names[-1]}"
        )
    return names.index(stage.train)
