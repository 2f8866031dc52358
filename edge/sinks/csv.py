"""`csv:PATH`: one row an event, for a spreadsheet."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence

from edge.errors import SinkError
from edge.sinks.text import TextSink
from edge.types import UNCERTAIN_LABEL, Event


class CsvSink(TextSink):
    """Events as rows; box, scores, latencies and shares each get columns of their own."""

    _begun = False

    def write(self, event: Event) -> None:
        """Append one event, after a header if it is the first."""
        row: dict[str, object] = {}
        # Every row has every column: those of the dwell are empty until a face ends.
        dwell = event.dwell
        for key, value in event.as_dict().items():
            if key == "box":
                row.update(zip(("x", "y", "w", "h"), value, strict=True))
            elif key == "emotions":
                row.update(value)
            elif key == "dwell":
                continue
            elif key == "latency_ms":
                row.update({f"{stage}_ms": ms for stage, ms in value.items()})
            else:
                row[key] = value
        row["seconds"] = "" if dwell is None else dwell.seconds
        for label in (*event.emotions, UNCERTAIN_LABEL):
            row[f"share_{label}"] = "" if dwell is None else dwell.shares.get(label, 0.0)
        if not self._begun:
            self._write_header(_line(list(row)))
            self._begun = True
        self.write_text(_line(list(row.values())))

    def _write_header(self, header: str) -> None:
        """Begin an empty file with the header; one that holds rows must have the same."""
        path = self._path
        if path is not None and path.is_file() and path.stat().st_size:
            with path.open(encoding="utf-8", errors="replace", newline="") as stream:
                first = stream.readline()
            if first.rstrip("\r\n") != header.rstrip("\r\n"):
                raise SinkError(f"{path} has other columns than these events: expected a new file, or the same model's")
        else:
            self.write_text(header)


def _line(values: Sequence[object]) -> str:
    buffer = io.StringIO()
    csv.writer(buffer).writerow(values)
    return buffer.getvalue()
