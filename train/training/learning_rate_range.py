"""The learning-rate range test (Smith, 2017): the loss while the learning rate rises from batch to batch."""

from __future__ import annotations

import csv
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from edge.datasets.data_set import DataLocation
from edge.errors import MienError, WrongUseError
from edge.system.atomic_files import replacing
from train.recipes.schema import Recipe
from train.run_folder import RunFolder
from train.training.fitting import Log, ReadSplits, build_trainer, discard
from train.training.run_setup import RunInputs, set_up_new_run

if TYPE_CHECKING:
    from train.training.trainer import Trainer

#: Receives the number of a batch, counted from 0, its learning rate and its loss.
OnStep = Callable[[int, float, float], None]
#: The rates of the first and of the last batch: more than any optimizer here needs on both sides.
LOW, HIGH = 1e-6, 10.0
#: Batches of a test, and the fewest that show a curve.
STEPS, FEWEST_STEPS = 200, 20
#: The test ends when the loss is this many times its lowest value, as in fastai's `lr_find`.
DIVERGED = 4.0
#: Share of the former batches in the running mean of the loss by which the end is decided.
_MOMENTUM = 0.9
#: Share of all batches over which the curve is smoothed.
_WINDOW = 0.05
#: Differences of the smoothed curve that are no noise, in standard deviations.
_CLEAR = 6.0
#: The standard deviation of a normal distribution by the median of its absolute values.
_DEVIATION_BY_MEDIAN = 1.4826


