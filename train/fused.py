"""Batch normalisation in one kernel on PyTorch, for the time of training.

Keras composes it of a dozen element-wise operations in float32; PyTorch's own kernel does the same sum in one
pass over bfloat16, which is most of what a step saves. The saved model holds Keras' plain layer.
"""

from __future__ import annotations

from typing import Any

import keras


def fuse_batch_normalization(model: keras.Model) -> keras.Model:
    """A copy of `model`, weights included, whose batch normalisation is fused; itself on other backends."""
    if keras.backend.backend() != "torch":
        return model
    fused = keras.models.clone_model(model, clone_function=_fused_layer)
    fused.set_weights(model.get_weights())
    return fused


def _fused_layer(layer: keras.Layer) -> keras.Layer:
    if type(layer) is not keras.layers.BatchNormalization:
        return layer.__class__.from_config(layer.get_config())
    return BatchNormalization.from_config(layer.get_config())


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
