"""Layers that are faster on PyTorch than Keras' own, used during training only.

Keras composes batch normalization of a dozen element-wise operations in float32; PyTorch's own kernel does the same in
one pass over bfloat16. On a CPU, a convolution with small feature maps or a 1x1 kernel is faster as a matrix product:
channels come last, so nothing has to be moved. Where Keras convolves or pools, it moves channels to the front, which
costs time there and slows down everything after it, the backward pass included. The saved model holds Keras' own
layers.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import keras

#: Feature maps up to this height and width are convolved as a matrix product; above, the copies cost more than they
#: save.
SMALL_MAP = 4
#: Depthwise kernels up to this height and width are faster in bfloat16 than in float32.
SMALL_KERNEL = 3


def torch_layers(model: keras.Model) -> keras.Model:
    """A copy of `model`, weights included, that is made of the layers below; the model itself on other backends."""
    if keras.backend.backend() != "torch":
        return model
    copy = keras.models.clone_model(model, clone_function=_faster)
    copy.set_weights(model.get_weights())
    return copy


def no_gradients() -> AbstractContextManager[object]:
    """A context for a forward pass without a backward one; other backends record gradients only on request."""
    if keras.backend.backend() != "torch":
        return nullcontext()
    import torch

    context: AbstractContextManager[object] = torch.no_grad()
    return context


def seed_dropout(seed: int) -> None:
    """Seed what Keras' dropout takes its random numbers from on PyTorch; elsewhere, each layer has its own state."""
    if keras.backend.backend() == "torch":
        import torch

        torch.manual_seed(seed)


def _faster(layer: keras.Layer) -> keras.Layer:
    kind: Any = FASTER.get(type(layer), type(layer))
    return kind.from_config(layer.get_config())


class BatchNormalization(keras.layers.BatchNormalization):
    """Keras' layer with PyTorch's kernel; the moving averages use the biased variance, as Keras' do.

    The class has Keras' name, which checkpoints contain: a run may be resumed on another backend.
    """

    def call(self, inputs: Any, training: bool | None = None, mask: Any = None) -> Any:
        """Normalize `[..., channels]`; the same result as Keras' layer except for rounding."""
        import torch

        if mask is not None or self.renorm or self.axis not in (-1, inputs.ndim - 1):
            return super().call(inputs, training=training, mask=mask)
        gathers = bool(training and self.trainable)
        # A view: to PyTorch, channels last is a memory format.
        outputs, mean, inverse_deviation = torch.native_batch_norm(
            inputs.movedim(-1, 1),
            self.gamma.value if self.scale else None,
            self.beta.value if self.center else None,
            None if gathers else self.moving_mean.value,
            None if gathers else self.moving_variance.value,
            gathers,
            0.0,
            self.epsilon,
        )
        if gathers:
            with torch.no_grad():
                variance = inverse_deviation.pow(-2) - self.epsilon
                for moving, now in ((self.moving_mean, mean), (self.moving_variance, variance)):
                    moving.assign(moving.value * self.momentum + now.to(moving.value.dtype) * (1 - self.momentum))
        return outputs.movedim(1, -1)


class Conv2D(keras.layers.Conv2D):
    """Keras' layer without moving the channels; a matrix product where that is faster."""

    def call(self, inputs: Any) -> Any:
        """Convolve `[batch, height, width, channels]`; the same result as Keras' layer except for rounding."""
        import torch

        rows, columns = self.kernel_size
        plain = self.groups == 1 and self.dilation_rate == (1, 1) and self.data_format == "channels_last"
        if not plain or inputs.device.type != "cpu":
            return super().call(inputs)
        kernel = self.kernel.value
        if (rows, columns) == (1, 1):
            down, right = self.strides
            outputs = inputs[:, ::down, ::right] @ kernel[0, 0]
        elif self.strides == (1, 1) and self.padding == "same" and max(inputs.shape[1:3]) <= SMALL_MAP:
            _, height, width, _ = inputs.shape
            # For an even kernel, `same` pads one more below and to the right.
            top, left = (rows - 1) // 2, (columns - 1) // 2
            padded = torch.nn.functional.pad(inputs, (0, 0, left, columns - 1 - left, top, rows - 1 - top))
            views = [padded[:, y : y + height, x : x + width] for y in range(rows) for x in range(columns)]
            outputs = torch.cat(views, dim=-1) @ kernel.reshape(-1, kernel.shape[-1])
        else:
            # A view: Keras would copy the maps to channels first and back.
            maps = inputs.movedim(-1, 1)
            left, right, top, bottom = (
                _same_padding(inputs.shape[1:3], self.kernel_size, self.strides)
                if self.padding == "same"
                else (0, 0, 0, 0)
            )
            if (left, top) != (right, bottom):
                maps = torch.nn.functional.pad(maps, (left, right, top, bottom))
                left = top = 0
            weights = kernel.permute(3, 2, 0, 1)
            outputs = torch.nn.functional.conv2d(maps, weights, None, self.strides, (top, left)).movedim(1, -1)
        if self.use_bias:
            outputs = outputs + self.bias.value
        return outputs if self.activation is None else self.activation(outputs)