@dataclass(frozen=True)
class LearningRateRange:
    """What a range test measured.

    Attributes:
        recipe: name of the recipe.
        stage: name of its first stage, which was trained; empty where it has no stages.
        rates: the learning rate of each batch, rising; they end early where the loss diverged.
        losses: the loss of each batch, before the weights were changed by it.
    """

    recipe: str
    stage: str
    rates: tuple[float, ...]
    losses: tuple[float, ...]

    @property
    def _width(self) -> int:
        """Batches in a neighborhood: an odd number."""
        return 1 + 2 * max(1, round(len(self.losses) * _WINDOW / 2))

    @property
    def smoothed(self) -> npt.NDArray[np.float64]:
        """The losses, each the mean of its neighborhood of a twentieth of all batches."""
        ends = np.pad(np.asarray(self.losses, np.float64), self._width // 2, mode="edge")
        return np.convolve(ends, np.full(self._width, 1 / self._width), mode="valid")

    @property
    def noise(self) -> float:
        """The standard deviation of `smoothed` from batch to batch, by the median of the differences of `losses`."""
        differences = np.abs(np.diff(self.losses))
        return float(np.median(differences)) * _DEVIATION_BY_MEDIAN / math.sqrt(2 * self._width)

    @property
    def end(self) -> int:
        """The number of batches before the first rise: later ones say nothing of the network as it was.

        A rise is half as high as the fall before, both higher than noise. After it the loss may fall once more, to that
        of a network which gives every face the same answer.
        """
        smoothed, least = self.smoothed, _CLEAR * self.noise
        highest = smoothed[0]
        lowest, fall = highest, 0.0
        for number, loss in enumerate(smoothed):
            if fall > least and loss - lowest > max(fall / 2, least):
                return number
            highest = max(highest, loss)
            if loss < lowest:
                lowest, fall = loss, highest - loss
        return len(smoothed)

    @property
    def has_fallen(self) -> bool:
        """Whether the loss has fallen by more than noise before its first rise."""
        smoothed = self.smoothed[: self.end]
        return bool(smoothed[0 : 1 + smoothed.argmin()].max() - smoothed.min() > _CLEAR * self.noise)

    @property
    def lowest(self) -> float:
        """The learning rate at which the smoothed loss is lowest before its first rise.

        As the peak of a schedule it is what Smith calls the maximum learning rate. Of the shipped recipes, whose rates
        were chosen by whole runs, `cnn` has 0.6 and `mien-nano` 1.0 of it; `simple-nn` has 2.2, `mien-small` 5.7.
        """
        return self.rates[int(np.argmin(self.smoothed[: self.end]))]

    def write_csv(self, path: Path) -> None:
        """Write a row with `learning_rate`, `loss` and `smoothed_loss` for each batch."""
        with replacing(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as stream:
            writer = csv.writer(stream)
            writer.writerow(("learning_rate", "loss", "smoothed_loss"))
            writer.writerows(zip(self.rates, self.losses, self.smoothed.tolist(), strict=True))


def find_learning_rate(
    recipe: str | Path | Recipe,
    data: DataLocation,
    *,
    votes: str | Path | None = None,
    teachers: Sequence[str | Path] = (),
    labels: str | None = None,
    label_mode: str | None = None,
    limit: int | None = None,
    low: float = LOW,
    high: float = HIGH,
    steps: int = STEPS,
    log: Log | None = None,
    read: ReadSplits | None = None,
    on_step: OnStep | None = None,
    **changes: Any,
) -> LearningRateRange:
    """Train the first stage of a recipe for a few batches, with a learning rate that rises from `low` to `high`.

    Nothing is written. Weight decay, augmentation, soft labels and teachers are those of the recipe; its schedule and
    its moving average of the weights are not used.

    Example:
        >>> found = find_learning_rate("cnn", "fer2013.csv")  # doctest: +SKIP
        >>> found.lowest  # doctest: +SKIP
        0.084

    Args:
        recipe: a shipped recipe's name, the path of a recipe's TOML file, or a recipe.
        data: `fer2013.csv`, as it is or compressed, or a folder of images.
        votes: as for `fit`.
        teachers: as for `fit`.
        labels: as for `fit`.
        label_mode: as for `fit`.
        limit: as for `fit`.
        low: the learning rate of the first batch.
        high: that of the last batch, which is reached geometrically.
        steps: batches, at least 20; where Training has fewer, it is shuffled and used again.
        log: as for `fit`.
        read: as for `fit`.
        on_step: called after each batch with its number, counted from 0, its learning rate and its loss.
        changes: as for `fit`.

    Raises:
        WrongUseError: the arguments do not fit together.
        DataError: the data or the recipe cannot be read.
        MienError: the loss falls clearly at no rate, or a batch does not fit in memory.
    """
    if not 0 < low < high or not math.isfinite(high):
        raise WrongUseError(f"the learning rates go from {low:g} to {high:g}: expected 0 < --min < --max")
    if steps < FEWEST_STEPS:
        raise WrongUseError(f"{steps} batches show no curve: expected --steps of at least {FEWEST_STEPS}")
    inputs = RunInputs.of(data, votes, teachers, labels, label_mode, limit)
    loaded, source = set_up_new_run(recipe, inputs, changes)
    rates = [float(rate) for rate in np.geomspace(low, high, steps)]
    # A trainer looks in its run folder for a checkpoint to go on from.
    with TemporaryDirectory() as folder:
        run = RunFolder(Path(folder))
        trainer, _ = build_trainer(loaded, source, inputs, run, log=log or discard, read=read)
        found = _measure(trainer, rates, on_step)
    if len(found.losses) < FEWEST_STEPS // 2 or not found.has_fallen:
        raise MienError(
            f"the loss falls clearly at no learning rate between {low:g} and {high:g}: give more --steps or a larger "
            "--batch-size, where it is noisy, or a lower --min"
        )
    return found


def _measure(trainer: Trainer, rates: Sequence[float], on_step: OnStep | None) -> LearningRateRange:
    import keras

    from train.training.devices import sharing
    from train.training.freezing import freeze
    from train.training.optimizer import build_optimizer
    from train.training.trainer import clear_errors

    recipe = trainer.recipe
    keras.utils.set_random_seed(recipe.fit.seed)
    saved, stage = trainer.initialized(), replace(recipe.plan()[0], learning_rate=rates[0])
    losses: list[float] = []
    mean = lowest = math.nan
    with clear_errors(recipe, trainer.run), sharing(trainer.devices):
        model, batches = trainer.training_model(saved), trainer.batches()
        constant = replace(recipe.fit, schedule="constant", ema=0.0)
        freeze(model, recipe, stage)
        trainer.compile(model, build_optimizer(constant, stage, len(batches)))
        for step, rate in enumerate(rates):
            epoch, index = divmod(step, len(batches))
            if index == 0:
                batches.shuffle(epoch)
            model.optimizer.learning_rate = rate
            # Otherwise the loss would be the mean of all batches so far.
            model.reset_metrics()
            loss = float(model.train_on_batch(*batches[index], return_dict=True)["loss"])
            if not math.isfinite(loss):
                break
            losses.append(loss)
            if on_step is not None:
                on_step(step, rate, loss)
            mean = loss if step == 0 else _MOMENTUM * mean + (1 - _MOMENTUM) * loss
            lowest = mean if step == 0 else min(lowest, mean)
            if mean > DIVERGED * lowest:
                break
    name = stage.name if recipe.stages else ""
    return LearningRateRange(recipe.name, name, tuple(rates[: len(losses)]), tuple(losses))
