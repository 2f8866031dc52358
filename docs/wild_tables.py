"""Tables for pages from the results of `mien benchmark wild DATA --json`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import markdown_tables


def table(path: Path, column: str = "", model: str = "") -> str:
    """Return a Markdown table: a row for each model, or for each group of a column.

    Args:
        path: the results.
        column: the column of the groups, such as `gender`; `uncertain` for what the threshold of `mien run` does; empty
            for a row for each model.
        model: the model whose groups are shown; empty for all.

    Raises:
        KeyError: the results have no such column or model.
    """
    results = json.loads(path.read_text("utf-8"))
    labels = list(results["data"]["labels"])
    figures = [
        (entry["name"], scores, entry[key])
        for entry in results["models"]
        for scores, key in (("raw", "raw"), ("with prior", "with_prior"))
        if entry[key] and model in ("", entry["name"])
    ]
    if not figures:
        raise KeyError(model)
    if not column:
        titles = ["model", "scores", "found", "accuracy", "macro recall", *(f"recall, {label}" for label in labels)]
        rows = [
            [f"`{name}`", scores, *_cells(found["summary"], labels, found["macro_recall"])]
            for name, scores, found in figures
        ]
    elif column == "uncertain":
        titles = ["model", "scores", "threshold", "answered", "accuracy among them", "accuracy of the others"]
        rows = [
            [f"`{name}`", scores, *_threshold_cells(found["selective"]["default"])] for name, scores, found in figures
        ]
    else:
        titles = ["model", "scores", column, "pictures", "found", "accuracy", *(f"recall, {label}" for label in labels)]
        rows = [
            [f"`{name}`", scores, value.replace("_", " "), str(summary["n"]), *_cells(summary, labels)]
            for name, scores, found in figures
            for value, summary in found["groups"][column].items()
        ]
    used = [
        i for i, title in enumerate(titles) if title not in ("model", "scores") or len({row[i] for row in rows}) > 1
    ]
    return markdown_tables.table([titles[i] for i in used], [[row[i] for i in used] for row in rows])


def measured(path: Path) -> str:
    """Return one line: what was measured, with which detector and prior."""
    results = json.loads(path.read_text("utf-8"))
    data, prior = results["data"], " ".join(results["prior"])
    return (
        f"{data['pictures']} pictures, detector `{results['detector']}`, "
        f"{f'prior `{prior}`' if prior else 'no prior'}, mien {results['mien']}"
    )


def _cells(summary: dict[str, Any], labels: list[str], macro: dict[str, float] | None = None) -> list[str]:
    cells = [_share(summary["found"]), _share(summary["accuracy"])]
    if macro is not None:
        cells.append(_share(macro))
    return cells + [_share(summary["recall"].get(label)) for label in labels]


def _threshold_cells(row: dict[str, Any]) -> list[str]:
    accuracies = _share(row["accuracy"]), _share(row["accuracy_unanswered"])
    return [f"{row['threshold']:.2f}", f"{100 * row['answered']:.0f} %", *accuracies]


def _share(estimate: dict[str, float] | None) -> str:
    if estimate is None:
        return ""
    return f"{100 * estimate['value']:.0f} % ({100 * estimate['low']:.0f}–{100 * estimate['high']:.0f})"
