"""What all charts share: colours that colour-blind people tell apart, a figure, a file that is whole."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from edge.errors import MissingExtraError
from edge.system.atomic_files import replacing

#: Okabe and Ito (2008), Color Universal Design; without yellow, which is too pale for a line on white.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
#: Beside the colour, so that a line is known without it too.
DASHES = ("-", "--", "-.", ":")
MARKERS = ("o", "s", "^", "D", "v", "P", "X")
#: Perceptually uniform, and read alike by people who are colour-blind.
COLOUR_MAP = "cividis"
DOTS_PER_INCH = 150
#: A longer class name is cut in the middle of a chart, with an ellipsis.
LONGEST_NAME = 28
#: So is a longer file name in a title.
LONGEST_FILE = 40


def new_figure(width_in: float, height_in: float, **options: Any) -> Any:
    """An empty figure that draws itself with Agg, into memory: no window, no global state.

    Args:
        width_in: width in inches.
        height_in: height in inches.
        options: of `matplotlib.figure.Figure`.

    Raises:
        MissingExtraError: matplotlib is not installed.
    """
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError as error:
        raise MissingExtraError("train", "matplotlib") from error
    figure = Figure(figsize=(width_in, height_in), dpi=DOTS_PER_INCH, **{"layout": "constrained", **options})
    FigureCanvasAgg(figure)
    return figure


def save(figure: Any, path: Path) -> None:
    """Write a figure as PNG, whole or not at all."""
    with replacing(path) as temporary, no_remark_on_letters():
        figure.savefig(temporary, format="png", dpi=DOTS_PER_INCH)


@contextmanager
def no_remark_on_letters() -> Iterator[None]:
    """Names in a script that matplotlib's own font lacks are drawn as boxes; its remark on each helps nobody."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing from font", category=UserWarning)
        yield


def plain(text: str) -> str:
    """Text as it is: matplotlib would read what stands between two dollar signs as a formula."""
    return text.replace("$", r"\$")


def line_style(i: int) -> dict[str, Any]:
    """Colour, dashes and marker of the `i`-th line of a chart: 28 before a pair comes again."""
    return {
        "color": COLOURS[i % len(COLOURS)],
        "linestyle": DASHES[i % len(DASHES)],
        "marker": MARKERS[i % len(MARKERS)],
    }


def cut(name: str, longest: int) -> str:
    """A name that fits: one of more than `longest` letters loses its middle."""
    if len(name) <= longest:
        return name
    head = (longest - 1) * 2 // 3
    return f"{name[:head]}…{name[len(name) - (longest - 1 - head) :]}"


def short(name: str) -> str:
    """The name of a class or run as a chart's label."""
    return plain(cut(name, LONGEST_NAME))


def longest_in(names: tuple[str, ...], points: float = 10.0) -> float:
    """About how many inches the longest of `names` takes at that size; a letter is about 0.65 of its size wide."""
    return max((len(short(name)) for name in names), default=0) * points * 0.65 / 72
