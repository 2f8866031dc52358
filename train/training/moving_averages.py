"""Moving averages of the weights (EMA) that begin over few steps, and in one fused operation on PyTorch."""

from __future__ import annotations

from typing import Any

import keras

#: In step t the momentum is at most t / (t + 9): a run of a few hundred steps would otherwise validate weights that are
#: hardly trained. The same warm-up as of TensorFlow's ExponentialMovingAverage with `num_updates`.
_DELAY = 9


def warm_up_averages(optimizer: keras.optimizers.Optimizer) -> keras.optimizers.Optimizer:
    """Make the momentum of an optimizer's averages grow from 0 to its `ema_momentum`.

    The averages are of about a tenth of the steps so far, until that is more than the momentum asks for. On PyTorch
    they are updated in place: Keras computes each weight's average in new memory, one weight after the other, which
    slows down every step of a network with millions of parameters.

    Args:
        optimizer: any optimizer of Keras; unchanged without averaging (EMA).

    Returns:
        The same optimizer.
    """
    if optimizer.use_ema:
        on_torch = keras.backend.backend() == "torch"
        optimizer._update_model_variables_moving_average = _fused(optimizer) if on_torch else _plain(optimizer)
    return optimizer


def _plain(optimizer: keras.optimizers.Optimizer) -> Any:
    ops = keras.ops

    def update(weights: list[keras.Variable]) -> None:
        step = ops.cast(optimizer.iterations, "float32")
        momentum = ops.minimum(step / (step + _DELAY), optimizer.ema_momentum)
        for average, weight in zip(optimizer._model_variables_moving_average, weights, strict=True):
            if average is not None:
                share = ops.cast(momentum, weight.dtype)
                average.assign(share * average + (1 - share) * weight)

    return update


def _fused(optimizer: keras.optimizers.Optimizer) -> Any:
    import torch

    step: int | None = None

    def update(weights: list[keras.Variable]) -> None:
        # Reading the counter waits for a GPU: only once.
        nonlocal step
        step = int(optimizer.iterations.value) if step is None else step + 1
        pairs = zip(optimizer._model_variables_moving_average, weights, strict=True)
        averages, values = zip(*((a.value, w.value) for a, w in pairs if a is not None), strict=True)
        with torch.no_grad():
            torch._foreach_lerp_(averages, values, 1 - min(step / (step + _DELAY), optimizer.ema_momentum))

    return update
