"""Choose the shifts of the prior `room`, and report them on other people: docs/explanation/resting-faces.md.

    python docs/experiments/room_prior.py CHOOSE REPORT [--detector NAME] [--model MODEL ...] [--write]

CHOOSE and REPORT are folders of photographs, LABEL/*.jpg or *.png. The shifts are chosen on the first one for models
that `mien convert calibrate` has calibrated: the greatest shift of `happy` over `neutral` at which the lines of LEAST
are kept, among equals the one with the best recall of `neutral`, then of all classes. The second one is only scored.
--write stores the shifts in the cards. The last table's groups are by the second part of the file names, as in the
London set; its last column is the area under the ROC curve of `happy` against `neutral`, by the ratio of their scores.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.metrics import roc_auc_score

from edge.detection import DEFAULT_DETECTOR, open_detector
from edge.evaluation.calibration import measure_calibration
from edge.images import read_image
from edge.inference import Classifier, ScoreCalibration, find_model, read_model, shipped_models, write_model
from edge.recognizer import Recognizer
from edge.types import Frame

#: Least recall of each class, and least balanced accuracy over the classes of the pictures, in percent.
LEAST, LEAST_BALANCED = {"angry": 60.0, "sad": 60.0, "neutral": 65.0}, 67.0
#: What is shifted, relative to `neutral`, and how far: the grid of the first search. Two finer ones refine its best.
GRID = {
    "happy": np.arange(0.0, 4.01, 0.25),
    "sad": np.arange(-0.5, 1.01, 0.25),
    "angry": np.arange(-0.5, 1.01, 0.25),
    "surprise": np.arange(0.0, 1.51, 0.5),
}
FINER = (0.1, 0.05)
Array = npt.NDArray[Any]


class Pictures:
    """The faces of a folder: their labels, and the raw scores of each model.

    Args:
        folder: LABEL/*.jpg or *.png.
        recognizers: with the same detector and `prior="none"`.
    """

    def __init__(self, folder: Path, recognizers: list[Recognizer]) -> None:
        paths = sorted(path for path in folder.glob("*/*") if path.suffix.lower() in (".jpg", ".jpeg", ".png"))
        labels, scores, self.files, self.total = [], [], [], len(paths)
        for path in paths:
            image = read_image(path)
            found = recognizers[0].detector.detect(Frame(image))
            if found:
                face = max(found, key=lambda one: one.box[2] * one.box[3])
                scores.append([each.classify_detection(image, face).scores for each in recognizers])
                labels.append(path.parent.name)
                self.files.append(path)
        if not labels:
            raise SystemExit(f"no face found in {folder}: expected folders LABEL/*.jpg or *.png")
        self.labels, self.scores = np.array(labels), np.array(scores, np.float32)
        self.classes = sorted(set(labels))


def recalls(answers: Array, pictures: Pictures, labels: tuple[str, ...]) -> Array:
    """Return the recall of each class of the pictures in percent: `(..., classes)` of answers `(..., faces)`."""
    columns = [
        100 * (answers[..., pictures.labels == each] == labels.index(each)).mean(axis=-1) for each in pictures.classes
    ]
    return np.stack(columns, axis=-1)


def choose(logits: Array, pictures: Pictures, labels: tuple[str, ...], margin: float) -> dict[str, float]:
    """Return the shifts by the rule of the first lines.

    Args:
        logits: `(faces, n)`, calibrated.
        pictures: the faces.
        labels: of the model.
        margin: percentage points that are kept above each line.
    """
    low, high = (np.array([end(values) for values in GRID.values()]) for end in (np.min, np.max))
    best, score = _best(np.array(list(product(*GRID.values()))), logits, pictures, labels, margin)
    for step in FINER:
        offsets = step * np.array(list(product(range(-2, 3), repeat=len(GRID))))
        while True:
            near, near_score = _best(np.clip(best + offsets, low, high), logits, pictures, labels, margin)
            if near_score <= score:
                break
            best, score = near, near_score
    return {label: round(float(shift), 2) + 0.0 for label, shift in zip(GRID, best, strict=True)}


