"""Train one recipe on one data set, into a run folder."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import keras
import numpy as np

from edge.dataset import Faces
from edge.errors import MienError
from edge.files import replacing, write_json
from edge.metrics import score
from train.backend import resolve_precision
from train.batches import Batches
from train.checkpoint import BestWeights, Checkpoint
from train.interrupt import InterruptBetweenBatches
from train.models import build_model
from train.recipe import Fit, Recipe
from train.run import RunFolder
from train.torch_layers import torch_layers

Say = Callable[[str], None]


def fit(
    recipe: Recipe,
    training: Faces,
    validation: Faces,
    run: RunFolder,
    data: dict[str, Any],
    *,
    verbose: str | int = "auto",
    say: Say = print,
) -> dict[str, Any]:
    """Train, keep the epoch that is best on the validation split, and write the run folder.

    Goes on from the run folder's checkpoint where there is one.

    Args:
        recipe: what to train and how.
        training: the faces to fit.
        validation: the faces to choose on.
        run: a started run folder.
        data: name, SHA-256 and limit of the data, for `metrics.json`.
        verbose: Keras' own progress display.
        say: where one-line remarks go.

    Returns:
        What `metrics.json` holds.
    """
    settings = recipe.fit
    precision = resolve_precision(settings.precision)
    say(f"{recipe.name} on {keras.backend.backend()}, {precision}: {len(training)} faces to fit")
    keras.utils.set_random_seed(settings.seed)
    keras.config.set_dtype_policy(precision)
    try:
        model = torch_layers(build_model(recipe.architecture, len(training.labels), recipe.model))
    finally:
        keras.config.set_dtype_policy("float32")
    batches = Batches(training, settings.batch_size, settings.seed, recipe.augment)
    model.compile(
        _optimizer(settings, len(batches)),
        keras.losses.CategoricalCrossentropy(label_smoothing=settings.label_smoothing),
        metrics=["accuracy"],
    )
    checkpoint = Checkpoint(run, batches, settings)
    finished = checkpoint.restore(model)
    run.cut_history(finished)
    run.checkpoint.mkdir(exist_ok=True)
    started_s = time.monotonic()
    if not checkpoint.stopped_early():
        interrupt = InterruptBetweenBatches()
        try:
            model.fit(
                batches,
                initial_epoch=finished,
                epochs=settings.epochs,
                # The batches shuffle themselves; Keras would shuffle their order once more, by a state that a
                # resumed run does not have.
                shuffle=False,
                validation_data=Batches(validation, settings.batch_size, None),
                callbacks=[interrupt, *_callbacks(settings, checkpoint, run)],
                verbose=verbose,
            )
        except RuntimeError as error:
            if "NaN or Inf loss" not in str(error):
                raise
            raise MienError(
                f"the loss is no longer a number: learning_rate {settings.learning_rate} is too high, or the data "
                f"is odd; the epochs before are in {run.path}"
            ) from error
        finally:
            interrupt.give_back()
    seconds = time.monotonic() - started_s
    best = _best_model(recipe, model, len(training.labels), run)
    report = _report(recipe, best, validation, run, data, precision, seconds)
    with replacing(run.model_keras) as temporary:
        best.save(temporary)
    write_json(run.metrics_json, report)
    for leftover in sorted(run.checkpoint.glob("*")):
        leftover.unlink()
    run.checkpoint.rmdir()
    return report


def _optimizer(settings: Fit, steps_per_epoch: int) -> keras.optimizers.Optimizer:
    rate: Any = settings.learning_rate
    if settings.schedule == "cosine":
        warmup = int(settings.warmup_epochs * steps_per_epoch)
        rate = keras.optimizers.schedules.CosineDecay(
            0.0 if warmup else settings.learning_rate,
            max(settings.epochs * steps_per_epoch - warmup, 1),
            warmup_target=settings.learning_rate if warmup else None,
            warmup_steps=warmup,
        )
    common = {
        "weight_decay": settings.weight_decay or None,
        "use_ema": settings.ema > 0,
        "ema_momentum": settings.ema or 0.99,
    }
    if settings.optimizer == "sgd":
        optimizer = keras.optimizers.SGD(rate, momentum=0.9, nesterov=True, **common)
    else:
        optimizer = keras.optimizers.Adam(rate, **common)
    if settings.weight_decay:
        optimizer.exclude_from_weight_decay(var_names=["bias", "gamma", "beta"])
    return optimizer


def _callbacks(settings: Fit, checkpoint: Checkpoint, run: RunFolder) -> list[Any]:
    callbacks: list[Any] = [keras.callbacks.TerminateOnNaN(raise_error=True)]
    if checkpoint.early is not None:
        callbacks.append(checkpoint.early)
    callbacks.append(keras.callbacks.CSVLogger(run.history_csv, append=True))
    # The checkpoint comes before the swap: it must see the weights that training goes on with, while the best
    # epoch is chosen among the averaged weights, those that were evaluated.
    callbacks.append(checkpoint)
    if settings.ema:
        callbacks.append(keras.callbacks.SwapEMAWeights(swap_on_epoch=True))
    callbacks.append(BestWeights(run))
    callbacks.append(keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: checkpoint.commit()))
    return callbacks


def _best_model(recipe: Recipe, trained: keras.Model, n_classes: int, run: RunFolder) -> keras.Model:
    """The best epoch's weights in Keras' own float32 layers: mixed precision would not convert."""
    trained.load_weights(run.best_weights)
    best = build_model(recipe.architecture, n_classes, recipe.model)
    best.set_weights(trained.get_weights())
    return best


def _report(
    recipe: Recipe,
    best: keras.Model,
    validation: Faces,
    run: RunFolder,
    data: dict[str, Any],
    precision: str,
    seconds: float,
) -> dict[str, Any]:
    probabilities = predict(best, validation)
    history = run.read_history()
    accuracies = [row["val_accuracy"] for row in history]
    return {
        "recipe": recipe.name,
        "architecture": recipe.architecture,
        "labels": list(validation.labels),
        "parameters": best.count_params(),
        "epochs": len(history),
        "best_epoch": 1 + int(np.argmax(accuracies)),
        "seconds": round(seconds, 1),
        "seed": recipe.fit.seed,
        "backend": keras.backend.backend(),
        "keras": keras.__version__,
        "precision": precision,
        "data": data,
        "split": "PublicTest",
        "scores": score(validation.class_ids, probabilities.argmax(axis=1), validation.labels).as_dict(),
    }


def predict(model: keras.Model, faces: Faces, batch_size: int = 256) -> np.ndarray:
    """A model's scores: `(n, n_classes)` float32, rows sum to 1."""
    pixels = faces.images[..., None].astype(np.float32)
    return np.asarray(model.predict(pixels, batch_size=batch_size, verbose=0), np.float32)
