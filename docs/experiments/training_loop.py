"""Speed of training: `mien train fit` on PyTorch beside a plain PyTorch loop over the same network, in one process.

    KERAS_BACKEND=torch python docs/experiments/training_loop.py [--rounds 5] [--threads N] [--precision P]

The network is that of the recipe `cnn`, on random faces. The plain loop is what a PyTorch user would write: channels
last, SGD with Nesterov momentum, cross-entropy with label smoothing, accuracy. Epochs of both alternate; the ratio is
that of their medians. Both in float32, or in bfloat16 where `mien train fit` chooses it.
"""

from __future__ import annotations

import argparse
import statistics
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch

from edge.datasets.reader import Faces
from train.recipes.schema import load_recipe
from train.run_folder import RunFolder
from train.training.interrupt import InterruptBetweenBatches
from train.training.optimizer import build_optimizer
from train.training.trainer import Trainer

LABELS = ("angry", "disgust", "fear", "happy", "sad", "surprise", "neutral")


def main() -> None:
    """Print the images per second of both, and their ratio."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--faces", type=int, default=5120)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int)
    parser.add_argument("--precision", choices=("auto", "float32", "mixed_bfloat16"), default="auto")
    arguments = parser.parse_args()
    if arguments.threads:
        torch.set_num_threads(arguments.threads)
    random = np.random.default_rng(0)
    images = random.integers(0, 256, (arguments.faces, 48, 48), np.uint8)
    faces = Faces(images, random.integers(0, 7, arguments.faces), np.arange(arguments.faces), LABELS)
    recipe = load_recipe("cnn").with_changes({"precision": arguments.precision})
    with TemporaryDirectory() as folder:
        trainer = Trainer(recipe, faces, faces, RunFolder(Path(folder)), log=print)
    ours, plain = _Ours(trainer), _Plain(trainer)
    # The first epoch chooses kernels and fills caches.
    ours.epoch(), plain.epoch()
    seconds: dict[str, list[float]] = {"mien train fit": [], "plain PyTorch": []}
    for _ in range(arguments.rounds):
        for name, loop in (("mien train fit", ours), ("plain PyTorch", plain)):
            began = time.perf_counter()
            loop.epoch()
            seconds[name].append(time.perf_counter() - began)
    rates = {name: arguments.faces / statistics.median(values) for name, values in seconds.items()}
    print(f"{trainer.precision}, {torch.get_num_threads()} threads")
    for name, rate in rates.items():
        print(f"{name:<16}{rate:8.0f} images per second")
    print(f"ratio           {rates['mien train fit'] / rates['plain PyTorch']:8.2f}")


class _Ours:
    """What `mien train fit` does in an epoch, without validation and files."""

    def __init__(self, trainer: Trainer) -> None:
        self._batches, stage = trainer.batches(), trainer.recipe.plan()[0]
        self._model = trainer.training_model(trainer.initialized())
        trainer.compile(self._model, stage, build_optimizer(trainer.recipe.fit, stage, len(self._batches)))
        self._epoch = 0

    def epoch(self) -> None:
        self._batches.shuffle(self._epoch)
        self._epoch += 1
        self._model.fit(self._batches, shuffle=False, verbose=0, callbacks=[InterruptBetweenBatches()])


class _Plain:
    """The same network and the same work as a PyTorch user writes them."""

    def __init__(self, trainer: Trainer) -> None:
        self._faces, self._size = trainer.training, trainer.recipe.fit.batch_size
        self._bfloat16 = trainer.precision == "mixed_bfloat16"
        widths, dropout = trainer.recipe.model["widths"], trainer.recipe.model["dropout"]
        layers: list[torch.nn.Module] = []
        channels, side = 1, 48
        for width in widths:
            for _ in range(2):
                layers += [
                    torch.nn.Conv2d(channels, width, 3, padding=1, bias=False),
                    torch.nn.BatchNorm2d(width),
                    torch.nn.ReLU(),
                ]
                channels = width
            layers += [torch.nn.MaxPool2d(2), torch.nn.Dropout(dropout)]
            side //= 2
        dense = trainer.recipe.model["dense"]
        layers += [
            torch.nn.Flatten(),
            torch.nn.Linear(channels * side * side, dense, bias=False),
            torch.nn.BatchNorm1d(dense),
            torch.nn.ReLU(),
            torch.nn.Dropout(0.5),
            torch.nn.Linear(dense, len(LABELS)),
        ]
        self._network = torch.nn.Sequential(*layers).to(memory_format=torch.channels_last)
        parameters = sum(weight.numel() for weight in self._network.parameters())
        assert parameters == sum(int(np.prod(one.shape)) for one in trainer.initialized().trainable_weights)
        fit = trainer.recipe.fit
        self._optimizer = torch.optim.SGD(
            self._network.parameters(), fit.learning_rate, 0.9, nesterov=True, weight_decay=5e-4
        )
        self._loss = torch.nn.CrossEntropyLoss(label_smoothing=fit.label_smoothing)

    def epoch(self) -> Any:
        self._network.train()
        order = np.random.default_rng(0).permutation(len(self._faces))
        right = torch.zeros(())
        for start in range(0, len(order), self._size):
            chosen = order[start : start + self._size]
            pixels = torch.from_numpy(self._faces.images[chosen]).float()[:, None] / 255
            targets = torch.from_numpy(self._faces.class_ids[chosen]).long()
            with torch.autocast("cpu", torch.bfloat16, enabled=self._bfloat16):
                logits = self._network(pixels.contiguous(memory_format=torch.channels_last))
            loss = self._loss(logits.float(), targets)
            self._optimizer.zero_grad(set_to_none=True)
            loss.backward()
            self._optimizer.step()
            right += (logits.argmax(1) == targets).sum()
        return float(right) / len(order)


if __name__ == "__main__":
    main()