def _best(
    shifts: Array, logits: Array, pictures: Pictures, labels: tuple[str, ...], margin: float
) -> tuple[Array, tuple[float, ...]]:
    """Return the best of the shifts `(candidates, GRID)`, and its rank: what is short of the lines comes first."""
    columns = [labels.index(label) for label in GRID]
    parts = np.array_split(shifts, max(1, len(shifts) // 64))
    rates = np.concatenate([_rates(logits, part, columns, pictures, labels) for part in parts])
    short = np.maximum(0, LEAST_BALANCED + margin - rates.mean(axis=1))
    for label, least in LEAST.items():
        if label in pictures.classes:
            short += np.maximum(0, least + margin - rates[:, pictures.classes.index(label)])
    at_rest = rates[:, pictures.classes.index("neutral")] if "neutral" in pictures.classes else 0 * short
    ranks = np.stack([-short, shifts[:, 0], at_rest, rates.mean(axis=1)]).round(4)
    i = np.lexsort(ranks[::-1])[-1]
    return shifts[i], tuple(ranks[:, i].tolist())


def _rates(logits: Array, shifts: Array, columns: list[int], pictures: Pictures, labels: tuple[str, ...]) -> Array:
    added = np.zeros((len(shifts), 1, len(labels)), np.float32)
    added[:, 0, columns] = shifts
    return recalls((logits + added).argmax(axis=2), pictures, labels)


def row(name: str, scores: Array, pictures: Pictures, labels: tuple[str, ...]) -> str:
    """Return a row: the recall of each class, the balanced accuracy and the expected calibration error."""
    rates = recalls(scores.argmax(axis=1), pictures, labels)
    ece = measure_calibration(scores, np.array([labels.index(each) for each in pictures.labels])).ece
    return f"| {name} | {' | '.join(f'{rate:.0f}' for rate in rates)} | {rates.mean():.1f} | {100 * ece:.0f} |"


def main() -> None:
    """Choose, print the tables, and write the cards if asked to."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("choose", type=Path)
    parser.add_argument("report", type=Path)
    parser.add_argument("--detector", default=DEFAULT_DETECTOR)
    parser.add_argument("--model", action="append", help="a name or a .tflite; may be repeated; default: all shipped")
    parser.add_argument("--margin", type=float, default=0.0, help="percentage points above each line; default: 0")
    parser.add_argument("--write", action="store_true", help="store the shifts in the cards of the models")
    options = parser.parse_args()
    files = [find_model(name) for name in options.model] if options.model else shipped_models()
    detector = open_detector(options.detector)
    recognizers = [Recognizer(Classifier(file), detector=detector, prior="none") for file in files]
    sets = {folder.name: Pictures(folder, recognizers) for folder in (options.choose, options.report)}
    chosen_on, _ = sets.values()
    for name, pictures in sets.items():
        print(f"{name}: a face found in {len(pictures.labels)} of {pictures.total} pictures ({detector.name})")
    for i, (file, recognizer) in enumerate(zip(files, recognizers, strict=True)):
        card, labels = read_model(file).card, recognizer.labels
        if not card.score_calibration:
            raise SystemExit(f"{file} has no score calibration: run mien convert calibrate first")
        calibration = ScoreCalibration.from_card({**card.score_calibration, "room": {}}, labels)
        assert calibration is not None
        # The logits of a softmax are its logarithms, but for a constant of each face.
        logits = np.log(np.maximum(calibration(chosen_on.scores[:, i]), 1e-30))
        shifts = choose(logits, chosen_on, labels, options.margin)
        table = {**card.score_calibration, "room": {label: shifts.get(label, 0.0) for label in labels}}
        print(f"\n{recognizer.model}: {shifts}")
        room = ScoreCalibration.from_card(table, labels)
        assert room is not None
        for name, pictures in sets.items():
            raw = pictures.scores[:, i]
            print(f"\n| {name} | {' | '.join(pictures.classes)} | balanced | ECE |")
            print("| --- " * (len(pictures.classes) + 3) + "|")
            corrected = room(raw, room=True)
            for prior, scores in (("none", raw), ("calibrated", calibration(raw)), ("room", corrected)):
                print(row(prior, scores, pictures, labels))
        _print_groups(corrected, pictures, labels)
        if options.write:
            model = read_model(file)
            write_model(file, model.graph, replace(model.card, score_calibration=table))
            print(f"{file}: the card has the shifts")


def _print_groups(scores: Array, pictures: Pictures, labels: tuple[str, ...]) -> None:
    """Print the recall by the group that the file names give, such as `042_f_white.jpg`."""
    parts = [path.stem.split("_") for path in pictures.files]
    if any(len(part) < 2 for part in parts):
        return
    groups = np.array([part[1] for part in parts])
    right = scores.argmax(axis=1) == np.array([labels.index(each) for each in pictures.labels])
    print(f"\n| room, group | {' | '.join(pictures.classes)} | AUC |\n{'| --- ' * (len(pictures.classes) + 2)}|")
    happy, neutral = (np.log(np.maximum(scores[:, labels.index(each)], 1e-30)) for each in ("happy", "neutral"))
    for group in sorted(set(groups)):
        here = [right[(groups == group) & (pictures.labels == each)] for each in pictures.classes]
        rates = " | ".join(f"{100 * each.mean():.0f} (n = {len(each)})" for each in here)
        both = (groups == group) & np.isin(pictures.labels, ("happy", "neutral"))
        is_smile = pictures.labels[both] == "happy"
        auc = f"{roc_auc_score(is_smile, (happy - neutral)[both]):.2f}" if 0 < is_smile.mean() < 1 else ""
        print(f"| {group} | {rates} | {auc} |")


if __name__ == "__main__":
    main()
