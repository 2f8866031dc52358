"""What all charts share: colors that color-blind people can distinguish, making and saving figures, short names."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from edge.errors import MissingExtraError
from edge.system.atomic_files import replacing

#: Okabe and Ito (2008), Color Universal Design; without yellow, which is too pale for a line on white.
COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
#: Dashes and markers distinguish the lines without their colors.
DASHES = ("-", "--", "-.", ":")
MARKERS = ("o", "s", "^", "D", "v", "P", "X")
#: Perceptually uniform, and readable with color blindness.
COLOR_MAP = "cividis"
DOTS_PER_INCH = 150
#: Characters of a class name; a longer one is shortened in the middle with an ellipsis.
LONGEST_NAME = 28
#: Characters of a file name in a title.
LONGEST_FILE = 40


def new_figure(width_in: float, height_in: float, **options: Any) -> Any:
    """An empty figure that is drawn by Agg into memory: no window, no global state.

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
    """Write a figure as PNG, completely or not at all."""
    with replacing(path) as temporary, ignoring_missing_glyphs():
        figure.savefig(temporary, format="png", dpi=DOTS_PER_INCH)


@contextmanager
def ignoring_missing_glyphs() -> Iterator[None]:
    """Suppress matplotlib's warning about each letter that its font lacks and that it draws as a box."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing from font", category=UserWarning)
        yield


def plain(text: str) -> str:
    """Escape text for matplotlib, which reads text between two dollar signs as a formula."""
    return text.replace("$", r"\$")


def line_style(i: int) -> dict[str, Any]:
    """Color, dashes and marker of the `i`-th line of a chart: 28 lines before a combination repeats."""
    return {
        "color": COLORS[i % len(COLORS)],
        "linestyle": DASHES[i % len(DASHES)],
        "marker": MARKERS[i % len(MARKERS)],
    }


def cut(name: str, longest: int) -> str:
    """A name of at most `longest` characters: a longer one loses its middle."""
    if len(name) <= longest:
        return name
    head = (longest - 1) * 2 // 3
    return f"{name[:head]}…{name[len(name) - (longest - 1 - head) :]}"


def short(name: str) -> str:
    """The name of a class or run as a chart's label: at most `LONGEST_NAME` characters, escaped."""
    return plain(cut(name, LONGEST_NAME))


def longest_in(names: tuple[str, ...], points: float = 10.0) -> float:
    """The approximate width in inches of the longest of `names` as drawn by `short`.

    Args:
        names: class or run names.
        points: font size; a letter is about 0.65 of it wide.
    """
    return max((len(short(name)) for name in names), default=0) * points * 0.65 / 72
