"""Tables for pages from the results of `mien train robustness --json`."""

from __future__ import annotations

import json
from pathlib import Path

import markdown_tables


def table(path: Path) -> str:
    """Return a row for each corruption: its accuracies in percent, each with its severity in brackets."""
    corruptions = json.loads(path.read_text("utf-8"))["corruptions"]
    rows = [
        [
            f"{name}, {entry['unit']}",
            *(f"{100 * a:.2f} ({s:g})" for a, s in zip(entry["accuracy"], entry["severities"], strict=True)),
        ]
        for name, entry in corruptions.items()
    ]
    return markdown_tables.table(["corruption", *([""] * (len(rows[0]) - 1))], rows)
