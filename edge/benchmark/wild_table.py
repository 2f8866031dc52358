"""The results of `mien benchmark wild` as tables on a terminal."""

from __future__ import annotations

from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from edge.benchmark.console_table import WIDE, selective_text
from edge.benchmark.face_matching import size_titles
from edge.benchmark.wild_results import chain_rows
from edge.system.untrusted_text import printable

Row = dict[str, Any]
_WITH_INTERVALS = "with 95 % intervals; "
#: Number of unreadable pictures that are printed; results.json and the page have all of them.
MAX_LISTED = 10


def print_chain_results(results: Row, console: Console) -> None:
    """Print what the chain read in photographs: for each model, with and without the prior, and by group.

    A narrow terminal shows neither the intervals nor all columns.

    Args:
        results: as `measure_photographs` returns them.
        console: what to print on.
    """
    _print_notes(results, console)
    _print_line(console, chain_title(results))
    labels = list(results["data"]["labels"])
    rows = list(chain_rows(results))
    wide = console.width >= WIDE
    console.print(_models(rows, labels, wide))
    if labels:
        text = "a face that is not found counts as wrong"
        if wide:
            text = (
                f"{_WITH_INTERVALS}{text}, but not where found; restricted: macro recall where found, among the labels "
                "of the data"
            )
        _print_line(console, text)
    for column, values in results["data"]["groups"].items():
        console.print(_groups(rows, column, values, labels, wide))
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
    wide = console.width >= WIDE
    titles = [f"{title}\n{n} faces" for title, n in zip(size_titles(), counts, strict=True)]
    table = _table("detector")
    for title in ("recall", *titles, "false\nper 100", "ms", "cost"):
        table.add_column(title, justify="right", no_wrap=True)
    for detector in results["detectors"]:
        cells = [_share(recall, wide) for recall in (detector["recall"], *detector["recall_by_size"])]
        for key, form in (("false_per_100", ".1f"), ("ms", ".2f"), ("cost", ".2f")):
            cells.append(_number(detector[key], form, wide))
        table.add_row(Text(printable(detector["name"])), *cells)
    console.print(table)
    _print_line(
        console,
        f"{_WITH_INTERVALS if wide else ''}sizes: height of the face over the longer side of the picture; cost: time "
        f"relative to {results['reference']} on the same picture",
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


def _models(rows: list[tuple[Row, str, Row]], labels: list[str], wide: bool) -> Table:
    table = _table("model")
    table.add_column("scores", no_wrap=True)
    predicted = list(dict.fromkeys(label for _, _, figures in rows for label in figures["columns"]))
    macro = (("macro recall", "macro_recall"), ("restricted", "macro_recall_restricted")) if wide else ()
    titles = [*_summary_titles(labels, wide), *(title for title, _ in macro if labels), *(() if labels else predicted)]
    for title in titles:
        table.add_column(title, justify="right", no_wrap=True)
    for model, scores, figures in rows:
        cells = _summary_cells(figures["summary"], labels, wide)
        if labels:
            cells += [_share(figures[key], wide) for _, key in macro]
        else:
            cells += [str(figures["summary"]["predicted"].get(label, 0)) for label in predicted]
        table.add_row(Text(printable(model["name"])), scores, *cells)
    return table


def _groups(rows: list[tuple[Row, str, Row]], column: str, values: list[str], labels: list[str], wide: bool) -> Table:
    table = _table("model")
    table.add_column("scores", no_wrap=True)
    table.add_column(Text(column), overflow="fold")
    for title in ("pictures", *_summary_titles(labels, wide)):
        table.add_column(title, justify="right", no_wrap=True)
    for model, scores, figures in rows:
        for i, value in enumerate(values):
            summary = figures["groups"][column][value]
            first = (Text(printable(model["name"])), scores) if i == 0 else ("", "")
            table.add_row(*first, Text(value), str(summary["n"]), *_summary_cells(summary, labels, wide))
    return table


def _summary_titles(labels: list[str], wide: bool) -> list[str]:
    return ["found", "accuracy", *(["where found"] if wide else []), *labels] if labels else ["found"]


def _summary_cells(summary: Row, labels: list[str], wide: bool) -> list[str]:
    """Return the cells below `_summary_titles`."""
    estimates = [summary["found"]]
    if labels:
        estimates += [summary["accuracy"], *([summary["accuracy_found"]] if wide else [])]
        estimates += [summary["recall"].get(label) for label in labels]
    return [_share(estimate, wide) for estimate in estimates]


def _table(first: str) -> Table:
    table = Table(header_style="bold", box=None, pad_edge=False)
    table.add_column(first, overflow="fold")
    return table


def _share(estimate: Row | None, wide: bool) -> str:
    """Return a rate in percent, with its interval (which is not symmetric where faces are few) if there is room."""
    if estimate is None:
        return ""
    interval = f" {100 * estimate['low']:.0f}-{100 * estimate['high']:.0f}" if wide else ""
    return f"{estimate['value']:.1%}{interval}"


def _number(estimate: Row | None, form: str, wide: bool) -> str:
    if estimate is None:
        return ""
    interval = f" {estimate['low']:{form}}-{estimate['high']:{form}}" if wide else ""
    return f"{estimate['value']:{form}}{interval}"


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
