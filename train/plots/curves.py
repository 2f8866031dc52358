"""Loss and accuracy over the epochs, training beside validation."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from edge.errors import DataError
from train.plots.style import COLOURS, new_figure, plain, save

#: A history's column without `val_`, and what the axis is called.
_PANELS = (("loss", "loss"), ("accuracy", "accuracy"))


def curves(history: Sequence[dict[str, float]], title: str, stages: Sequence[tuple[str, int]] = ()) -> Any:
    """The figure: loss on the left, accuracy on the right; the best validation epoch is marked.

    Args:
        history: a row an epoch, with `loss`, `accuracy`, `val_loss`, `val_accuracy`; one that lacks is not drawn.
        title: above both.
        stages: name and number of epochs of each stage, in order; a thin line where a new one begins.

    Raises:
        DataError: the history has no epoch.
    """
    if not history:
        raise DataError("the history has no epoch: expected at least one row to draw")
    figure = new_figure(11, 4.6)
    figure.suptitle(plain(title))
    epochs = np.arange(1, len(history) + 1)
    for axes, (column, name) in zip(figure.subplots(1, 2), _PANELS, strict=True):
        for key, label, colour, dashes, marker in (
            (column, "training", COLOURS[0], "-", "o"),
            (f"val_{column}", "validation", COLOURS[1], "--", "s"),
        ):
            values = np.array([row.get(key, np.nan) for row in history], float)
            if np.isfinite(values).any():
                axes.plot(epochs, values, dashes, color=colour, label=label, marker=marker, markersize=3.5)
        if column == "accuracy":
            _mark_best(axes, history)
        _mark_stages(axes, stages, len(history))
        axes.set_xlabel("epoch")
        axes.set_ylabel(name)
        axes.xaxis.get_major_locator().set_params(integer=True)
        axes.grid(alpha=0.3)
        axes.spines[["top", "right"]].set_visible(False)
        axes.set_xlim(0.5, len(history) + 0.5)
        # Where a loss that falls and an accuracy that rises leave room.
        if axes.get_legend_handles_labels()[0]:
            axes.legend(loc="upper right" if column == "loss" else "lower right")
    return figure


def draw_curves(
    history: list[dict[str, float]], path: Path, *, title: str, stages: Sequence[tuple[str, int]] = ()
) -> None:
    """Write `curves` as PNG."""
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
    begins = 0
    for i, (name, epochs) in enumerate(stages):
        if len(stages) > 1 and begins < n_epochs:
            if begins:
                axes.axvline(begins + 0.5, color="grey", linewidth=0.8)
            # Every other name is higher, so that a short stage's does not run into the next.
            axes.annotate(
                plain(name), (begins + 0.5, 1), xycoords=("data", "axes fraction"), xytext=(3, 3 + 11 * (i % 2)),
                textcoords="offset points", fontsize=9, color="dimgrey", va="bottom",
            )  # fmt: skip
        begins += epochs
