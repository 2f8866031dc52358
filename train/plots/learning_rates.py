"""The chart of a learning-rate range test."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from train.plots.style import COLORS, new_figure, plain, save

if TYPE_CHECKING:
    from train.training.learning_rate_range import LearningRateRange


def learning_rates(found: LearningRateRange) -> Any:
    """The figure: the loss of each batch and the smoothed curve over the learning rate, with the rate of the lowest."""
    figure = new_figure(7.5, 4.6)
    axes = figure.subplots()
    axes.plot(found.rates, found.losses, ".", color=COLORS[5], markersize=4, label="a batch")
    axes.plot(found.rates, found.smoothed, color=COLORS[0], label="smoothed")
    axes.axvline(found.lowest, color=COLORS[1], linestyle="--", label=f"lowest before the rise: {found.lowest:.2g}")
    axes.set_xscale("log")
    # A loss that diverges would flatten all the rest.
    before = found.smoothed[: found.end]
    low, high = float(before.min()), float(before.max())
    axes.set_ylim(low - 0.25 * (high - low), high + 0.35 * (high - low))
    axes.set_xlabel("learning rate")
    axes.set_ylabel("training loss")
    axes.set_title(plain(f"{found.recipe}: learning-rate range test"))
    axes.grid(alpha=0.3)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(loc="upper right")
    return figure


def draw_learning_rates(found: LearningRateRange, path: Path) -> None:
    """Write `learning_rates` as PNG, completely or not at all."""
    save(learning_rates(found), path)
