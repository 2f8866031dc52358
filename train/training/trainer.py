"""Trains one recipe on one data set, stage after stage, into a run folder."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from importlib.util import find_spec
from typing import Any

import keras
import numpy as np

from edge.datasets.reader import Faces
from edge.errors import MissingExtraError
from edge.system.atomic_files import replacing, write_json
from train.data.batches import Batches
from train.evaluation.prediction import keras_metrics, keras_probabilities
from train.models import build_model, find_architecture
from train.models.initialization import initialize
from train.models.last_layer import last_dense
from train.plots.curves import draw_curves
from train.plots.style import new_figure
from train.recipes.schema import Recipe, Stage
from train.run_folder import RunFolder
from train.training.callbacks import History, LearningRate, Plateau, Throughput
from train.training.checkpoint import BestWeights, Checkpoint, finished_epochs, stopped_early
from train.training.devices import find_devices, sharing
from train.training.distillation import Teachers
from train.training.epoch_validation import Validation
from train.training.errors import UntrainableError
from train.training.freezing import freeze
from train.training.frozen_features import FeatureBatches, HeadOnFeatures, can_compute_once
from train.training.interrupt import InterruptBetweenBatches
from train.training.logit_adjustment import adjust_if_configured
from train.training.loss import MEAN, WeightedCrossentropy, balanced_class_weights
from train.training.optimizer import build_optimizer
from train.training.processes import Processes
from train.training.torch_layers import torch_layers
from train.training.weight_averaging import RecomputeBatchNorm

Log = Callable[[str], None]
#: Receives the number of an epoch, counted from 0, and its accuracy on the validation faces, 0..1.
OnEpoch = Callable[[int, float], None]
#: The texts by which PyTorch (GPU, CPU), TensorFlow and JAX report that memory ran out; each has an exception of its
#: own.
_OUT_OF_MEMORY = ("out of memory", "can't allocate memory", "OOM when allocating", "RESOURCE_EXHAUSTED")


class Trainer:
    """One run of a recipe: stage after stage, from the checkpoint in its folder if there is one.

    Args:
        recipe: what to train and how.
        training: the faces to fit.
        validation: the faces on which the best epoch is chosen.
        run: the run folder, started before `fit`.
        teachers: they have a share in the targets of `training`; None for none.
        verbose: Keras' own progress display, as `keras.Model.fit` takes it.
        log: receives one-line messages.
        tensorboard: whether to write TensorBoard's log as well.
        on_epoch: called after each epoch with its number, counted from 0, and its accuracy on `validation`; what it
            raises ends the run, which can be resumed.
        processes: those that train together; None for this one alone.
    """

    def __init__(
        self,
        recipe: Recipe,
        training: Faces,
        validation: Faces,
        run: RunFolder,
        *,
        teachers: Teachers | None = None,
        verbose: str | int = "auto",
        log: Log = print,
        tensorboard: bool = False,
        on_epoch: OnEpoch | None = None,
        processes: Processes | None = None,
    ) -> None:
        self.recipe, self.training, self.validation, self.run = recipe, training, validation, run
        self._teachers, self._verbose, self._log = teachers, verbose, log
        self._on_epoch, self._processes = on_epoch, processes or Processes()
        # A run that was started with TensorBoard is resumed with it.
        self._tensorboard = tensorboard or run.tensorboard.exists()
        self.devices = find_devices()
        precision = recipe.fit.precision
        self.precision = self.devices.precision() if precision == "auto" else precision
        self.throughput = Throughput(len(training))

    def fit(self, data: dict[str, Any]) -> dict[str, Any]:
        """Train, save the epoch that is best on the validation split, and write the run folder.

        Args:
            data: name, SHA-256 and limit of the data, for `metrics.json`.

        Returns:
            The content of `metrics.json`.

        Raises:
            UntrainableError: the loss is no longer a number, or a batch does not fit in memory.
        """
        self._log_start()
        keras.utils.set_random_seed(self.recipe.fit.seed)
        best = self.initialized()
        with clear_errors(self.recipe, self.run):
            with sharing(self.devices):
                self._fit_stages(best)
            best.load_weights(self.run.best_weights)
            best = find_architecture(self.recipe.architecture).folded(
                best, len(self.training.labels), **self.recipe.model
            )
            adjusted = adjust_if_configured(self.recipe.fit, best, self.training, self.validation)
            report = {**self._report(best, data), **adjusted}
        with replacing(self.run.model_keras) as temporary:
            best.save(temporary)
        self._draw(report)
        write_json(self.run.metrics_json, report)
        self.run.remove_checkpoint()
        return report

    def check(self) -> None:
        """Check that the run can start, before anything is written.

        Raises:
            MienError: something in the recipe does not fit the architecture, or weights, teachers or an extra are
                missing.
        """
        # The charts come last, and need matplotlib.
        new_figure(1, 1)
        self._loss()
        # Keras' callback writes through TensorFlow on every backend.
        for package in ("tensorboard", "tensorflow") if self._tensorboard else ():
            if find_spec(package) is None:
                raise MissingExtraError("train,tensorboard", package)
        if self._teachers is not None:
            self._teachers.check()
        model = self.initialized()
        for stage in self.recipe.plan():
            freeze(model, self.recipe, stage)
        if self.recipe.fit.logit_adjustment:
            last_dense(model)

    def build(self) -> keras.Model:
        """The recipe's model with random weights, under Keras' current dtype policy."""
        return build_model(self.recipe.architecture, len(self.training.labels), self.recipe.model)

    def initialized(self) -> keras.Model:
        """The recipe's model in float32 with its initial weights; a resumed run loads those of its checkpoint later."""
        model = self.build()
        if not finished_epochs(self.run):
            initialize(model, self.recipe)
        return model

    def training_model(self, saved: keras.Model) -> keras.Model:
        """The model that trains, in the precision of the run, with the weights of `saved`.

        Another one than `saved`: a model in mixed precision could not be converted.
        """
        keras.config.set_dtype_policy(self.precision)
        try:
            model = torch_layers(self.build())
        finally:
            keras.config.set_dtype_policy("float32")
        model.set_weights(saved.get_weights())
        return model

    def batches(self) -> Batches:
        """The batches of Training, for all devices."""
        fit, devices, processes = self.recipe.fit, self.devices, self._processes
        part = processes.number, processes.count
        return Batches(
            self.training, fit.batch_size, fit.seed, self.recipe.augment, devices.count, self._teachers, part
        )

    def compile(self, model: keras.Model, optimizer: keras.optimizers.Optimizer) -> None:
        """Compile a model, frozen as its stage has it, with the loss of the recipe."""
        model.compile(
            optimizer,
            self._loss(),
            # Faces that pad a batch have no weight.
            weighted_metrics=[keras.metrics.CategoricalAccuracy(name="accuracy")],
        )
        # TensorFlow traces a function twice where variables are made in it, which takes long for a deep network.
        model.optimizer.build(model.trainable_variables)

    @property
    def _repeats_faces(self) -> bool:
        """Whether each epoch has the same faces with the same targets, on one device."""
        is_alone = self.devices.count == 1 and self._processes.count == 1
        return is_alone and not self.recipe.augment.enabled and self._teachers is None

    def _log_start(self) -> None:
        self._log(
            f"{self.recipe.name} on {keras.backend.backend()}, {self.devices}, {self.precision}: "
            f"{len(self.training)} faces to fit, {len(self.validation)} to validate on"
        )
        if self.devices.idle:
            self._log(f"{self.devices.idle} more GPUs are idle: KERAS_BACKEND=jax or tensorflow uses all of them")

    def _fit_stages(self, best: keras.Model) -> None:
        model = self.training_model(best)
        finished = finished_epochs(self.run)
        self.run.truncate_history(finished)
        self.run.checkpoint.mkdir(exist_ok=True)
        interrupt = InterruptBetweenBatches()
        try:
            for number, stage in enumerate(self.recipe.plan()):
                stages = [int(row.get("stage", 0)) for row in self.run.read_history()]
                if any(later > number for later in stages):
                    continue
                first = stages.index(number) if number in stages else len(stages)
                if first and first == len(stages):
                    best.load_weights(self.run.best_weights)
                    model.set_weights(best.get_weights())
                self._fit_stage(model, best, number, stage, first, interrupt)
        finally:
            interrupt.uninstall()

    def _fit_stage(
        self,
        model: keras.Model,
        best: keras.Model,
        number: int,
        stage: Stage,
        first_epoch: int,
        interrupt: InterruptBetweenBatches,
    ) -> None:
        """Train one stage, or the rest of it.

        Args:
            model: with the weights to start from.
            best: receives the weights of each epoch; those of the best are saved.
            number: of the stage, counted from 0.
            stage: what to train.
            first_epoch: the first epoch of the stage, counted from 0 over the whole run.
            interrupt: handles Ctrl-C.
        """
        fit, run = self.recipe.fit, self.run
        finished = finished_epochs(run)
        if finished >= first_epoch + stage.epochs or stopped_early(run, fit, first_epoch):
            return
        freeze(model, self.recipe, stage)
        once = self._repeats_faces and can_compute_once(model, len(self.training) + len(self.validation))
        network = HeadOnFeatures(model) if once else model
        batches, held_out, validated = self.batches(), Batches(self.validation, fit.batch_size, None), best
        self.compile(network, build_optimizer(fit, stage, len(batches)))
        if finished > first_epoch:
            network.load_weights(run.latest_weights)
        if len(self.recipe.plan()) > 1:
            trained = sum(int(np.prod(weight.shape)) for weight in model.trainable_weights)
            self._log(f"stage {number + 1}, {stage.name}: {trained:,} trainable parameters")
        if once:
            self._log("the backbone is frozen, and faces are not changed: its features are computed once")
            best.set_weights(model.get_weights())
            batches = FeatureBatches(model, self.training, fit.batch_size, fit.seed, self._verbose)
            held_out = FeatureBatches(best, self.validation, fit.batch_size, None, self._verbose)
            validated = HeadOnFeatures(best)
        validation = Validation(self.validation, held_out, best, validated, self._loss(), self._processes)
        checkpoint = Checkpoint(run, batches, fit, first_epoch)
        history = History(run, number)
        try:
            network.fit(
                batches,
                initial_epoch=finished,
                epochs=first_epoch + stage.epochs,
                # The batches shuffle themselves; Keras would shuffle them again, by a state that a resumed run does
                # not have.
                shuffle=False,
                callbacks=[
                    interrupt,
                    self.throughput,
                    *self._callbacks(best, stage, first_epoch, checkpoint, validation, history),
                ],
                verbose=self._verbose,
            )
        finally:
            # Keras closes it only where the training ends as planned.
            history.close()

    def _loss(self) -> keras.losses.Loss:
        smoothing = self.recipe.fit.label_smoothing
        if self.recipe.fit.class_weights:
            return WeightedCrossentropy(balanced_class_weights(self.training), smoothing)
        return keras.losses.CategoricalCrossentropy(label_smoothing=smoothing, reduction=MEAN)

    def _callbacks(
        self,
        best: keras.Model,
        stage: Stage,
        first_epoch: int,
        checkpoint: Checkpoint,
        validation: Validation,
        history: History,
    ) -> list[Any]:
        fit = self.recipe.fit
        # The checkpoint comes before the swap: it must save the weights with which training continues, while the
        # averaged weights are validated, and the best epoch is chosen among them.
        callbacks: list[Any] = [keras.callbacks.TerminateOnNaN(raise_error=True), checkpoint]
        if fit.ema:
            callbacks.append(keras.callbacks.SwapEMAWeights(swap_on_epoch=True))
            callbacks.append(RecomputeBatchNorm(self.training, fit.batch_size, fit.seed))
        callbacks.append(validation)
        if checkpoint.early_stopping is not None:
            callbacks.append(checkpoint.early_stopping)
        callbacks.append(LearningRate())
        if fit.schedule == "plateau":
            callbacks.append(Plateau(self.run, fit, stage, first_epoch))
        callbacks.append(history)
        callbacks.append(BestWeights(self.run, best))
        if self._tensorboard:
            callbacks.append(keras.callbacks.TensorBoard(self.run.tensorboard))
        callbacks.append(keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: checkpoint.commit()))
        if (on_epoch := self._on_epoch) is not None:
            callbacks.append(
                keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: on_epoch(epoch, logs["val_accuracy"]))
            )
        return callbacks

    def _report(self, best: keras.Model, data: dict[str, Any]) -> dict[str, Any]:
        predicted = keras_probabilities(best, self.training.images, self.recipe.fit.batch_size).argmax(axis=1)
        history = self.run.read_history()
        accuracies = [row["val_accuracy"] for row in history]
        rate = self.throughput.images_per_second
        return {
            "recipe": self.recipe.name,
            "architecture": self.recipe.architecture,
            "weights": self.recipe.weights,
            "labels": list(self.validation.labels),
            "parameters": best.count_params(),
            "epochs": len(history),
            "best_epoch": 1 + int(np.argmax(accuracies)),
            "stages": self._stages(history),
            "seconds": round(sum(row["seconds"] for row in history), 1),
            "images_per_second": None if rate is None else round(rate, 1),
            "seed": self.recipe.fit.seed,
            "backend": keras.backend.backend(),
            "keras": keras.__version__,
            "device": str(self.devices),
            "precision": self.precision,
            "data": data,
            "split": "PublicTest",
            "train_accuracy": float((predicted == self.training.class_ids).mean()),
            # A batch size that fits in memory for training does so for prediction.
            "scores": keras_metrics(best, self.validation, self.recipe.fit.batch_size).as_dict(),
        }

    def _stages(self, history: list[dict[str, float]]) -> list[dict[str, Any]]:
        numbers = [int(row.get("stage", 0)) for row in history]
        plan = enumerate(self.recipe.plan())
        return [{**asdict(stage), "epochs": numbers.count(number)} for number, stage in plan]

    def _draw(self, report: dict[str, Any]) -> None:
        stages = [(stage["name"], stage["epochs"]) for stage in report["stages"]]
        draw_curves(self.run.read_history(), self.run.curves_png, title=self.recipe.name, stages=stages)


@contextmanager
def clear_errors(recipe: Recipe, run: RunFolder) -> Iterator[None]:
    """Turn an error of Keras or its backend into one line with what to do."""
    try:
        yield
    except Exception as error:
        text = str(error)
        if "NaN or Inf loss" in text:
            raise UntrainableError(
                f"the loss is no longer a number: the learning rate is too high, or the data is wrong; the "
                f"epochs before are in {run.path}"
            ) from error
        if isinstance(error, MemoryError) or any(phrase in text for phrase in _OUT_OF_MEMORY):
            size = recipe.fit.batch_size
            elsewhere = ", and another --out" if run.recipe_toml.exists() else ""
            advice = f"--batch-size {size // 2}{elsewhere}" if size > 1 else "a smaller --input-size"
            raise UntrainableError(f"out of memory with batches of {size} faces: try {advice}") from error
        raise