class DepthwiseConv2D(keras.layers.DepthwiseConv2D):
    """Keras' layer without moving the channels; larger kernels in float32, for which PyTorch's kernel is faster."""

    def call(self, inputs: Any) -> Any:
        """Convolve `[batch, height, width, channels]`; the same result as Keras' layer except for rounding."""
        import torch

        plain = self.dilation_rate == (1, 1) and self.data_format == "channels_last"
        if not plain or inputs.device.type != "cpu":
            return super().call(inputs)
        dtype = inputs.dtype
        kernel = self.kernel.value.to(dtype)
        if max(self.kernel_size) > SMALL_KERNEL:
            inputs, kernel = inputs.float(), kernel.float()
        maps = inputs.movedim(-1, 1)
        if self.padding == "same":
            maps = torch.nn.functional.pad(maps, _same_padding(inputs.shape[1:3], self.kernel_size, self.strides))
        rows, columns, channels, multiplier = kernel.shape
        weights = kernel.permute(2, 3, 0, 1).reshape(channels * multiplier, 1, rows, columns)
        outputs = torch.nn.functional.conv2d(maps, weights, None, self.strides, groups=channels).movedim(1, -1)
        outputs = outputs.to(dtype)
        if self.use_bias:
            outputs = outputs + self.bias.value
        return outputs if self.activation is None else self.activation(outputs)


def _same_padding(size: Sequence[int], kernel_size: Sequence[int], strides: Sequence[int]) -> tuple[int, int, int, int]:
    """The padding of `same` on the left, on the right, above and below."""
    pads = []
    for length, kernel, stride in zip(reversed(size), reversed(kernel_size), reversed(strides), strict=True):
        missing = max((-(-length // stride) - 1) * stride + kernel - length, 0)
        pads += [missing // 2, missing - missing // 2]
    left, right, top, bottom = pads
    return left, right, top, bottom


class MaxPooling2D(keras.layers.MaxPooling2D):
    """Keras' layer without moving the channels."""

    def call(self, inputs: Any) -> Any:
        """Pool `[batch, height, width, channels]`; the same result as Keras' layer."""
        import torch

        if self.padding != "valid" or self.data_format != "channels_last":
            return super().call(inputs)
        return torch.nn.functional.max_pool2d(inputs.movedim(-1, 1), self.pool_size, self.strides).movedim(1, -1)


class Dropout(keras.layers.Dropout):
    """Keras' layer with four values from each random number that the CPU draws, which takes most of its time."""

    def call(self, inputs: Any, training: bool = False) -> Any:
        """Drop a share of `rate`, to the nearest 1/65536, with PyTorch's global generator."""
        import torch

        dropped = round(self.rate * 2**16)
        plain = self.seed is None and self.noise_shape is None and inputs.device.type == "cpu"
        if not training or not plain or not 0 < dropped < 2**16:
            return super().call(inputs, training=training)
        draws = torch.randint(-(2**63), 2**63 - 1, (-(-inputs.numel() // 4),))
        values = draws.view(torch.int16)[: inputs.numel()].reshape(inputs.shape)
        mask = (values >= dropped - 2**15).to(inputs.dtype)
        return inputs * (mask * (2**16 / (2**16 - dropped)))


FASTER: dict[Any, Any] = {
    keras.layers.BatchNormalization: BatchNormalization,
    keras.layers.Conv2D: Conv2D,
    keras.layers.DepthwiseConv2D: DepthwiseConv2D,
    keras.layers.MaxPooling2D: MaxPooling2D,
    keras.layers.Dropout: Dropout,
}
