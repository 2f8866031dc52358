"""The results of `mien benchmark wild` as tables on a terminal."""

from __future__ import annotations

from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from edge.benchmark.console_table import selective_text
from edge.benchmark.face_matching import size_titles
from edge.benchmark.wild_results import chain_rows
from edge.system.untrusted_text import printable

Row = dict[str, Any]
#: Number of unreadable pictures that are printed; results.json and the page have all of them.
MAX_LISTED = 10


def print_chain_results(results: Row, console: Console) -> None:
    """Print what the chain read in photographs: for each model, with and without the prior, and by group.

    Args:
        results: as `measure_photographs` returns them.
        console: what to print on.
    """
    _print_notes(results, console)
    _print_line(console, chain_title(results))
    labels = list(results["data"]["labels"])
    rows = list(chain_rows(results))
    console.print(_models(rows, labels))
    if labels:
        _print_line(
            console,
            "with 95 % intervals; accuracy, macro recall and recall count a face that is not found as wrong; "
            "restricted: macro recall where found, among the labels of the data",
        )
    for column, values in results["data"]["groups"].items():
        console.print(_groups(rows, column, values, labels))
    for model, scores, figures in rows:
        if figures["selective"]:
            _print_line(console, selective_text(f"{model['name']}, {scores}", figures["selective"]))
    for model in results["models"]:
        if model["error"]:
            _print_line(console, f"{model['name']}: {model['error']}", "red")


def print_detector_results(results: Row, console: Console) -> None:
    """Print recall by size, false positives and cost of each detector.

    Args:
        results: as `measure_detectors` returns them.
        console: what to print on.
    """
    _print_notes(results, console)
    _print_line(console, detector_title(results))
    counts = results["data"]["faces_by_size"]
    titles = [f"{title}\n{n} faces" for title, n in zip(size_titles(), counts, strict=True)]
    table = _table("detector")
    for title in ("recall", *titles, "false per 100", "ms", "cost"):
        table.add_column(title, justify="right", no_wrap=True)
    for detector in results["detectors"]:
        cells = [_share(recall) for recall in (detector["recall"], *detector["recall_by_size"])]
        cells += [
            _number(detector[key], form) for key, form in (("false_per_100", ".1f"), ("ms", ".2f"), ("cost", ".2f"))
        ]
        table.add_row(Text(printable(detector["name"])), *cells)
    console.print(table)
    _print_line(
        console,
        "with 95 % intervals; sizes: height of the face over the longer side of the picture; cost: time relative to "
        f"{results['reference']} on the same picture",
    )


def chain_title(results: Row) -> str:
    """Return one line: the data and the detector."""
    data = results["data"]
    labels = ", ".join(f"{n} {label}" for label, n in data["labels"].items()) or "without labels"
    prior = f", prior {' '.join(results['prior'])}" if results["prior"] else ""
    return f"{data['pictures']:,} pictures of {data['name']} ({labels}), detector {results['detector']}{prior}"


def detector_title(results: Row) -> str:
    """Return one line: the data and the machine."""
    data, machine = results["data"], results["machine"]
    board = machine["board"] or machine["processor"]
    return f"{data['faces']:,} faces in {data['pictures']:,} pictures of {data['name']} on {board}"


def _models(rows: list[tuple[Row, str, Row]], labels: list[str]) -> Table:
    table = _table("model", "scores")
    predicted = list(dict.fromkeys(label for _, _, figures in rows for label in figures["columns"]))
    columns = ["accuracy", "where found", "macro recall", "restricted", *labels] if labels else predicted
    for title in ("found", *columns):
        table.add_column(title, justify="right", no_wrap=True)
    for model, scores, figures in rows:
        summary = figures["summary"]
        if labels:
            keys = ("macro_recall", "macro_recall_restricted")
            cells = [_share(summary[key]) for key in ("accuracy", "accuracy_found")] + [
                _share(figures[k]) for k in keys
            ]
            cells += [_share(summary["recall"].get(label)) for label in labels]
        else:
            cells = [str(summary["predicted"].get(label, 0)) for label in predicted]
        table.add_row(Text(printable(model["name"])), scores, _share(summary["found"]), *cells)
    return table


def _groups(rows: list[tuple[Row, str, Row]], column: str, values: list[str], labels: list[str]) -> Table:
    table = _table("model", "scores", Text(column))
    for title in ("pictures", "found", *(("accuracy", "where found", *labels) if labels else ())):
        table.add_column(title, justify="right", no_wrap=True)
    for model, scores, figures in rows:
        for i, value in enumerate(values):
            summary = figures["groups"][column][value]
            cells = [str(summary["n"]), _share(summary["found"])]
            if labels:
                cells += [_share(summary[key]) for key in ("accuracy", "accuracy_found")]
                cells += [_share(summary["recall"].get(label)) for label in labels]
            first = (Text(printable(model["name"])), scores) if i == 0 else ("", "")
            table.add_row(*first, Text(value), *cells)
    return table


def _table(*columns: str | Text) -> Table:
    table = Table(header_style="bold", box=None, pad_edge=False)
    for column in columns:
        table.add_column(column, overflow="fold")
    return table


def _share(estimate: Row | None) -> str:
    """Return a rate and its interval, which is not symmetric where faces are few, in percent."""
    if estimate is None:
        return ""
    return f"{estimate['value']:.1%} {100 * estimate['low']:.0f}-{100 * estimate['high']:.0f}"


def _number(estimate: Row | None, form: str) -> str:
    if estimate is None:
        return ""
    return f"{estimate['value']:{form}} {estimate['low']:{form}}-{estimate['high']:{form}}"


def _print_notes(results: Row, console: Console) -> None:
    for note in results["notes"]:
        _print_line(console, f"note: {note}", "yellow")
    unreadable = results["data"]["unreadable"]
    for picture in unreadable[:MAX_LISTED]:
        _print_line(console, f"not read: {picture['reason']}", "yellow")
    if len(unreadable) > MAX_LISTED:
        _print_line(console, f"not read: {len(unreadable) - MAX_LISTED} more, which --json lists", "yellow")
    if results["partial"]:
        _print_line(console, "partial: interrupted before the end", "bold red")


def _print_line(console: Console, text: str, style: str = "") -> None:
    # Brackets in a user's names are not markup, and lines for a pipe are not wrapped.
    console.print(Text(printable(text), style), soft_wrap=True, highlight=False)
