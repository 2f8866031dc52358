"""The result of a campaign: a table for a terminal, and JSON."""

from typing import TYPE_CHECKING, Any

from edge.cli.tables import new_table
from tests.fuzz.worker_process import WorkerProcess

if TYPE_CHECKING:
    from rich.table import Table


def as_dict(workers: list[WorkerProcess]) -> list[dict[str, Any]]:
    """One entry for each target."""
    return [
        {
            "target": worker.name,
            "guided": worker.guided,
            "inputs": worker.state.inputs,
            "accepted": worker.state.accepted,
            "rejected": worker.state.rejected,
            "findings": worker.state.findings,
            "restarts": worker.restarts,
            "peak_mb": round(worker.state.peak_kb / 1000),
            "longest_s": round(worker.state.longest_ns / 1e9, 3),
            "problem": worker.problem,
        }
        for worker in workers
    ]


def as_table(workers: list[WorkerProcess]) -> "Table":
    """The same, with a sum."""
    table = new_table()
    table.add_column("target")
    for title in ("inputs", "accepted", "rejected", "findings", "peak MB", "longest s"):
        table.add_column(title, justify="right")
    rows = as_dict(workers)
    counts = ("inputs", "accepted", "rejected", "findings")
    for row in rows:
        style = "red" if row["findings"] or row["problem"] else ""
        figures = (*(f"{row[key]:,}" for key in counts), f"{row['peak_mb']:,}", f"{row['longest_s']:.2f}")
        table.add_row(row["target"], *figures, style=style)
    sums = (f"{sum(row[key] for row in rows):,}" for key in counts)
    peaks = (max((row[key] for row in rows), default=0) for key in ("peak_mb", "longest_s"))
    table.add_row("all", *sums, *(f"{peak:,}" for peak in peaks), style="bold")
    return table
