"""The chart of a search: the accuracy of each trial, over its number and over each value."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from train.plots.style import COLORS, new_figure, plain, save

if TYPE_CHECKING:
    from train.training.search_folder import Trial

#: Marker, color and label of each state.
_STATES = {"complete": ("o", COLORS[0], "complete"), "pruned": ("x", COLORS[1], "pruned: its best epoch")}
#: Panels side by side.
_COLUMNS = 3


def trials_figure(trials: Sequence[Trial], title: str, scales: Mapping[str, str]) -> Any:
    """The figure: a panel for the order of the trials, with the best so far, and one for each value.

    Args:
        trials: in their order; those without an accuracy are not drawn.
        title: above all panels.
        scales: the axis of each value, by names such as `fit.learning_rate`: `linear`, `log`, or `choice` for a place
            for each value that occurs.
    """
    names = sorted(scales)
    rows = -(-(1 + len(names)) // _COLUMNS)
    figure = new_figure(4.2 * _COLUMNS, 3.4 * rows)
    figure.suptitle(plain(title))
    panels = figure.subplots(rows, _COLUMNS, squeeze=False).flat
    order = {trial.folder: number for number, trial in enumerate(trials, 1)}
    first = next(panels)
    _scatter(first, trials, [order[trial.folder] for trial in trials])
    best = np.maximum.accumulate([trial.accuracy or 0.0 if trial.state == "complete" else 0.0 for trial in trials])
    shown = best > 0
    first.step(np.arange(1, len(trials) + 1)[shown], best[shown], where="post", color="black", label="best so far")
    first.set_xlabel("trial")
    first.xaxis.get_major_locator().set_params(integer=True)
    first.legend(fontsize=8)
    for name, axes in zip(names, panels, strict=False):
        values = [trial.values.get(name) for trial in trials]
        if scales[name] == "choice":
            numbers = sorted({value for value in values if isinstance(value, int | float)})
            texts = [
                *map(str, numbers),
                *sorted({str(value) for value in values if not isinstance(value, int | float)}),
            ]
            _scatter(axes, trials, [texts.index(str(value)) for value in values])
            axes.set_xticks(range(len(texts)), [plain(text) for text in texts])
        else:
            _scatter(axes, trials, values)
            axes.set_xscale(scales[name])
        axes.set_xlabel(plain(name))
    for axes in panels:
        axes.set_axis_off()
    return figure


def draw_trials(trials: Sequence[Trial], path: Path, *, title: str, scales: Mapping[str, str]) -> None:
    """Write `trials_figure` as PNG, completely or not at all."""
    save(trials_figure(trials, title, scales), path)


def _scatter(axes: Any, trials: Sequence[Trial], places: Sequence[Any]) -> None:
    for state, (marker, color, label) in _STATES.items():
        points = [
            (place, trial.accuracy)
            for place, trial in zip(places, trials, strict=True)
            if trial.state == state and trial.accuracy is not None
        ]
        if points:
            axes.plot(*zip(*points, strict=True), marker, color=color, label=label, markersize=5)
    axes.set_ylabel("validation accuracy")
    axes.grid(alpha=0.3)
    axes.spines[["top", "right"]].set_visible(False)
