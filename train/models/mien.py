"""`mien`: the edge family. Plain 3x3 convolutions, batch norm, ReLU, with or without shortcuts (He et al., 2015).

LiteRT runs every operation of it in int8 under XNNPACK. The normalization has no offset, so that it can be merged into
the first convolution exactly, zero padding included. In int8 an addition takes as long as a small convolution: the
smallest networks are better without shortcuts.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
from keras import layers

from edge.inference.contract import INPUT_SIZE
from train.models.architecture import Architecture
from train.models.branches import branched_convolution, convolution, fold_branches, has_branches


class Mien(Architecture):
    """The edge family."""

    @staticmethod
    def build(
        n_classes: int,
        widths: Sequence[int] = (32, 64, 128),
        blocks: int | Sequence[int] = 2,
        entry_width: int = 0,
        stem_width: int | None = None,
        stem_stride: int = 2,
        shortcuts: bool = True,
        pooling: bool = False,
        dense: int = 0,
        dropout: float = 0.0,
        branches: bool = False,
    ) -> keras.Model:
        """Build the network; see `Architecture.build`.

        Args:
            n_classes: width of the softmax.
            widths: channels of each stage; every stage but the first halves height and width.
            blocks: blocks in each stage: one number for all stages, or one for each.
            entry_width: channels of a convolution at full size before the stem (He et al., 2019, "Bag of Tricks");
                0 leaves it out.
            stem_width: channels of the stem; None takes those of the first stage.
            stem_stride: stride of the stem; 2 divides the cost of everything after it by four.
            shortcuts: whether a block is two convolutions with a shortcut around them, or one without.
            pooling: whether max pooling halves height and width, before each stage but the first and before the dense
                layer, instead of the stride of a stage's first convolution.
            dense: width of a dense layer over all positions of the last stage; 0 averages over the positions instead.
            dropout: share of the features before the last layer that is dropped in training.
            branches: whether every 3x3 convolution is trained with branches beside it (Ding et al., 2021, "RepVGG"),
                which `folded` removes from the trained network.

        Raises:
            ValueError: `blocks` and `widths` have different lengths.
        """
        counts = [blocks] * len(widths) if isinstance(blocks, int) else blocks
        if len(counts) != len(widths):
            raise ValueError(f"blocks of {len(counts)} stages, widths of {len(widths)}: expected the same number")
        pixels = x = keras.Input((INPUT_SIZE, INPUT_SIZE, 1), name="pixels")
        x = layers.Rescaling(1 / 255, name="normalize")(x)
        if entry_width:
            x = _conv_bn_relu(x, entry_width, 1, "entry", branches)
        x = _conv_bn_relu(x, stem_width or widths[0], stem_stride, "stem", branches)
        block = _residual if shortcuts else _conv_bn_relu
        for i, (width, count) in enumerate(zip(widths, counts, strict=True), start=1):
            if pooling and i > 1:
                x = layers.MaxPooling2D(name=f"stage{i}_pool")(x)
            for j in range(1, count + 1):
                stride = 2 if i > 1 and j == 1 and not pooling else 1
                x = block(x, width, stride, f"stage{i}_block{j}", branches)
        if dense:
            if pooling:
                x = layers.MaxPooling2D(name="pool")(x)
            x = layers.Flatten(name="flatten")(x)
            x = layers.Dense(dense, use_bias=False, kernel_initializer="he_normal", name="dense")(x)
            x = layers.BatchNormalization(name="dense_bn")(x)
            x = layers.ReLU(name="dense_relu")(x)
        else:
            x = layers.GlobalAveragePooling2D(name="pool")(x)
        if dropout:
            x = layers.Dropout(dropout, name="dropout")(x)
        x = layers.Dense(n_classes, name="logits")(x)
        scores = layers.Softmax(dtype="float32", name="scores")(x)
        return keras.Model(pixels, scores, name="mien")

    @classmethod
    def folded(cls, trained: keras.Model, n_classes: int, **model: Any) -> keras.Model:
        """Fold the branches of a trained network; see `Architecture.folded`."""
        if not has_branches(trained):
            return trained
        plain = cls.build(n_classes, **{**model, "branches": False})
        fold_branches(trained, plain)
        return plain


def _residual(x: Any, width: int, stride: int, name: str, branches: bool) -> Any:
    same = stride == 1 and x.shape[-1] == width
    shortcut = x if same else convolution(x, width, 1, stride, f"{name}_shortcut")
    x = _conv_bn_relu(x, width, stride, f"{name}_conv1", branches)
    x = _conv_bn(x, width, 1, f"{name}_conv2", branches)
    x = layers.Add(name=f"{name}_add")([shortcut, x])
    return layers.ReLU(name=f"{name}_relu")(x)


def _conv_bn_relu(x: Any, width: int, stride: int, name: str, branches: bool) -> Any:
    x = _conv_bn(x, width, stride, name, branches)
    return layers.ReLU(name=f"{name}_relu")(x)


def _conv_bn(x: Any, width: int, stride: int, name: str, branches: bool) -> Any:
    return branched_convolution(x, width, stride, name) if branches else convolution(x, width, 3, stride, name)
