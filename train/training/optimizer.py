"""The optimiser of a stage, with its learning-rate schedule."""

from __future__ import annotations

from typing import Any

import keras

from train.recipes.schema import Fit, Stage
from train.training.torch_weight_averaging import averaged_in_one_pass


def build_optimizer(fit: Fit, stage: Stage, steps_per_epoch: int) -> keras.optimizers.Optimizer:
    """An optimiser that starts its schedule at the stage's first step.

    Args:
        fit: the recipe's settings.
        stage: gives the learning rate at its peak, and the length of a cosine.
        steps_per_epoch: batches an epoch.
    """
    rate: Any = stage.learning_rate
    if fit.schedule == "cosine":
        # A try of an epoch or two shall not end in the warm-up.
        warmup = int(min(fit.warmup_epochs, stage.epochs / 2) * steps_per_epoch)
        rate = keras.optimizers.schedules.CosineDecay(
            0.0 if warmup else stage.learning_rate,
            max(stage.epochs * steps_per_epoch - warmup, 1),
            warmup_target=stage.learning_rate if warmup else None,
            warmup_steps=warmup,
        )
    common = {
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
    return averaged_in_one_pass(optimizer)
