"""Scores a model on a split, and draws the charts of an evaluation."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from edge.datasets.data_set import DataLocation
from edge.datasets.ferplus import winners
from edge.datasets.reader import Faces, load_dataset
from edge.errors import DataError, MissingExtraError, WrongUseError
from edge.evaluation.calibration import Calibration, measure_calibration
from edge.evaluation.classification import Metrics, score
from edge.inference.contract import EIGHT_LABELS
from edge.system.atomic_files import replacing, write_json
from train.evaluation.prediction import Model, class_ids_for, class_names, load_model
from train.evaluation.roc import ROC, compute_roc
from train.plots.confusion import draw_confusion
from train.plots.reliability_diagram import draw_reliability
from train.plots.roc_curves import draw_roc
from train.plots.sheets import draw_sheet
from train.plots.style import new_figure, short

#: The greatest number of mistakes on the contact sheet.
MISTAKES = 40
#: Of each class, on the sheet of predictions: faces that are right, and faces that are wrong.
EXAMPLES = 5
Ids = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Mistake:
    """A face that the model classified wrongly.

    Attributes:
        position: of the face in its split.
        row: row of the face in a CSV; its file in a folder.
        label: the labeled class.
        answer: the predicted class.
        score: the predicted class's probability, 0..1.
    """

    position: int
    row: int | str
    label: str
    answer: str
    score: float


@dataclass(frozen=True)
class Evaluation:
    """The scores of a model on a split.

    Attributes:
        labels: the model's classes.
        class_ids: `(n,)` the labeled class of each face, a position in `labels`.
        predicted: `(n,)` the class with the highest probability for each face.
        confidence: `(n,)` float32, that probability, 0..1.
        metrics: accuracy, macro-F1, confusion matrix, recall and precision of each class.
        roc: ROC curves and areas.
        calibration: expected calibration error and its bins.
        mistakes: the most confident mistakes first, at most `MISTAKES`.
    """

    labels: tuple[str, ...]
    class_ids: Ids
    predicted: Ids
    confidence: npt.NDArray[np.float32]
    metrics: Metrics
    roc: ROC
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
        """scikit-learn's table of precision, recall and F1, over the classes that occur or are predicted.

        Raises:
            MissingExtraError: scikit-learn is not installed.
        """
        try:
            from sklearn.metrics import classification_report
        except ImportError as error:
            raise MissingExtraError("train", "scikit-learn") from error
        present = sorted({*self.class_ids.tolist(), *self.predicted.tolist()})
        text: str = classification_report(
            self.class_ids, self.predicted, labels=present, target_names=[self.labels[i] for i in present], digits=4,
            zero_division=0,
        )  # fmt: skip
        return text


def evaluate(
    model: str | Path | Model,
    data: DataLocation | Faces,
    *,
    split: str = "PublicTest",
    votes: str | Path | None = None,
    limit: int | None = None,
) -> Evaluation:
    """Score a model on one split of a data set.

    Example:
        >>> found = evaluate("runs/cnn/model.keras", "fer2013.csv")  # doctest: +SKIP
        >>> found.metrics.accuracy, found.calibration.ece  # doctest: +SKIP
        (0.6656, 0.0312)

    Args:
        model: a .keras, .h5 or .tflite file or a SavedModel folder, or what `load_model` returned.
        data: `fer2013.csv`, as it is or compressed, or a folder of images; or the faces of one split.
        split: which split to read: `Training`, `PublicTest` or `PrivateTest`. Ignored if `data` is faces.
        votes: FER+'s `fer2013new.csv` for the same rows, for `evaluate_on_votes`. Ignored if `data` is faces.
        limit: evaluate at most this many faces, drawn at random with a fixed seed; None for all.

    Returns:
        Accuracy, macro-F1, confusion matrix, ROC, calibration and the most confident mistakes.

    Raises:
        DataError: the data cannot be read.
        ModelError: the model is missing, damaged or breaks the contract; or the data has a class that the model does
            not have; or the model does not output probabilities.
        MissingExtraError: the extra `train` is not installed.
    """
    loaded = load_model(Path(model)) if isinstance(model, (str, Path)) else model
    if not isinstance(data, Faces):
        data = load_dataset(data, (split,), votes=None if votes is None else Path(votes))[split]
    faces = data.sample(limit, 0)
    labels = class_names(loaded, faces.labels)
    class_ids = class_ids_for(loaded, faces)
    probabilities = loaded.probabilities(faces.images)
    predicted = probabilities.argmax(axis=1)
    return Evaluation(
        labels,
        class_ids,
        predicted,
        probabilities.max(axis=1),
        score(class_ids, predicted, labels),
        compute_roc(probabilities, class_ids, labels),
        measure_calibration(probabilities, class_ids),
        _most_confident_mistakes(labels, faces, class_ids, probabilities),
    )


def evaluate_on_votes(found: Evaluation, faces: Faces) -> dict[str, Any]:
    """Accuracy against the expression that most FER+ voters chose.

    Faces without a single winner, and those whose winner is not a class of the model, are excluded.

    Args:
        found: what `evaluate` returned.
        faces: the same faces, with votes.

    Returns:
        `accuracy` 0..1; `n`, the number of faces that count; `left_out`, the number of excluded faces.

    Raises:
        DataError: no face is left.
    """
    assert faces.votes is not None
    ids = {label: i for i, label in enumerate(found.labels)}
    # The last element is for -1, no winner.
    by_vote = np.array([*(ids.get(label, -1) for label in EIGHT_LABELS), -1], np.int64)
    majority = by_vote[winners(faces.votes)]
    counted = majority >= 0
    if not counted.any():
        raise DataError("no face has an expression that most FER+ voters chose: expected at least one")
    n = int(counted.sum())
    accuracy = float((found.predicted[counted] == majority[counted]).mean())
    return {"accuracy": accuracy, "n": n, "left_out": len(faces) - n}


def check_report_folder(out: Path) -> None:
    """Check before a long evaluation that its charts can be written. Nothing is created.

    Raises:
        WrongUseError: the folder is a run folder, whose own metrics.json would be overwritten.
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
        faces: the faces that it was measured on.
        out: the folder.
        title: model and split, above each chart.
        report: what `metrics.json` holds beside the scores.

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
        title=f"{title}: the most confident mistakes (label → prediction, score)",
        columns=8,
    )
    _draw_predictions(found, faces, out / "predictions.png", title)
    with replacing(out / "classification_report.txt") as temporary:
        temporary.write_text(found.classification_report(), "utf-8")
    write_json(out / "metrics.json", {**report, **found.as_dict()})
    return [
        ("confusion.png", "which class is predicted as which, in faces and as shares"),
        ("roc.png", "ROC curves with AUC"),
        ("reliability.png", "reliability diagram: how often a score is right, with ECE"),
        (
            "mistakes.png",
            "the most confident mistakes; it shows faces of the set: check its terms before publishing it",
        ),
        (
            "predictions.png",
            "of each class, faces that are predicted right, and wrong, drawn at random; shows faces too",
        ),
        ("classification_report.txt", "precision, recall and F1, from scikit-learn"),
        ("metrics.json", "all of it as numbers"),
    ]


