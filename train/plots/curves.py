"""Training curves: loss and accuracy over the epochs, training beside validation."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from edge.errors import DataError
from train.plots.style import COLORS, new_figure, plain, save

#: A column of the history without `val_`, and the label of the axis.
_PANELS = (("loss", "loss"), ("accuracy", "accuracy"))


def curves(history: Sequence[dict[str, float]], title: str, stages: Sequence[tuple[str, int]] = ()) -> Any:
    """The figure: loss on the left, accuracy on the right; the best validation epoch is marked.

    Args:
        history: one row for each epoch, with `loss`, `accuracy`, `val_loss`, `val_accuracy`; a missing column is not
            drawn.
        title: above both panels.
        stages: name and number of epochs of each stage, in order; a thin line marks where each one begins.

    Raises:
        DataError: the history has no epoch.
    """
    if not history:
        raise DataError("the history has no epoch: expected at least one row to draw")
    figure = new_figure(11, 4.6)
    figure.suptitle(plain(title))
    epochs = np.arange(1, len(history) + 1)
    for axes, (column, name) in zip(figure.subplots(1, 2), _PANELS, strict=True):
        for key, label, color, dashes, marker in (
            (column, "training", COLORS[0], "-", "o"),
            (f"val_{column}", "validation", COLORS[1], "--", "s"),
        ):
            values = np.array([row.get(key, np.nan) for row in history], float)
            if np.isfinite(values).any():
                axes.plot(epochs, values, dashes, color=color, label=label, marker=marker, markersize=3.5)
        if column == "accuracy":
            _mark_best(axes, history)
        _mark_stages(axes, stages, len(history))
        axes.set_xlabel("epoch")
        axes.set_ylabel(name)
        axes.xaxis.get_major_locator().set_params(integer=True)
        axes.grid(alpha=0.3)
        axes.spines[["top", "right"]].set_visible(False)
        axes.set_xlim(0.5, len(history) + 0.5)
        # The corner that a falling loss and a rising accuracy leave free.
        if axes.get_legend_handles_labels()[0]:
            axes.legend(loc="upper right" if column == "loss" else "lower right")
    return figure


def draw_curves(
    history: list[dict[str, float]], path: Path, *, title: str, stages: Sequence[tuple[str, int]] = ()
) -> None:
    """Write `curves` as PNG, completely or not at all."""
    save(curves(history, title, stages), path)


def _mark_best(axes: Any, history: Sequence[dict[str, float]]) -> None:
    values = np.array([row.get("val_accuracy", np.nan) for row in history], float)
    if not np.isfinite(values).any():
        return
    best = int(np.nanargmax(values))
    axes.plot(
        [best + 1], [values[best]], "*", color="black", markersize=13, linestyle="none",
        label=f"best: {values[best]:.2%}, epoch {best + 1}",
    )  # fmt: skip


def _mark_stages(axes: Any, stages: Sequence[tuple[str, int]], n_epochs: int) -> None:
    start = 0
    for i, (name, epochs) in enumerate(stages):
        if len(stages) > 1 and start < n_epochs:
            if start:
                axes.axvline(start + 0.5, color="grey", linewidth=0.8)
            # Every other name is higher, so that the name of a short stage does not overlap the next.
            axes.annotate(
                plain(name), (start + 0.5, 1), xycoords=("data", "axes fraction"), xytext=(3, 3 + 11 * (i % 2)),
                textcoords="offset points", fontsize=9, color="dimgrey", va="bottom",
            )  # fmt: skip
        start += epochs
