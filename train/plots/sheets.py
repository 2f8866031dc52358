"""Contact sheets: faces in rows, each with a caption, for samples, mean faces, mistakes and duplicates."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from train.plots.style import DOTS_PER_INCH, ignoring_missing_glyphs, new_figure, plain, save

Image = npt.NDArray[np.uint8]
#: A sheet shows people. The note is on the sheet itself, which outlives the command's output.
NOTE = "Faces of the data set: do not publish this sheet where the set's terms forbid it."
_FACE_IN, _GAP_IN, _POINTS = 0.8, 0.12, 8.0
_LINE_IN = _POINTS * 1.35 / 72


def sheet(
    images: Sequence[Image | None],
    captions: Sequence[str],
    *,
    title: str,
    columns: int,
    row_names: Sequence[str] = (),
    note: str = NOTE,
) -> Any:
    """The figure: faces in rows, each cell as wide as the captions need.

    Args:
        images: gray, `(48, 48)` or for a pair `(48, w)`, uint8; None leaves the cell empty.
        captions: one for each image, of any number of lines; an empty string for no caption.
        title: above the sheet.
        columns: faces in each row.
        row_names: names to the left of the rows.
        note: below the sheet.
    """
    figure = new_figure(4, 4, layout="none")
    rows = -(-len(images) // columns)
    face_in = max((_FACE_IN * i.shape[1] / i.shape[0] for i in images if i is not None), default=_FACE_IN)
    cell_in = max(face_in, _widest_in(figure, captions, _POINTS)) + _GAP_IN
    lines = max((caption.count("\n") + 1 for caption in captions if caption), default=0)
    row_in = _FACE_IN + lines * _LINE_IN + _GAP_IN
    names_in = _widest_in(figure, row_names, 10) + (_GAP_IN if row_names else 0)
    width_in = max(
        2 * _GAP_IN + names_in + columns * cell_in,
        2 * _GAP_IN + max(_widest_in(figure, [plain(title)], 12), _widest_in(figure, [note], _POINTS)),
    )
    top_in, bottom_in = 0.5, 0.35 if note else 0.1
    height_in = top_in + rows * row_in + bottom_in
    figure.set_size_inches(width_in, height_in)
    axes = figure.add_axes((0, 0, 1, 1))
    # One unit is one inch, and the origin is at the top left.
    axes.set(xlim=(0, width_in), ylim=(height_in, 0))
    axes.set_axis_off()
    axes.text(_GAP_IN, 0.15, plain(title), fontsize=12, va="top")
    for i, (image, caption) in enumerate(zip(images, captions, strict=True)):
        left = _GAP_IN + names_in + (i % columns) * cell_in
        top = top_in + (i // columns) * row_in
        if image is not None:
            image_in = _FACE_IN * image.shape[1] / image.shape[0]
            axes.imshow(
                image, "gray", vmin=0, vmax=255, extent=(left, left + image_in, top + _FACE_IN, top), aspect="auto",
                interpolation="nearest",
            )  # fmt: skip
        # Line by line on its baseline: a block is aligned by its tallest letter, and neighbors would not line up.
        for line, text in enumerate(caption.split("\n") if caption else ()):
            axes.text(left, top + _FACE_IN + (line + 0.9) * _LINE_IN, text, fontsize=_POINTS, va="baseline")
    for row, name in enumerate(row_names):
        axes.text(_GAP_IN, top_in + row * row_in + _FACE_IN / 2, name, fontsize=10, va="center")
    axes.text(_GAP_IN, height_in - 0.1, note, fontsize=_POINTS, va="bottom", color="dimgrey")
    # imshow changed the limits.
    axes.set(xlim=(0, width_in), ylim=(height_in, 0))
    return figure


def draw_sheet(
    images: Sequence[Image | None],
    captions: Sequence[str],
    path: Path,
    *,
    title: str,
    columns: int,
    row_names: Sequence[str] = (),
    note: str = NOTE,
) -> None:
    """Write `sheet` as PNG, completely or not at all."""
    save(sheet(images, captions, title=title, columns=columns, row_names=row_names, note=note), path)


def _widest_in(figure: Any, texts: Sequence[str], points: float) -> float:
    """The width in inches of the widest line of `texts` as it will be drawn."""
    widest = 0.0
    for text in {line for each in texts for line in each.split("\n")}:
        drawn = figure.text(0, 0, text, fontsize=points)
        with ignoring_missing_glyphs():
            widest = max(widest, drawn.get_window_extent(figure.canvas.get_renderer()).width / DOTS_PER_INCH)
        drawn.remove()
    return widest
