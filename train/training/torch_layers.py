"""Layers that PyTorch does faster than Keras asks it to, for the time of training.

Keras composes batch normalisation of a dozen element-wise operations in float32; PyTorch's own kernel does the
same sum in one pass over bfloat16. And on a CPU a convolution whose maps are small, or whose kernel is 1x1, is
quicker as the matrix product that it is: channels come last, so nothing has to move. Where Keras convolves or pools,
it moves channels to the front, which costs time there and slows down all that follows, backwards too. The saved model
holds Keras' plain layers.
"""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import Any

import keras

#: Maps up to this height and width are convolved as a matrix product; above, the copies cost more than they save.
SMALL_MAP = 4


def torch_layers(model: keras.Model) -> keras.Model:
    """A copy of `model`, weights included, of the layers below; itself on other backends."""
    if keras.backend.backend() != "torch":
        return model
    copy = keras.models.clone_model(model, clone_function=_faster)
    copy.set_weights(model.get_weights())
    return copy


def no_gradients() -> AbstractContextManager[object]:
    """A forward pass that keeps nothing for a backward one; other backends keep nothing unless they are asked."""
    if keras.backend.backend() != "torch":
        return nullcontext()
    import torch

    return torch.no_grad()


def _faster(layer: keras.Layer) -> keras.Layer:
    kind = FASTER.get(type(layer), type(layer))
    return kind.from_config(layer.get_config())


class BatchNormalization(keras.layers.BatchNormalization):
    """Keras' layer, moving averages over the biased variance included, through PyTorch's kernel.

    It has Keras' name, by which checkpoints call it: a run may go on on another backend.
    """

    def call(self, inputs: Any, training: bool | None = None, mask: Any = None) -> Any:
        """Normalise `[..., channels]`; same answer as Keras' layer but for rounding."""
        import torch

        if mask is not None or self.renorm or self.axis not in (-1, inputs.ndim - 1):
            return super().call(inputs, training=training, mask=mask)
        learning = bool(training and self.trainable)
        # A view: channels last is a memory format to PyTorch.
        outputs, mean, inverse_deviation = torch.native_batch_norm(
            inputs.movedim(-1, 1),
            self.gamma.value if self.scale else None,
            self.beta.value if self.center else None,
            None if learning else self.moving_mean.value,
            None if learning else self.moving_variance.value,
            learning,
            0.0,
            self.epsilon,
        )
        if learning:
            with torch.no_grad():
                variance = inverse_deviation.pow(-2) - self.epsilon
                for moving, now in ((self.moving_mean, mean), (self.moving_variance, variance)):
                    moving.assign(moving.value * self.momentum + now.to(moving.value.dtype) * (1 - self.momentum))
        return outputs.movedim(1, -1)


class Conv2D(keras.layers.Conv2D):
    """Keras' layer, channels left where they are; a matrix product where that is quicker."""

    def call(self, inputs: Any) -> Any:
        """Convolve `[batch, height, width, channels]`; same answer as Keras' layer but for rounding."""
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
            # Where a kernel is even, `same` pads one more below and to the right.
            top, left = (rows - 1) // 2, (columns - 1) // 2
            padded = torch.nn.functional.pad(inputs, (0, 0, left, columns - 1 - left, top, rows - 1 - top))
            views = [padded[:, y : y + height, x : x + width] for y in range(rows) for x in range(columns)]
            outputs = torch.cat(views, dim=-1) @ kernel.reshape(-1, kernel.shape[-1])
        else:
            # A view: Keras would copy the maps to channels first and back.
            maps = inputs.movedim(-1, 1)
            left, right, top, bottom = self._same(*inputs.shape[1:3]) if self.padding == "same" else (0, 0, 0, 0)
            if (left, top) != (right, bottom):
                maps = torch.nn.functional.pad(maps, (left, right, top, bottom))
                left = top = 0
            weights = kernel.permute(3, 2, 0, 1)
            outputs = torch.nn.functional.conv2d(maps, weights, None, self.strides, (top, left)).movedim(1, -1)
        if self.use_bias:
            outputs = outputs + self.bias.value
        return outputs if self.activation is None else self.activation(outputs)

    def _same(self, height: int, width: int) -> tuple[int, int, int, int]:
        """What `same` pads on the left, on the right, above and below."""
        pads = []
        for size, kernel, stride in zip((width, height), self.kernel_size[::-1], self.strides[::-1], strict=True):
            missing = max((-(-size // stride) - 1) * stride + kernel - size, 0)
            pads += [missing // 2, missing - missing // 2]
        return tuple(pads)


class MaxPooling2D(keras.layers.MaxPooling2D):
    """Keras' layer, channels left where they are."""

    def call(self, inputs: Any) -> Any:
        """Pool `[batch, height, width, channels]`; same answer as Keras' layer."""
        import torch

        if self.padding != "valid" or self.data_format != "channels_last":
            return super().call(inputs)
        return torch.nn.functional.max_pool2d(inputs.movedim(-1, 1), self.pool_size, self.strides).movedim(1, -1)


class Dropout(keras.layers.Dropout):
    """Keras' layer, four values decided by each number that the CPU draws: drawing is most of its time."""

    def call(self, inputs: Any, training: bool = False) -> Any:
        """Drop a share of `rate`, to the nearest 1/65536, as the generator of the whole program has it."""
        import torch

        dropped = round(self.rate * 2**16)
        plain = self.seed is None and self.noise_shape is None and inputs.device.type == "cpu"
        if not training or not plain or not 0 < dropped < 2**16:
            return super().call(inputs, training=training)
        draws = torch.randint(-(2**63), 2**63 - 1, (-(-inputs.numel() // 4),))
        values = draws.view(torch.int16)[: inputs.numel()].reshape(inputs.shape)
        kept = (values >= dropped - 2**15).to(inputs.dtype)
        return inputs * (kept * (2**16 / (2**16 - dropped)))


FASTER = {
    keras.layers.BatchNormalization: BatchNormalization,
    keras.layers.Conv2D: Conv2D,
    keras.layers.MaxPooling2D: MaxPooling2D,
    keras.layers.Dropout: Dropout,
}
