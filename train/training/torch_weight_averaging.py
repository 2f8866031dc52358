"""The running average of the weights (EMA) that PyTorch moves faster than Keras asks it to."""

from __future__ import annotations

import keras


def averaged_in_one_pass(optimizer: keras.optimizers.Optimizer) -> keras.optimizers.Optimizer:
    """The optimiser, its averages moved in place: the same numbers, but for rounding, as Keras' own.

    Keras computes each weight's average in new memory, one weight after the other, which a network of millions of
    parameters feels at every step.

    Args:
        optimizer: any of Keras'; as it is where nothing is averaged, and on other backends.
    """
    if keras.backend.backend() != "torch" or not optimizer.use_ema:
        return optimizer
    import torch

    started = False

    def move(weights: list[keras.Variable]) -> None:
        # Asking a GPU costs a wait: not once more than needed.
        nonlocal started
        started = started or bool(optimizer.iterations.value)
        pairs = zip(optimizer._model_variables_moving_average, weights, strict=True)
        averages, values = zip(*((a.value, w.value) for a, w in pairs if a is not None), strict=True)
        with torch.no_grad():
            # The first step's weights are the first average.
            torch._foreach_lerp_(averages, values, 1 - optimizer.ema_momentum if started else 1.0)

    optimizer._update_model_variables_moving_average = move
    return optimizer
