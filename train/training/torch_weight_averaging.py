"""Weight averaging (EMA) in one fused PyTorch operation instead of one for each weight."""

from __future__ import annotations

import keras


def fuse_weight_averaging(optimizer: keras.optimizers.Optimizer) -> keras.optimizers.Optimizer:
    """Make an optimizer update its moving averages in place; the numbers are Keras' own except for rounding.

    Keras computes each weight's average in new memory, one weight after the other, which slows down every step of a
    network with millions of parameters.

    Args:
        optimizer: any optimizer of Keras; unchanged without averaging (EMA), and on other backends.

    Returns:
        The same optimizer.
    """
    if keras.backend.backend() != "torch" or not optimizer.use_ema:
        return optimizer
    import torch

    started = False

    def update(weights: list[keras.Variable]) -> None:
        # Reading the counter waits for a GPU: only as often as necessary.
        nonlocal started
        started = started or bool(optimizer.iterations.value)
        pairs = zip(optimizer._model_variables_moving_average, weights, strict=True)
        averages, values = zip(*((a.value, w.value) for a, w in pairs if a is not None), strict=True)
        with torch.no_grad():
            # The weights after the first step are the first average.
            torch._foreach_lerp_(averages, values, 1 - optimizer.ema_momentum if started else 1.0)

    optimizer._update_model_variables_moving_average = update
    return optimizer
