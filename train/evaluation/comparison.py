"""Compares training runs by what their folders record."""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from edge.errors import DataError, first_line
from edge.system.atomic_files import replacing, write_json
from edge.system.untrusted_text import spreadsheet_cell
from train.plots.run_comparison import Line, draw_comparison
from train.run_folder import RunFolder, recorded_metrics


@dataclass(frozen=True)
class RunSummary:
    """One finished run. Rates are 0..1.

    Attributes:
        run: the run folder, as it was given.
        recipe, architecture: as in its metrics.json.
        parameters: number of the model's parameters.
        epochs: number of epochs that were trained; None for an ensemble, which is made of runs.
        best_epoch: the epoch whose weights were saved, from 1; None for an ensemble.
        train_accuracy: of the best epoch; where metrics.json has none, the one measured during training, on augmented
            faces and with dropout. None where neither is known.
        val_accuracy, macro_f1: of the saved model on `split`.
        seconds: duration of the training; for an ensemble the sum of its members'.
        data, data_sha256, limit: what it was trained on.
        labels: the classes, and how they were made of FER+'s votes if they were.
        split: what it was scored on.
        images_per_second, device: where the run recorded them.
    """

    run: str
    recipe: str
    architecture: str
    parameters: int
    epochs: int | None
    best_epoch: int | None
    train_accuracy: float | None
    val_accuracy: float
    macro_f1: float
    seconds: float
    data: str
    data_sha256: str
    limit: int | None
    labels: str
    split: str
    images_per_second: float | None = None
    device: str | None = None


def read_run(path: Path) -> tuple[RunSummary, list[float]]:
    """Read a finished run.

    Args:
        path: the run folder.

    Returns:
        The run, and its validation accuracy after each epoch, 0..1; empty for an ensemble.

    Raises:
        DataError: the folder holds no finished run, or its files are damaged.
    """
    folder = RunFolder(path)
    ensemble = not folder.history_csv.exists() and "members" in recorded_metrics(folder.model_keras)
    needed = (folder.metrics_json,) if ensemble else (folder.metrics_json, folder.history_csv)
    missing = [file.name for file in needed if not file.exists()]
    if missing:
        state = "is not a finished run" if path.is_dir() else "is not a folder"
        raise DataError(
            f"{path} {state}: expected {' and '.join(missing)} in it, as `mien train fit --out {path}` writes it"
        )
    history = [] if ensemble else folder.read_history()
    try:
        summary = _summary(path, json.loads(folder.metrics_json.read_text("utf-8")), history, ensemble)
        return summary, [row["val_accuracy"] for row in history]
    except KeyError as error:
        raise DataError(
            f"{path} is not a finished run: its metrics.json or history.csv lacks {error}, which `mien train fit` "
            "writes"
        ) from error
    except (OSError, ValueError, TypeError, IndexError, AttributeError, ArithmeticError, RecursionError) as error:
        raise DataError(
            f"{path} is not a finished run: its metrics.json or history.csv is damaged ({first_line(error)})"
        ) from error


def _summary(path: Path, table: dict[str, Any], history: list[dict[str, float]], ensemble: bool) -> RunSummary:
    scores, data = table["scores"], table["data"]
    best_epoch = None if ensemble else int(table["best_epoch"])
    best_row = {} if best_epoch is None else history[best_epoch - 1]
    train_accuracy = table.get("train_accuracy", best_row.get("accuracy"))
    label_mode = [f"(FER+ by {data['label_mode']})"] if "label_mode" in data else []
    return RunSummary(
        run=str(path),
        recipe=str(table["recipe"]),
        architecture=str(table["architecture"]),
        parameters=int(table["parameters"]),
        epochs=None if ensemble else int(table["epochs"]),
        best_epoch=best_epoch,
        train_accuracy=None if train_accuracy is None else _finite(train_accuracy),
        val_accuracy=_finite(scores["accuracy"]),
        macro_f1=_finite(scores["macro_f1"]),
        seconds=sum(_finite(run["seconds"]) for run in (table["members"] if ensemble else [table])),
        data=str(data["name"]),
        data_sha256=str(data["sha256"]),
        limit=None if data.get("limit") is None else int(data["limit"]),
        labels=" ".join([*table["labels"], *label_mode]),
        split=str(table["split"]),
        images_per_second=None if table.get("images_per_second") is None else _finite(table["images_per_second"]),
        device=None if table.get("device") is None else str(table["device"]),
    )


def _finite(value: Any) -> float:
    """Return a figure; JSON as Python reads it has `NaN` and `Infinity`, which others do not read."""
    number = float(value)
    if not math.isfinite(number):
        raise ValueError(f"{number} is no figure")
    return number


def differences(runs: Sequence[RunSummary]) -> list[str]:
    """What makes the accuracies of runs incomparable, one line for each reason: data, labels, splits."""
    remarks = []
    for aspect, key in (
        ("data", lambda run: (run.data_sha256, run.limit)),
        ("labels", lambda run: run.labels),
        ("splits", lambda run: run.split),
    ):
        groups: dict[Any, list[RunSummary]] = {}
        for run in runs:
            groups.setdefault(key(run), []).append(run)
        if len(groups) > 1:
            parts = [
                f"{', '.join(run.run for run in group)} on {_describe(group[0], aspect)}" for group in groups.values()
            ]
            remarks.append(f"not the same {aspect}, so the accuracies do not compare: {'; '.join(parts)}")
    return remarks


def as_dict(runs: Sequence[RunSummary]) -> dict[str, Any]:
    """The comparison as JSON has it: the runs, and the remarks of `differences`."""
    return {"runs": [asdict(run) for run in runs], "remarks": differences(runs)}


def write_comparison(
    runs: Sequence[RunSummary], histories: Sequence[Sequence[float]], out: Path
) -> list[tuple[str, str]]:
    """Write the chart and the table.

    Args:
        runs: the runs.
        histories: the validation accuracy of each run after each epoch, 0..1.
        out: the folder.

    Returns:
        Name of each file, and what it shows.
    """
    out.mkdir(parents=True, exist_ok=True)
    names = chart_names([run.run for run in runs])
    draw_comparison(
        [
            Line(name, history, run.best_epoch, run.val_accuracy)
            for name, history, run in zip(names, histories, runs, strict=True)
        ],
        out / "compare.png",
        title=f"validation accuracy ({', '.join(dict.fromkeys(run.split for run in runs))})",
    )
    with (
        replacing(out / "compare.csv") as temporary,
        temporary.open("w", newline="", encoding="utf-8", errors="backslashreplace") as stream,
    ):
        writer = csv.DictWriter(stream, [field.name for field in fields(RunSummary)])
        writer.writeheader()
        writer.writerows({key: spreadsheet_cell(cell) for key, cell in asdict(run).items()} for run in runs)
    write_json(out / "compare.json", as_dict(runs))
    return [
        ("compare.png", "validation accuracy over the epochs"),
        ("compare.csv", "the table"),
        ("compare.json", "the table, and the remarks"),
    ]


def chart_names(paths: Sequence[str]) -> list[str]:
    """The names of the folders where they are unique, the whole paths where they are not."""
    names = [Path(path).resolve().name for path in paths]
    return names if len(set(names)) == len(names) else list(paths)


def _describe(run: RunSummary, aspect: str) -> str:
    if aspect == "splits":
        return run.split
    if aspect == "labels":
        return run.labels
    return f"{run.data} (SHA-256 {run.data_sha256[:8]}…{f', {run.limit} faces of it' if run.limit else ''})"
