"""The reliability diagram: how often answers of a score are right, and how many there are."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from edge.evaluation.calibration import Calibration
from train.plots.style import COLOURS, new_figure, plain, save


def reliability(found: Calibration, title: str) -> Any:
    """The figure: accuracy a bin of scores over the diagonal, the number of faces below.

    Args:
        found: what `edge.evaluation.calibration.measure_calibration` returned.
        title: above the chart; ECE is added.
    """
    figure = new_figure(6.6, 6.8)
    top, bottom = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1))
    full = [one for one in found.bins if one.confidence is not None and one.accuracy is not None]
    top.plot([0, 1], [0, 1], "--", color="black", linewidth=1.2, label="right as often as it says")
    for height, name, look in (
        ([one.accuracy for one in full], "accuracy", {"color": COLOURS[0], "alpha": 0.85}),
        ([one.confidence for one in full], "mean score", {"color": "none", "edgecolor": COLOURS[1], "hatch": "//"}),
    ):
        look = {"edgecolor": "white", **look}
        top.bar(
            [one.low for one in full], height, [one.high - one.low for one in full], align="edge", label=name, **look
        )
    bottom.bar(
        [one.low for one in full], [one.n for one in full], [one.high - one.low for one in full], align="edge",
        color="grey", edgecolor="white",
    )  # fmt: skip
    top.set_ylabel("accuracy")
    top.set_ylim(0, 1.02)
    top.set_title(f"{plain(title)}\nexpected calibration error {found.ece:.4f} ({len(found.bins)} bins)", fontsize=11)
    top.legend(loc="upper left", frameon=True)
    bottom.set_xlabel("score of the answer")
    bottom.set_ylabel("faces")
    bottom.set_xlim(0, 1)
    for axes in (top, bottom):
        axes.grid(alpha=0.3)
        axes.set_axisbelow(True)
        axes.spines[["top", "right"]].set_visible(False)
    return figure


def draw_reliability(found: Calibration, path: Path, *, title: str) -> None:
    """Write `reliability` as PNG."""
    save(reliability(found, title), path)
