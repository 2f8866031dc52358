"""The results on a terminal."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

#: Columns that only a terminal of so many characters has room for.
WIDE = 140

Row = dict[str, Any]
#: Title, whether only a wide terminal has it, whether it says the same for every number of threads, and the cell.
_COLUMNS: tuple[tuple[str, bool, bool, Callable[[Row, Row], str]], ...] = (
    ("accuracy", False, True, lambda m, s: _accuracy(m)),
    ("macro-F1", True, True, lambda m, s: _good(m, lambda good: f"{good['macro_f1']['value']:.3f}")),
    ("ECE", True, True, lambda m, s: _good(m, lambda good: f"{good['ece']['value']:.3f}")),
    ("agrees", True, True, lambda m, s: _good(m, lambda good: f"{good['agreement']:.1%}")),
    ("p50 ms", False, False, lambda m, s: _of(s["crop_to_scores"], lambda ms: f"{ms['p50_ms']['value']:.3f}")),
    ("p95", False, False, lambda m, s: _of(s["crop_to_scores"], lambda ms: f"{ms['p95_ms']:.3f}")),
    ("p99", True, False, lambda m, s: _of(s["crop_to_scores"], lambda ms: f"{ms['p99_ms']:.3f}")),
    ("network", False, False, lambda m, s: _of(s["invoke"], lambda ms: f"{ms['p50_ms']['value']:.3f}")),
    ("faces/s", True, False, lambda m, s: _of(s["faces_per_s"], lambda n: f"{n:.0f}")),
    ("memory", False, False, lambda m, s: _of(s["peak_rss_mb"], lambda mb: f"{mb:.0f} MB")),
    ("size", False, True, lambda m, s: f"{m['size_bytes'] / 1000:.0f} KB"),
    ("GMAC/s", True, False, lambda m, s: _of(s["gmacs_per_s"], lambda rate: f"{rate:.0f}")),
    ("of peak", True, False, lambda m, s: _of(s["share_of_peak"], lambda share: f"{share:.0%}")),
    ("mJ/face", True, False, lambda m, s: _of(s["joules_per_face"], lambda joules: f"{1000 * joules:.2f}")),
)


def print_results(table: Row, console: Console) -> None:
    """Print marks, models, neighbours and errors; dominated models are dim."""

    def say(text: str, style: str = "") -> None:
        # Names are a user's: brackets in them are no markup, and a pipe gets whole lines.
        console.print(Text(text, style), soft_wrap=True, highlight=False)

    for mark in table["marks"]:
        say(f"not to be trusted: {mark}", "bold red")
    if table["partial"]:
        say("partial: stopped before its end", "bold red")
    say(title(table))
    console.print(_models(table, console.width >= WIDE))
    say("p50, p95: from a frame and a box in it to scores; network: the bare invoke, p50; ±: half the 95 % interval")
    for model in table["models"]:
        if model["dominated_by"]:
            say(f"{model['name']}: dominated by {model['dominated_by']}", "dim")
        if model["error"]:
            say(f"{model['name']}: {model['error']}", "red")
    for pair in table["neighbours"]:
        say(neighbor_text(pair))
    for model in table["models"]:
        if model["operations"]:
            say(f"{model['name']}, operation by operation:")
            console.print(_operations(model["operations"]))


def title(table: Row) -> str:
    """What was measured, on what."""
    data, machine = table["data"], table["conditions"]["machine"]
    board = machine["board"] or machine["processor"]
    return f"{data['faces']:,} faces of {data['split']} ({data['name']}) on {board}, {machine['cores']} cores"


def neighbor_text(pair: Row) -> str:
    """What McNemar's test says of two neighbours on the front."""
    said = "a difference" if pair["significant"] else "may be noise"
    return (
        f"{pair['slower']} against {pair['quicker']}: right alone on {pair['only_slower_right']} faces, wrong alone on "
        f"{pair['only_quicker_right']}, p = {pair['p']:.2g}: {said}"
    )


def _models(table: Row, wide: bool) -> Table:
    speeds = [speed for model in table["models"] for speed in model["speeds"]]
    columns = [c for c in _COLUMNS if wide or not c[1]]
    if not any(speed["joules_per_face"] for speed in speeds):
        columns = [c for c in columns if c[0] != "mJ/face"]
    rows = Table(header_style="bold", box=None, pad_edge=False)
    rows.add_column("model", overflow="fold")
    rows.add_column("threads", justify="right")
    for name, *_ in columns:
        rows.add_column(name, justify="right", no_wrap=True)
    for model in table["models"]:
        for i, speed in enumerate(model["speeds"]):
            cells = [cell(model, speed) if i == 0 or not once else "" for _, _, once, cell in columns]
            called = Text(model["name"] if i == 0 else "")
            rows.add_row(called, str(speed["threads"]), *cells, style="dim" if model["dominated_by"] else "")
    return rows


def _operations(operations: list[Row]) -> Table:
    total_ms = sum(row["ms"] for row in operations) or 1.0
    rows = Table(header_style="bold", box=None, pad_edge=False)
    for name in ("", "operation", "layer", "output"):
        rows.add_column(name)
    for name in ("MMAC", "ms", "share", "GMAC/s"):
        rows.add_column(name, justify="right")
    for row in operations:
        rate = row["macs"] / row["ms"] / 1e6 if row["ms"] > 0 and row["macs"] else None
        rows.add_row(
            str(row["index"]),
            row["kind"],
            Text(row["layer"]),
            "x".join(map(str, row["output_shape"])),
            f"{row['macs'] / 1e6:.2f}" if row["macs"] else "",
            f"{row['ms']:.4f}",
            f"{row['ms'] / total_ms:.1%}",
            "" if rate is None else f"{rate:.0f}",
        )
    return rows


def _accuracy(model: Row) -> str:
    def text(good: Row) -> str:
        accuracy = good["accuracy"]
        return f"{accuracy['value']:.2%} ±{50 * (accuracy['high'] - accuracy['low']):.1f}"

    return _good(model, text)


def _good(model: Row, text: Callable[[Row], str]) -> str:
    return _of(model["accuracy"], text)


def _of(value: Any, text: Callable[[Any], str]) -> str:
    """The text of a value that may be unknown."""
    return "" if value is None else text(value)
