"""What a stage trains of a model, and what it keeps."""

from __future__ import annotations

import keras

from edge.errors import DataError, WrongUseError
from train.models.initialization import backbone
from train.recipes.schema import Recipe, Stage


def freeze(model: keras.Model, recipe: Recipe, stage: Stage) -> None:
    """Set which of the backbone's layers a stage trains; the model is to be compiled after it.

    Raises:
        DataError: the stage names a layer that the backbone does not have.
        WrongUseError: the architecture has no backbone to freeze.
    """
    layers = backbone(model)
    if not layers and stage.train != "all":
        raise WrongUseError(f"{recipe.architecture} has no backbone for stage {stage.name} of {recipe.name} to keep")
    first = _first_trained(stage, [layer.name for layer in layers], recipe)
    for number, layer in enumerate(layers):
        normalises = isinstance(layer, keras.layers.BatchNormalization)
        layer.trainable = number >= first and (stage.batch_norm or not normalises)


def _first_trained(stage: Stage, names: list[str], recipe: Recipe) -> int:
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
