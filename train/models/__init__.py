"""Architectures, one file each, and what is done with whole networks.

An architecture is a subclass of `Architecture`; its `build(n_classes, **model)` returns an uncompiled `keras.Model`
from `[batch, 48, 48, 1]` gray pixels 0..255 to `[batch, n_classes]` softmax in float32. Normalization, channel
repetition and enlargement are inside the graph, so that the saved model takes raw pixels. The layer before the softmax
is a dense layer named `logits`, and a backbone ends before a layer named `pool` or `flatten`.

A package adds an architecture by an entry point, and a recipe then names it::

    [project.entry-points."mien.architectures"]
    my-network = "my_package:MyNetwork"

A recipe may also name a function as `module:function`: see `custom`.

`imagenet` holds what the families of keras.applications share, `initialization` loads first weights, `ensembling`
merges several networks into one, `keras_files` and `saved_model` load what was saved.
"""

from __future__ import annotations

from typing import Any

from edge.errors import DataError, WrongUseError, first_line
from edge.inference.contract import INPUT_SIZE
from edge.system.registry import Registry
from train.models.architecture import Architecture
from train.models.custom import custom_architecture, is_custom

__all__ = ["Architecture", "architectures", "build_model", "check_input_size", "find_architecture"]

architectures: Registry[Architecture] = Registry(
    "mien.architectures",
    "architecture",
    {
        "simple-nn": "train.models.simple_nn:SimpleNN",
        "cnn": "train.models.cnn:CNN",
        "vgg16": "train.models.vgg16:VGG16",
        "resnet50": "train.models.resnet50:ResNet50",
        "densenet121": "train.models.densenet121:DenseNet121",
        "efficientnet-lite0": "train.models.efficientnet_lite:EfficientNetLite0",
        "efficientnet-lite1": "train.models.efficientnet_lite:EfficientNetLite1",
        "efficientnet-lite2": "train.models.efficientnet_lite:EfficientNetLite2",
        "mien": "train.models.mien:Mien",
    },
)


def build_model(architecture: str, n_classes: int, model: dict[str, Any]) -> Any:
    """Build one architecture under Keras' current dtype policy.

    Args:
        architecture: a name in `architectures`, or `module:function`.
        n_classes: width of the softmax.
        model: keyword arguments of the architecture's `build`, from a recipe.

    Returns:
        An uncompiled `keras.Model`; see `Architecture.build`.

    Raises:
        WrongUseError: there is no such architecture.
        DataError: the architecture does not take these arguments.
    """
    if architecture == "ensemble":
        raise WrongUseError("an ensemble is made of finished runs: mien train ensemble RUN RUN --arch NAME")
    family = find_architecture(architecture)
    try:
        return family.build(n_classes, **model)
    except (TypeError, ValueError) as error:
        raise DataError(f"the recipe's [model] does not fit {architecture}: {first_line(error)}") from error


def find_architecture(name: str) -> type[Architecture]:
    """Return an architecture by its name, or as `module:function`.

    Raises:
        WrongUseError: there is no such architecture.
    """
    return custom_architecture(name) if is_custom(name) else architectures.get(name)


def check_input_size(architecture: str, input_size: int) -> None:
    """Check that an architecture can enlarge faces to `input_size` pixels.

    Raises:
        WrongUseError: it does not enlarge faces, or the size is not a multiple of 48.
    """
    from train.backend import import_keras

    import_keras()
    if not find_architecture(architecture).enlarges:
        enlarging = [name for name in architectures.names() if architectures.get(name).enlarges]
        raise WrongUseError(f"--input-size is for {', '.join(enlarging)}, not for {architecture}")
    if input_size % INPUT_SIZE:
        raise WrongUseError(f"--input-size is {input_size}: expected a multiple of {INPUT_SIZE}")
