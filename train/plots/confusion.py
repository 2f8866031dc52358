"""Confusion matrix: as numbers of faces, and as shares of each labeled class."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from train.plots.style import COLOR_MAP, longest_in, new_figure, plain, save, short


def confusion(counts: Sequence[Sequence[int]], labels: tuple[str, ...], title: str) -> Any:
    """The figure: counts on the left, shares of each labeled class on the right.

    Args:
        counts: rows are labeled classes, columns are predicted classes.
        labels: class names in that order.
        title: above both matrices.
    """
    table = np.array(counts, int)
    rates = table / np.maximum(table.sum(axis=1, keepdims=True), 1)
    cells_in, names_in = max(3.2, 0.62 * len(labels)), longest_in(labels)
    figure = new_figure(2 * (cells_in + names_in) + 1.4, cells_in + 0.75 * names_in + 1.5)
    figure.suptitle(plain(title))
    names = [short(label) for label in labels]
    panels = (
        ("faces", table, [[f"{n}" for n in row] for row in table], table.max(initial=1)),
        ("share of the labeled class", rates, [[f"{rate:.0%}" for rate in row] for row in rates], 1.0),
    )
    for axes, (name, values, texts, top) in zip(figure.subplots(1, 2), panels, strict=True):
        axes.imshow(values, COLOR_MAP, vmin=0, vmax=max(top, 1e-9))
        for row in range(len(labels)):
            for column in range(len(labels)):
                # cividis goes from dark blue to yellow.
                color = "white" if values[row, column] < 0.55 * top else "black"
                axes.text(column, row, texts[row][column], ha="center", va="center", color=color, fontsize=9)
        axes.set_xticks(range(len(labels)), names, rotation=45, ha="right", rotation_mode="anchor")
        axes.set_yticks(range(len(labels)), names)
        axes.set_xlabel("predicted")
        axes.set_ylabel("labeled")
        axes.set_title(name, fontsize=11)
    return figure


def draw_confusion(counts: Sequence[Sequence[int]], labels: tuple[str, ...], path: Path, *, title: str) -> None:
    """Write `confusion` as PNG, completely or not at all."""
    save(confusion(counts, labels, title), path)
