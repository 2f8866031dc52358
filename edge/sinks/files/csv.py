"""The sink `csv:PATH`: one row for each event or aggregate, for a spreadsheet."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable

from edge.sinks.files.text_sink import TextSink
from edge.system.untrusted_text import spreadsheet_cell
from edge.types import UNCERTAIN_LABEL, Aggregate, Event, Message


class CsvSink(TextSink):
    """Writes events or aggregates as rows; box, scores, latencies and shares have a column each.

    Changes of the source's state are not written, because every row has the same columns. Text that a spreadsheet would
    take for a formula, such as a label that begins with `=`, gets an apostrophe in front.
    """

    usage = "csv:PATH"

    def write(self, message: Message) -> None:
        """Append one event or aggregate; every file begins with a header."""
        if isinstance(message, Event):
            row = _row(message)
        elif isinstance(message, Aggregate):
            shares = {f"share_{label}": share for label, share in message.shares.items()}
            row = {key: value for key, value in message.as_dict().items() if key != "shares"} | shares
        else:
            return
        self._lines.write(_line(row.values()), header=_line(row))


def _row(event: Event) -> dict[str, object]:
    row: dict[str, object] = {}
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
    # These columns are empty until the face leaves.
    dwell = event.dwell
    row["seconds"] = "" if dwell is None else dwell.seconds
    for label in (*event.emotions, UNCERTAIN_LABEL):
        row[f"share_{label}"] = "" if dwell is None else dwell.shares.get(label, 0.0)
    return row


def _line(values: Iterable[object]) -> str:
    buffer = io.StringIO()
    csv.writer(buffer).writerow(map(spreadsheet_cell, values))
    return buffer.getvalue()
