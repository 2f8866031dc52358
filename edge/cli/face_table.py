"""The file of `mien classify --csv`: one row for each face."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import TextIO

from edge.system.untrusted_text import spreadsheet_cell
from edge.types import Face


class FaceTable:
    """Writes faces as rows: image, box in pixels, confidence, expression, score, and the probability of each label.

    An image without faces gets one row, in which only its path is filled in. Text that a spreadsheet would take for a
    formula gets an apostrophe in front.

    Args:
        stream: a text file, opened with `newline=""`.
        labels: class names in the order of the scores.
    """

    def __init__(self, stream: TextIO, labels: tuple[str, ...]) -> None:
        self._rows = csv.writer(stream)
        self._empty = ("",) * (7 + len(labels))
        self._write(("image", "x", "y", "w", "h", "confidence", "emotion", "score", *labels))

    def add(self, image: Path, faces: list[Face]) -> None:
        """Write the rows of one image."""
        for face in faces:
            x, y, w, h = (round(v) for v in face.box)
            self._write((str(image), x, y, w, h, face.confidence, face.emotion, face.score, *map(float, face.scores)))
        if not faces:
            self._write((str(image), *self._empty))

    def _write(self, values: tuple[object, ...]) -> None:
        self._rows.writerow(map(spreadsheet_cell, values))
