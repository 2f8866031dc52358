"""Train a recipe with sharpness-aware minimization (Foret et al., 2021), which mien's own training does not have.

KERAS_BACKEND=torch python docs/experiments/sharpness.py RECIPE OUT --data DATA [--votes CSV] [--teacher MODEL ...]
    [--radius 0.05] [--resume]

RECIPE is a recipe's name or TOML file, OUT the run folder. Each step takes two backward passes: the second one at the
weights that the first one's gradient moves by `--radius`, uphill. 0 is the plain training, for comparison.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import keras
import torch

from train.training import fit
from train.training.trainer import Trainer


class Sharp(keras.Model):
    """A functional network whose step takes the gradient at the worst point near the weights."""

    radius = 0.05

    def train_step(self, data: Any) -> Any:
        """Take a step on one batch, and return the metrics."""
        x, y, weight = keras.utils.unpack_x_y_sample_weight(data)
        variables = self.trainable_variables
        predicted, _ = self._backward(x, y, weight)
        gradients = [variable.value.grad.clone() for variable in variables]
        norm = torch.sqrt(sum((gradient.float() ** 2).sum() for gradient in gradients)) + 1e-12
        moves = [gradient * (self.radius / norm) for gradient in gradients]
        with torch.no_grad():
            for variable, move in zip(variables, moves, strict=True):
                variable.value.add_(move)
        _, loss = self._backward(x, y, weight)
        with torch.no_grad():
            for variable, move in zip(variables, moves, strict=True):
                variable.value.sub_(move)
            self.optimizer.apply([variable.value.grad for variable in variables], variables)
        self._loss_tracker.update_state(loss)
        return self.compute_metrics(x, y, predicted, sample_weight=weight)

    def _backward(self, x: Any, y: Any, weight: Any) -> tuple[Any, Any]:
        self.zero_grad()
        predicted = self(x, training=True)
        loss = self.compute_loss(x, y, predicted, weight, training=True)
        loss.backward()
        return predicted.detach(), loss.detach()


class SharpTrainer(Trainer):
    """A trainer of such networks."""

    def training_model(self, saved: keras.Model) -> keras.Model:
        """The model that trains, with the weights of `saved`."""
        model = super().training_model(saved)
        return Sharp(model.inputs, model.outputs, name=model.name)


def main() -> None:
    """Train."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("recipe")
    parser.add_argument("out", type=Path)
    parser.add_argument("--data", required=True)
    parser.add_argument("--votes")
    parser.add_argument("--teacher", action="append", default=[])
    parser.add_argument("--radius", type=float, default=0.05)
    parser.add_argument("--resume", action="store_true")
    options = parser.parse_args()
    if keras.backend.backend() != "torch":
        parser.error("expected KERAS_BACKEND=torch")
    Sharp.radius = options.radius
    if options.radius:
        import train.training.trainer

        train.training.trainer.Trainer = SharpTrainer
    recipe = None if options.resume else options.recipe
    result = fit(
        recipe,
        options.data,
        options.out,
        votes=options.votes,
        teachers=options.teacher,
        resume=options.resume,
        verbose=2,
        log=print,
    )
    print(f"{result.accuracy:.2%} of PublicTest, {result.model}")


if __name__ == "__main__":
    main()