def _draw_predictions(found: Evaluation, faces: Faces, path: Path, title: str) -> None:
    """Draw a row for each class: faces that are predicted right at the left, wrong ones at the right."""
    draw = np.random.default_rng(0)
    images: list[npt.NDArray[np.uint8] | None] = []
    captions: list[str] = []
    for class_id in range(len(found.labels)):
        for right in (True, False):
            of_class = (found.class_ids == class_id) & ((found.predicted == class_id) == right)
            positions = draw.permutation(np.flatnonzero(of_class))[:EXAMPLES]
            images += [faces.images[i] for i in positions] + [None] * (EXAMPLES - len(positions))
            captions += [
                f"{'' if right else '→ '}{short(found.labels[found.predicted[i]])} {found.confidence[i]:.2f}"
                for i in positions
            ] + [""] * (EXAMPLES - len(positions))
    draw_sheet(
        images,
        captions,
        path,
        title=f"{title}: right (left) and wrong (right) predictions, drawn at random",
        columns=2 * EXAMPLES,
        row_names=[short(label) for label in found.labels],
    )


def _most_confident_mistakes(
    labels: tuple[str, ...], faces: Faces, class_ids: Ids, probabilities: npt.NDArray[np.float32]
) -> tuple[Mistake, ...]:
    scores, predicted = probabilities.max(axis=1), probabilities.argmax(axis=1)
    wrong = np.flatnonzero(predicted != class_ids)
    chosen = wrong[np.argsort(-scores[wrong], kind="stable")][:MISTAKES]
    return tuple(
        Mistake(int(i), faces.origin(int(i)), labels[class_ids[i]], labels[predicted[i]], float(scores[i]))
        for i in chosen
    )
