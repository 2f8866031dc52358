"""The chart of a history: the share of each expression by period."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from edge.errors import MissingExtraError, WrongUseError
from edge.history.periods import Period, expressions_of
from edge.system.atomic_files import replacing
from edge.system.untrusted_text import printable

FORMATS = ("png", "svg")
#: Okabe and Ito's colors, distinguishable without seeing red and green; gray for what is uncertain, the last one.
_COLORS = ("#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#F0E442", "#0072B2", "#000000")
_UNCERTAIN_COLOR = "#bbbbbb"
_MAX_TITLES = 24


def check_chart_path(path: Path) -> None:
    """Check that a chart can be drawn, and that the name of its file ends with a known format.

    Raises:
        WrongUseError: it does not.
        MissingExtraError: matplotlib is not installed.
    """
    if path.suffix[1:].lower() not in FORMATS:
        raise WrongUseError(f"{printable(str(path))}: expected a file that ends with .{' or .'.join(FORMATS)}")
    try:
        import matplotlib  # noqa: F401
    except ImportError as error:
        raise MissingExtraError("report", "matplotlib") from error


def write_chart(path: Path, periods: Sequence[Period]) -> None:
    """Draw a bar for each period, divided into the shares of the expressions, and above it how long faces were present.

    Args:
        path: of the chart, see `check_chart_path`.
        periods: in order.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 6), dpi=150, layout="constrained")
    presence, axes = figure.subplots(2, 1, sharex=True, height_ratios=(1, 3))
    positions = range(len(periods))
    presence.bar(positions, [period.seconds / 60 for period in periods], color="#777777", width=0.9)
    presence.set_ylabel("face minutes")
    below = [0.0] * len(periods)
    for i, expression in enumerate(expressions_of(periods)):
        shares = [100 * period.shares.get(expression, 0.0) for period in periods]
        color = _UNCERTAIN_COLOR if expression == "uncertain" else _COLORS[i % len(_COLORS)]
        # matplotlib takes dollars for mathematics, and leaves out of the legend what begins with an underscore.
        label = f" {printable(expression)}".replace("$", r"\$")
        axes.bar(positions, shares, bottom=below, color=color, width=0.9, label=label)
        below = [lower + share for lower, share in zip(below, shares, strict=True)]
    step = max(1, -(-len(periods) // _MAX_TITLES))
    titles = [period.title for period in periods][::step]
    axes.set_xticks(list(positions)[::step], titles, rotation=45, ha="right", fontsize=8)
    axes.set_ylabel("share of the time, %")
    axes.set_ylim(0, 100)
    if periods:
        axes.legend(frameon=False, fontsize=9, loc="center left", bbox_to_anchor=(1, 0.5))
    for each in (presence, axes):
        each.grid(visible=True, axis="y", color="#dddddd", linewidth=0.5)
        each.set_axisbelow(True)
    with replacing(path) as temporary:
        figure.savefig(temporary, format=path.suffix[1:].lower())
