"""Score a model on a split, and draw how it fares."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from edge.datasets.ferplus import winners
from edge.datasets.reader import Faces
from edge.errors import DataError, MissingExtraError, WrongUseError
from edge.evaluation.calibration import Calibration, measure_calibration
from edge.evaluation.classification import Metrics, score
from edge.inference.contract import EIGHT_LABELS
from edge.system.atomic_files import replacing, write_json
from train.evaluation.prediction import Model, class_ids_for, class_names
from train.evaluation.roc import Roc, roc
from train.plots.confusion import draw_confusion
from train.plots.reliability_diagram import draw_reliability
from train.plots.roc_curves import draw_roc
from train.plots.sheets import draw_sheet
from train.plots.style import new_figure, short

#: On the sheet.
MISTAKES = 40
Ids = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Mistake:
    """A face that the model answered wrongly.

    Attributes:
        position: of the face in its split.
        row: of the face in a CSV; its file in a folder.
        label: what it is labelled.
        answer: what the model said, with `score`.
    """

    position: int
    row: int | str
    label: str
    answer: str
    score: float


@dataclass(frozen=True)
class Evaluation:
    """How a model fares on a split.

    Attributes:
        labels: the model's classes.
        class_ids: `(n,)` the labelled class of each face, a position in `labels`.
        answers: `(n,)` the class that the model holds most probable.
        metrics: accuracy, macro-F1, confusion.
        roc: curves and areas.
        calibration: ECE and its bins.
        mistakes: the most confident ones first, at most `MISTAKES`.
    """

    labels: tuple[str, ...]
    class_ids: Ids
    answers: Ids
    metrics: Metrics
    roc: Roc
    calibration: Calibration
    mistakes: tuple[Mistake, ...]

    def as_dict(self) -> dict[str, Any]:
        """As plain numbers, for JSON."""
        return {
            "labels": list(self.labels),
            "scores": self.metrics.as_dict(),
            "auc": self.roc.as_dict(),
            "calibration": self.calibration.as_dict(),
            "mistakes": [
                {"row": one.row, "label": one.label, "answer": one.answer, "score": one.score} for one in self.mistakes
            ],
        }

    def classification_report(self) -> str:
        """scikit-learn's table of precision, recall and F1, over the classes that occur or are answered."""
        try:
            from sklearn.metrics import classification_report
        except ImportError as error:
            raise MissingExtraError("train", "scikit-learn") from error
        seen = sorted({*self.class_ids.tolist(), *self.answers.tolist()})
        text: str = classification_report(
            self.class_ids, self.answers, labels=seen, target_names=[self.labels[i] for i in seen], digits=4,
            zero_division=0,
        )  # fmt: skip
        return text


def evaluate(model: Model, faces: Faces) -> Evaluation:
    """Score a loaded model on one split.

    Raises:
        ModelError: the data has a class that the model does not answer, or the answers are no probabilities.
    """
    labels = class_names(model, faces.labels)
    class_ids = class_ids_for(model, faces)
    probabilities = model.probabilities(faces.images)
    answers = probabilities.argmax(axis=1)
    return Evaluation(
        labels,
        class_ids,
        answers,
        score(class_ids, answers, labels),
        roc(probabilities, class_ids, labels),
        measure_calibration(probabilities, class_ids),
        _most_confident_mistakes(labels, faces, class_ids, probabilities),
    )


def evaluate_on_votes(found: Evaluation, faces: Faces) -> dict[str, Any]:
    """Accuracy against the expression that most FER+ voters chose.

    Faces without a single winner, and those whose winner the model has no class for, are left out.

    Args:
        found: what `evaluate` returned.
        faces: the same split, with votes.

    Returns:
        `accuracy` 0..1; `n`, the number of faces counted; `left_out`, that of the others.

    Raises:
        DataError: no face is left.
    """
    assert faces.votes is not None
    ids = {label: i for i, label in enumerate(found.labels)}
    # The last place is for -1: no winner.
    by_vote = np.array([*(ids.get(label, -1) for label in EIGHT_LABELS), -1], np.int64)
    wanted = by_vote[winners(faces.votes)]
    counted = wanted >= 0
    if not counted.any():
        raise DataError("no face has an expression that most FER+ voters chose: expected at least one")
    n = int(counted.sum())
    return {"accuracy": float((found.answers[counted] == wanted[counted]).mean()), "n": n, "left_out": len(faces) - n}


def check_out(out: Path) -> None:
    """Find out before a long run, not after it, that its charts cannot be written.

    Raises:
        WrongUseError: the folder is that of a training run, whose own metrics.json would be lost.
        MissingExtraError: matplotlib is not installed.
    """
    if (out / "recipe.toml").exists():
        raise WrongUseError(f"{out} is a run folder, with a metrics.json of its own: give another --out")
    new_figure(1, 1)


def write_evaluation(
    found: Evaluation, faces: Faces, out: Path, title: str, report: dict[str, Any]
) -> list[tuple[str, str]]:
    """Write the charts, `classification_report.txt` and `metrics.json`.

    Args:
        found: what `evaluate` returned.
        faces: the split that it was measured on.
        out: the folder.
        title: model and split, above each chart.
        report: what `metrics.json` says beside the scores.

    Returns:
        Name of each file, and what it shows.
    """
    draw_confusion(found.metrics.confusion, found.labels, out / "confusion.png",
                   title=f"{title}: accuracy {found.metrics.accuracy:.2%}, {found.metrics.n:,} faces")  # fmt: skip
    draw_roc(found.roc, out / "roc.png", title=title)
    draw_reliability(found.calibration, out / "reliability.png", title=title)
    draw_sheet(
        [faces.images[one.position] for one in found.mistakes],
        [f"{short(one.label)} →\n{short(one.answer)} {one.score:.2f}" for one in found.mistakes],
        out / "mistakes.png",
        title=f"{title}: the most confident mistakes (label → answer, score)",
        columns=8,
    )
    with replacing(out / "classification_report.txt") as temporary:
        temporary.write_text(found.classification_report(), "utf-8")
    write_json(out / "metrics.json", {**report, **found.as_dict()})
    return [
        ("confusion.png", "which class is answered as which, in faces and as shares"),
        ("roc.png", "ROC curves with AUC"),
        ("reliability.png", "how often a score is right, with ECE"),
        (
            "mistakes.png",
            "the most confident mistakes; faces of the set: mind its terms before publishing it",
        ),
        ("classification_report.txt", "precision, recall and F1, as scikit-learn has them"),
        ("metrics.json", "all of it as numbers"),
    ]


def _most_confident_mistakes(
    labels: tuple[str, ...], faces: Faces, class_ids: Ids, probabilities: npt.NDArray[np.float32]
) -> tuple[Mistake, ...]:
    scores, answers = probabilities.max(axis=1), probabilities.argmax(axis=1)
    wrong = np.flatnonzero(answers != class_ids)
    chosen = wrong[np.argsort(-scores[wrong], kind="stable")][:MISTAKES]
    return tuple(
        Mistake(int(i), faces.origin(int(i)), labels[class_ids[i]], labels[answers[i]], float(scores[i]))
        for i in chosen
    )
