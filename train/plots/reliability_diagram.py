"""Reliability diagram: the accuracy of the predictions in each bin of scores, and their number."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from edge.evaluation.calibration import Calibration
from train.plots.style import COLORS, new_figure, plain, save


def reliability(found: Calibration, title: str) -> Any:
    """The figure: accuracy of each bin of scores against the diagonal, the number of faces below.

    Args:
        found: what `edge.evaluation.calibration.measure_calibration` returned.
        title: above the chart; the expected calibration error is added.
    """
    figure = new_figure(6.6, 6.8)
    top, bottom = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1))
    filled = [one for one in found.bins if one.confidence is not None and one.accuracy is not None]
    top.plot([0, 1], [0, 1], "--", color="black", linewidth=1.2, label="perfect calibration")
    for height, name, style in (
        ([one.accuracy for one in filled], "accuracy", {"color": COLORS[0], "alpha": 0.85}),
        ([one.confidence for one in filled], "mean score", {"color": "none", "edgecolor": COLORS[1], "hatch": "//"}),
    ):
        style = {"edgecolor": "white", **style}
        top.bar(
            [one.low for one in filled],
            height,
            [one.high - one.low for one in filled],
            align="edge",
            label=name,
            **style,
        )
    bottom.bar(
        [one.low for one in filled], [one.n for one in filled], [one.high - one.low for one in filled], align="edge",
        color="grey", edgecolor="white",
    )  # fmt: skip
    top.set_ylabel("accuracy")
    top.set_ylim(0, 1.02)
    top.set_title(f"{plain(title)}\nexpected calibration error {found.ece:.4f} ({len(found.bins)} bins)", fontsize=11)
    top.legend(loc="upper left", frameon=True)
    bottom.set_xlabel("score of the predicted class")
    bottom.set_ylabel("faces")
    bottom.set_xlim(0, 1)
    for axes in (top, bottom):
        axes.grid(alpha=0.3)
        axes.set_axisbelow(True)
        axes.spines[["top", "right"]].set_visible(False)
    return figure


def draw_reliability(found: Calibration, path: Path, *, title: str) -> None:
    """Write `reliability` as PNG, completely or not at all."""
    save(reliability(found, title), path)
