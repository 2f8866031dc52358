"""Architectures, one file a family.

A builder takes `(n_classes, **model)` and returns an uncompiled `keras.Model` from `[batch, 48, 48, 1]` grey
pixels 0..255 to `[batch, n_classes]` softmax in float32. Normalisation is inside. Layers have stable names.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

from edge.errors import DataError, WrongUseError

_FAMILIES = {
    "simple-nn": "simple_nn",
    "cnn": "cnn",
    "vgg16": "vgg16",
    "resnet50": "resnet50",
    "densenet121": "densenet121",
    "mien": "mien",
}
#: Those that enlarge the face inside the graph, to `input_size`.
ENLARGING = ("vgg16", "resnet50", "densenet121")


def build_model(architecture: str, n_classes: int, model: dict[str, Any]) -> Any:
    """Build one architecture under Keras' current dtype policy.

    Args:
        architecture: one of the families.
        n_classes: width of the softmax.
        model: keyword arguments of the family's builder, from a recipe.

    Raises:
        WrongUseError: no such family.
        DataError: the family's builder does not take these arguments.
    """
    if architecture == "ensemble":
        raise WrongUseError("an ensemble is made of finished runs: mien train ensemble RUN RUN --arch NAME")
    if architecture not in _FAMILIES:
        raise WrongUseError(f"no architecture {architecture!r}: expected one of {', '.join(_FAMILIES)}")
    family = import_module(f"train.models.{_FAMILIES[architecture]}")
    try:
        return family.build(n_classes, **model)
    except (TypeError, ValueError) as error:
        raise DataError(f"the recipe's [model] does not fit {architecture}: {str(error).splitlines()[0]}") from error
