"""Training runs side by side, from what their folders say."""

from __future__ import annotations

import csv
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from edge.errors import DataError
from edge.system.atomic_files import replacing, write_json
from train.plots.run_comparison import Line, draw_comparison
from train.training.run_folder import RunFolder, recorded


@dataclass(frozen=True)
class Run:
    """One finished run. Rates are 0..1.

    Attributes:
        run: the folder, as it was given.
        recipe, architecture: as in its metrics.json.
        parameters: weights of the model.
        epochs: how many it was trained; None for an ensemble, which is made of runs.
        best_epoch: the one that was kept, from 1; None for an ensemble.
        train_accuracy: of the best epoch; where metrics.json has none, as it was counted while training, on
            augmented faces and with dropout. None where neither is known.
        val_accuracy, macro_f1: of the saved model on `split`.
        seconds: how long it was trained; all its members together for an ensemble.
        data, data_sha256, limit: what it was trained on.
        labels: whose labels it learnt: the classes, and how FER+'s votes became them.
        split: what it was scored on.
        images_per_second, device: where the run says so.
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


def read_run(path: Path) -> tuple[Run, list[float]]:
    """A run, and its validation accuracy after each epoch: none for an ensemble.

    Raises:
        DataError: there is no finished run.
    """
    folder = RunFolder(path)
    ensemble = not folder.history_csv.exists() and "members" in recorded(folder.model_keras)
    wanted = (folder.metrics_json,) if ensemble else (folder.metrics_json, folder.history_csv)
    missing = [file.name for file in wanted if not file.exists()]
    if missing:
        state = "is no finished run" if path.is_dir() else "is no folder"
        raise DataError(
            f"{path} {state}: expected {' and '.join(missing)} in it, as `mien train fit --out {path}` leaves it"
        )
    history = [] if ensemble else folder.read_history()
    try:
        table = json.loads(folder.metrics_json.read_text("utf-8"))
        scores, data = table["scores"], table["data"]
        best = None if ensemble else int(table["best_epoch"])
        best_row = {} if best is None else history[best - 1]
        train_accuracy = table.get("train_accuracy", best_row.get("accuracy"))
        run = Run(
            run=str(path),
            recipe=str(table["recipe"]),
            architecture=str(table["architecture"]),
            parameters=int(table["parameters"]),
            epochs=None if ensemble else int(table["epochs"]),
            best_epoch=best,
            train_accuracy=None if train_accuracy is None else float(train_accuracy),
            val_accuracy=float(scores["accuracy"]),
            macro_f1=float(scores["macro_f1"]),
            seconds=sum(float(run["seconds"]) for run in (table["members"] if ensemble else [table])),
            data=str(data["name"]),
            data_sha256=str(data["sha256"]),
            limit=data.get("limit"),
            labels=" ".join([*table["labels"], *([f"(FER+ by {data['label_mode']})"] if "label_mode" in data else [])]),
            split=str(table["split"]),
            images_per_second=table.get("images_per_second"),
            device=table.get("device"),
        )
        return run, [row["val_accuracy"] for row in history]
    except KeyError as error:
        raise DataError(
            f"{path} is no finished run: its metrics.json or history.csv lacks {error}, as `mien train fit` writes it"
        ) from error
    except (OSError, ValueError, TypeError, IndexError, AttributeError) as error:
        raise DataError(f"{path} is no finished run: its metrics.json or history.csv is damaged ({error})") from error


def differences(runs: Sequence[Run]) -> list[str]:
    """What makes runs hard to compare, a line each."""
    said = []
    for what, of_run in (
        ("data", lambda run: (run.data_sha256, run.limit)),
        ("labels", lambda run: run.labels),
        ("splits", lambda run: run.split),
    ):
        groups: dict[Any, list[Run]] = {}
        for run in runs:
            groups.setdefault(of_run(run), []).append(run)
        if len(groups) > 1:
            parts = [f"{', '.join(run.run for run in group)} on {_place(group[0], what)}" for group in groups.values()]
            said.append(f"not the same {what}, so the accuracies do not compare: {'; '.join(parts)}")
    return said


def write_comparison(runs: Sequence[Run], histories: Sequence[Sequence[float]], out: Path) -> list[tuple[str, str]]:
    """Write the chart and the table.

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
    with replacing(out / "compare.csv") as temporary, temporary.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, [field.name for field in fields(Run)])
        writer.writeheader()
        writer.writerows(asdict(run) for run in runs)
    write_json(out / "compare.json", {"runs": [asdict(run) for run in runs], "remarks": differences(runs)})
    return [
        ("compare.png", "validation accuracy over the epochs"),
        ("compare.csv", "the table"),
        ("compare.json", "the same"),
    ]


def chart_names(paths: Sequence[str]) -> list[str]:
    """Names of the folders where they tell the runs apart, whole paths where not."""
    names = [Path(path).resolve().name for path in paths]
    return names if len(set(names)) == len(names) else list(paths)


def _place(run: Run, what: str) -> str:
    if what == "splits":
        return run.split
    if what == "labels":
        return run.labels
    return f"{run.data} (SHA-256 {run.data_sha256[:8]}…{f', {run.limit} faces of it' if run.limit else ''})"
