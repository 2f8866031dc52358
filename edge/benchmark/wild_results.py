"""The results of `mien benchmark wild` on photographs as plain values, described by wild.schema.json, and as CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

from edge import __version__
from edge.benchmark.candidate import Candidate
from edge.benchmark.chain import ChainReadings
from edge.benchmark.chain_accuracy import ChainAccuracy
from edge.benchmark.photographs import labels_of
from edge.system.untrusted_text import printable, spreadsheet_cell

#: Increased when a change would mislead a reader of the older version.
WILD_SCHEMA_VERSION = 1


@dataclass
class ChainResult:
    """The result of one model.

    Attributes:
        candidate: the model.
        identity: its name and version as in events; None if it could not be opened.
        error: why there are no figures; None if there are.
        raw: with the scores as they are.
        corrected: with the scores corrected for the prior; None without one, or for other classes than FER-2013's.
    """

    candidate: Candidate
    identity: str | None
    error: str | None
    raw: ChainAccuracy | None = None
    corrected: ChainAccuracy | None = None


def header(kind: str, partial: bool, notes: Sequence[str]) -> dict[str, Any]:
    """Return the fields with which the results of `mien benchmark wild` begin.

    Args:
        kind: `photographs` or `detectors`.
        partial: whether the measurement was interrupted.
        notes: what was left out, and other things to know, a line each.
    """
    return {
        "schema_version": WILD_SCHEMA_VERSION,
        "kind": kind,
        "mien": __version__,
        "created": datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z"),
        "partial": partial,
        "notes": [printable(note) for note in notes],
    }


def build_chain_results(
    results: Sequence[ChainResult],
    readings: ChainReadings,
    data: dict[str, Any],
    detector: str,
    prior: Sequence[str],
    notes: Sequence[str],
    machine: dict[str, Any],
) -> dict[str, Any]:
    """Build the results from everything that was measured.

    Args:
        results: of each model.
        readings: what the chain read.
        data: name, SHA-256, and column to values of the groups.
        detector: name of the detector.
        prior: texts of the prior.
        notes: what was left out, and other things to know, a line each.
        machine: as `edge.benchmark.conditions.machine` describes it.
    """
    labels = labels_of(readings.photographs)
    return {
        **header("photographs", readings.partial, notes),
        "data": {
            **data,
            "pictures": len(readings.photographs) + len(readings.unreadable),
            "labels": {label: sum(p.label == label for p in readings.photographs) for label in labels},
            "several_faces": sum(n > 1 for n in readings.faces),
            "unreadable": [
                {"file": printable(name), "reason": printable(reason)} for name, reason in readings.unreadable.items()
            ],
        },
        "machine": machine,
        "detector": detector,
        "prior": list(prior),
        "models": [
            {
                "name": result.candidate.name,
                "file": result.candidate.path.name,
                "sha256": result.candidate.sha256,
                "size_bytes": result.candidate.size_bytes,
                "identity": result.identity,
                "raw": None if result.raw is None else _plain(result.raw),
                "with_prior": None if result.corrected is None else _plain(result.corrected),
                "error": result.error,
            }
            for result in results
        ],
    }


def chain_rows(results: dict[str, Any]) -> Iterator[tuple[dict[str, Any], str, dict[str, Any]]]:
    """Yield each model with figures, `raw` or `with prior`, and these figures."""
    for model in results["models"]:
        for title, key in (("raw", "raw"), ("with prior", "with_prior")):
            if model[key]:
                yield model, title, model[key]


def chain_csv(results: dict[str, Any]) -> str:
    """Return the results as CSV: a row for each model, with and without the prior, and each group."""
    labels = list(results["data"]["labels"])
    estimates = ["found", "accuracy", "accuracy_found", *(f"recall_{label}" for label in labels)]
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(
        ["model", "scores", "column", "group", "pictures"]
        + [f"{name}{end}" for name in estimates for end in ("", "_low", "_high")]
    )
    for model, title, figures in chain_rows(results):
        summaries = [("", "", figures["summary"])]
        summaries += [(c, v, summary) for c, values in figures["groups"].items() for v, summary in values.items()]
        for column, value, summary in summaries:
            cells = [summary["found"], summary["accuracy"], summary["accuracy_found"]]
            cells += [summary["recall"].get(label) for label in labels]
            row = [model["name"], title, column, value, summary["n"]]
            for estimate in cells:
                row += [estimate[key] for key in ("value", "low", "high")] if estimate else ["", "", ""]
            writer.writerow([spreadsheet_cell(cell) for cell in row])
    return buffer.getvalue()


def _plain(accuracy: ChainAccuracy) -> dict[str, Any]:
    table = asdict(accuracy)
    table["labels"], table["columns"] = list(accuracy.labels), list(accuracy.columns)
    table["selective"] = None if accuracy.selective is None else accuracy.selective.as_dict()
    return table
