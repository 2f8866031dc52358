"""ROC curves with the area under each."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from train.plots.style import line_style, longest_in, new_figure, plain, save, short

if TYPE_CHECKING:
    from train.evaluation.roc import ROC


def roc_curves(found: ROC, title: str) -> Any:
    """The figure: one line for each class with its area in the legend; macro and micro as thick lines.

    Args:
        found: what `train.evaluation.roc.compute_roc` returned.
        title: above the chart.
    """
    legend_in = 1.0 + max(longest_in(tuple(found.classes)) + 0.6, 2.8)
    figure = new_figure(5.2 + legend_in, 5.6)
    axes = figure.add_subplot()
    for i, (label, curve) in enumerate(found.classes.items()):
        style = {**line_style(i), "markevery": 0.13, "markersize": 4}
        axes.plot(
            curve.false_positive, curve.true_positive, linewidth=1.4, label=f"{short(label)}  {curve.area:.3f}", **style
        )
    for name, average, color, dashes in (
        ("macro: mean of the classes", found.macro, "black", "--"),
        ("micro: all pairs", found.micro, "dimgrey", ":"),
    ):
        if average is not None:
            axes.plot(
                average.false_positive, average.true_positive, dashes, color=color, linewidth=2.8,
                label=f"{name}  {average.area:.3f}",
            )  # fmt: skip
    axes.plot([0, 1], [0, 1], color="lightgrey", linewidth=1, label="chance  0.500", zorder=0)
    axes.set_xlabel("false-positive rate")
    axes.set_ylabel("true-positive rate")
    axes.set_xlim(-0.01, 1.01)
    axes.set_ylim(-0.01, 1.01)
    axes.set_aspect("equal")
    axes.set_title(plain(title))
    axes.grid(alpha=0.3)
    axes.legend(
        loc="center left", bbox_to_anchor=(1.01, 0.5), title="one class against the rest, and AUC", frameon=False
    )
    return figure


def draw_roc(found: ROC, path: Path, *, title: str) -> None:
    """Write `roc_curves` as PNG, completely or not at all."""
    save(roc_curves(found, title), path)
