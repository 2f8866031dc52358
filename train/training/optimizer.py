"""Builds the optimizer of a stage, with its learning-rate schedule."""

from __future__ import annotations

from typing import Any

import keras

from train.recipes.schema import Fit, Stage
from train.training.moving_averages import warm_up_averages


def build_optimizer(fit: Fit, stage: Stage, steps_per_epoch: int) -> keras.optimizers.Optimizer:
    """Build an optimizer whose schedule begins at the stage's first step.

    Args:
        fit: the recipe's settings.
        stage: gives the learning rate at its peak, and the length of a cosine schedule.
        steps_per_epoch: batches in each epoch.
    """
    rate: Any = stage.learning_rate
    if fit.schedule == "cosine":
        # A trial run of an epoch or two must not end within the warm-up.
        warmup = int(min(fit.warmup_epochs, stage.epochs / 2) * steps_per_epoch)
        rate = keras.optimizers.schedules.CosineDecay(
            0.0 if warmup else stage.learning_rate,
            max(stage.epochs * steps_per_epoch - warmup, 1),
            warmup_target=stage.learning_rate if warmup else None,
            warmup_steps=warmup,
        )
    common: dict[str, Any] = {
        "weight_decay": fit.weight_decay or None,
        "use_ema": fit.ema > 0,
        "ema_momentum": fit.ema or 0.99,
    }
    if fit.optimizer == "sgd":
        optimizer = keras.optimizers.SGD(rate, momentum=0.9, nesterov=True, **common)
    else:
        optimizer = keras.optimizers.Adam(rate, **common)
    if fit.weight_decay:
        optimizer.exclude_from_weight_decay(var_names=["bias", "gamma", "beta"])
    return warm_up_averages(optimizer)
