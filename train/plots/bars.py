"""Bar chart: the number of images of each class in each split."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from train.plots.style import COLORS, longest_in, new_figure, plain, save, short

HATCHES = ("", "//", "..")


def class_bars(counts: Mapping[str, Mapping[str, int]], title: str) -> Any:
    """The figure: a group of bars for each class, one bar for each split, with the number at its end.

    Args:
        counts: split to label to number of images; all splits have the same labels.
        title: above the chart.
    """
    labels = tuple(next(iter(counts.values())))
    figure = new_figure(7 + longest_in(labels), 1.6 + len(labels) * (0.16 + 0.24 * len(counts)))
    axes = figure.add_subplot()
    height = 0.8 / len(counts)
    for i, (split, in_split) in enumerate(counts.items()):
        places = [row + (i - (len(counts) - 1) / 2) * height for row in range(len(labels))]
        bars = axes.barh(
            places, [in_split[label] for label in labels], height, label=f"{split} ({sum(in_split.values()):,})",
            color=COLORS[i % len(COLORS)], hatch=HATCHES[i % len(HATCHES)], edgecolor="white",
        )  # fmt: skip
        axes.bar_label(bars, [f"{in_split[label]:,}" for label in labels], padding=3, fontsize=9)
    axes.set_yticks(range(len(labels)), [short(label) for label in labels])
    axes.invert_yaxis()
    # Room for the number at the end of the longest bar.
    axes.margins(x=0.12)
    axes.set_xlim(left=0)
    axes.set_xlabel("images")
    axes.set_title(plain(title))
    axes.spines[["top", "right"]].set_visible(False)
    figure.legend(loc="outside lower center", ncols=len(counts), frameon=False)
    return figure


def draw_class_bars(counts: Mapping[str, Mapping[str, int]], path: Path, *, title: str) -> None:
    """Write `class_bars` as PNG, completely or not at all."""
    save(class_bars(counts, title), path)
