"""Comparison of runs: validation accuracy over the epochs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from train.plots.style import line_style, longest_in, new_figure, plain, save, short


@dataclass(frozen=True)
class Line:
    """One run in the chart.

    Attributes:
        name: in the legend.
        val_accuracies: 0..1, after each epoch; empty for an ensemble, which is drawn as a horizontal line.
        best_epoch: the epoch to mark, from 1; None for an ensemble.
        accuracy: of the saved model, 0..1.
    """

    name: str
    val_accuracies: Sequence[float]
    best_epoch: int | None
    accuracy: float


def comparison(lines: Sequence[Line], title: str) -> Any:
    """The figure: one line for each run, its best epoch marked, the saved model's accuracy in the legend.

    Args:
        lines: the runs.
        title: above the chart.
    """
    legend_in = 0.8 + max(longest_in(tuple(line.name for line in lines)), 2.2)
    figure = new_figure(7.5 + legend_in, max(5.0, 1.5 + 0.48 * len(lines)))
    axes = figure.add_subplot()
    for i, line in enumerate(lines):
        if line.best_epoch is None:
            # An ensemble has no epochs: a dotted horizontal line, whatever the style.
            style = {**line_style(i), "linestyle": (0, (1, 1)), "marker": "None"}
            label = f"{short(line.name)}\n{line.accuracy:.2%}, ensemble"
            axes.axhline(line.accuracy, linewidth=1.5, label=label, **style)
            continue
        epochs = len(line.val_accuracies)
        axes.plot(
            np.arange(1, epochs + 1), line.val_accuracies, linewidth=1.5, markersize=9, markeredgecolor="black",
            # The marker is drawn at the best epoch alone.
            markevery=[line.best_epoch - 1],
            label=f"{short(line.name)}\n{line.accuracy:.2%}, epoch {line.best_epoch} of {epochs}", **line_style(i),
        )  # fmt: skip
    axes.set_xlim(0.5, max(1, *(len(line.val_accuracies) for line in lines)) + 0.5)
    axes.set_xlabel("epoch")
    axes.set_ylabel("validation accuracy")
    axes.set_title(plain(title))
    axes.xaxis.get_major_locator().set_params(integer=True)
    axes.grid(alpha=0.3)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(
        loc="upper left", bbox_to_anchor=(1.01, 1.0), title="saved model, best epoch (marked)", frameon=False,
        labelspacing=0.9,
    )  # fmt: skip
    return figure


def draw_comparison(lines: Sequence[Line], path: Path, *, title: str) -> None:
    """Write `comparison` as PNG, completely or not at all."""
    save(comparison(lines, title), path)
