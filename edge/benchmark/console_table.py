"""The results as tables on a terminal."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from edge.system.untrusted_text import printable

#: Width in characters from which a terminal shows all columns.
WIDE = 140
Row = dict[str, Any]
#: Title, whether only a wide terminal shows it, whether it is the same for every number of threads, and the cell.
_COLUMNS: tuple[tuple[str, bool, bool, Callable[[Row, Row], str]], ...] = (
    ("accuracy", False, True, lambda m, s: _accuracy(m)),
    ("macro-F1", True, True, lambda m, s: _of(m["accuracy"], lambda a: f"{a['macro_f1']['value']:.3f}")),
    ("ECE", True, True, lambda m, s: _of(m["accuracy"], lambda a: f"{a['ece']['value']:.3f}")),
    ("agrees", True, True, lambda m, s: _of(m["accuracy"], lambda a: f"{a['agreement']:.1%}")),
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


def print_results(results: Row, console: Console) -> None:
    """Print warnings, models, comparisons and errors; dominated models are dim.

    Args:
        results: as `measure` returns them.
        console: what to print on.
    """

    def print_line(text: str, style: str = "") -> None:
        # Brackets in a user's names are not markup, and lines for a pipe are not wrapped.
        console.print(Text(printable(text), style), soft_wrap=True, highlight=False)

    for warning in results["marks"]:
        print_line(f"not reliable: {warning}", "bold red")
    if results["partial"]:
        print_line("partial: interrupted before the end", "bold red")
    print_line(title(results))
    console.print(_models(results, console.width >= WIDE))
    print_line("p50, p95: from a frame and a box in it to scores; network: p50 of invoke; ±: half the 95 % interval")
    for model in results["models"]:
        if model["accuracy"]:
            print_line(selective_text(model["name"], model["accuracy"]["selective"]))
    for model in results["models"]:
        if model["dominated_by"]:
            print_line(f"{model['name']}: dominated by {model['dominated_by']}", "dim")
        if model["error"]:
            print_line(f"{model['name']}: {model['error']}", "red")
    for pair in results["neighbours"]:
        print_line(neighbor_text(pair))
    for model in results["models"]:
        if model["operations"]:
            print_line(f"{model['name']}, operation by operation:")
            console.print(_operations(model["operations"]))


def title(results: Row) -> str:
    """Return one line: the data, and the machine."""
    data, machine = results["data"], results["conditions"]["machine"]
    board = machine["board"] or machine["processor"]
    return f"{data['faces']:,} faces of {data['split']} ({data['name']}) on {board}, {machine['cores']} cores"


def neighbor_text(pair: Row) -> str:
    """Return the result of McNemar's test of two neighbors on the Pareto front, in words."""
    verdict = "a significant difference" if pair["significant"] else "may be noise"
    return (
        f"{pair['slower']} against {pair['quicker']}: it alone is correct on {pair['only_slower_right']} faces, "
        f"the other alone on {pair['only_quicker_right']}, p = {pair['p']:.2g}: {verdict}"
    )


def selective_text(name: str, selective: Row) -> str:
    """Return what the default threshold of `uncertain` does to a model, and which one would be best, in words."""
    row = selective["default"]
    text = f"{name}: uncertain below {row['threshold']:.2f} leaves {row['answered']:.1%} answered"
    if row["accuracy"]:
        text += f", {row['accuracy']['value']:.1%} of them correctly"
    if row["accuracy_unanswered"]:
        text += f", {row['accuracy_unanswered']['value']:.0%} of the others"
    return f"{text}; best threshold {selective['best']:.2f}"


def _models(results: Row, wide: bool) -> Table:
    speeds = [speed for model in results["models"] for speed in model["speeds"]]
    columns = [c for c in _COLUMNS if wide or not c[1]]
    if not any(speed["joules_per_face"] for speed in speeds):
        columns = [c for c in columns if c[0] != "mJ/face"]
    rows = Table(header_style="bold", box=None, pad_edge=False)
    rows.add_column("model", overflow="fold")
    rows.add_column("threads", justify="right")
    for column, *_ in columns:
        rows.add_column(column, justify="right", no_wrap=True)
    for model in results["models"]:
        for i, speed in enumerate(model["speeds"]):
            cells = [cell(model, speed) if i == 0 or not shared else "" for _, _, shared, cell in columns]
            name = Text(printable(model["name"]) if i == 0 else "")
            rows.add_row(name, str(speed["threads"]), *cells, style="dim" if model["dominated_by"] else "")
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
            Text(printable(row["layer"])),
            "x".join(map(str, row["output_shape"])),
            f"{row['macs'] / 1e6:.2f}" if row["macs"] else "",
            f"{row['ms']:.4f}",
            f"{row['ms'] / total_ms:.1%}",
            "" if rate is None else f"{rate:.0f}",
        )
    return rows


def _accuracy(model: Row) -> str:
    def text(scores: Row) -> str:
        accuracy = scores["accuracy"]
        return f"{accuracy['value']:.2%} ±{50 * (accuracy['high'] - accuracy['low']):.1f}"

    return _of(model["accuracy"], text)


def _of(value: Any, text: Callable[[Any], str]) -> str:
    """Return the text of a value, or nothing if it is unknown."""
    return "" if value is None else text(value)
