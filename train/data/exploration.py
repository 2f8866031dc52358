"""Describes a data set: images of each class and split, samples, mean faces, and duplicates."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from edge.datasets.reader import Faces
from edge.system.atomic_files import write_json
from train.data.duplicates import NEAR, Pairs, blank_positions, duplicate_groups, exact_pairs, near_pairs
from train.plots.bars import draw_class_bars
from train.plots.sheets import draw_sheet
from train.plots.style import LONGEST_FILE, cut, short

#: On the contact sheets: faces of each class, and pairs.
SAMPLES, PAIRS = 10, 20
_SLICE = 4096


@dataclass(frozen=True)
class Overlap:
    """The faces that two splits share.

    Attributes:
        first, second: names of the splits.
        exact: pairs that are equal pixel for pixel.
        near: other pairs that are nearly the same photograph.
    """

    first: str
    second: str
    exact: Pairs
    near: Pairs


@dataclass(frozen=True)
class Exploration:
    """The content of a data set.

    Attributes:
        splits: split to its faces, in the order of `edge.datasets.reader.SPLITS`.
        counts: split to label to number of images.
        duplicates: split to groups of positions whose faces are equal.
        blanks: split to positions of blank faces.
        overlaps: the shared faces of every two splits.
    """

    splits: dict[str, Faces]
    counts: dict[str, dict[str, int]]
    duplicates: dict[str, list[list[int]]]
    blanks: dict[str, list[int]]
    overlaps: list[Overlap]

    def as_dict(self) -> dict[str, Any]:
        """As plain numbers, for JSON; a face is identified by its row in a CSV or its file in a folder."""
        return {
            "images": self.counts,
            "blank_rows": {split: self._rows(split, found) for split, found in self.blanks.items()},
            "copies": {
                split: {
                    "faces": sum(len(group) - 1 for group in groups),
                    "labels_disagree": self.inconsistent_groups(split),
                    "rows": [self._rows(split, group) for group in groups],
                }
                for split, groups in self.duplicates.items()
            },
            "across": [self._overlap_dict(one) for one in self.overlaps],
        }

    def inconsistent_groups(self, split: str) -> int:
        """The number of groups of equal faces whose labels differ."""
        class_ids = self.splits[split].class_ids
        return sum(len(np.unique(class_ids[group])) > 1 for group in self.duplicates[split])

    def _rows(self, split: str, positions: Any) -> list[int | str]:
        return [self.splits[split].origin(int(position)) for position in positions]

    def _overlap_dict(self, one: Overlap) -> dict[str, Any]:
        def pair_rows(pairs: Pairs) -> list[list[int | str]]:
            rows = zip(self._rows(one.first, pairs.first), self._rows(one.second, pairs.second), strict=True)
            return [list(pair) for pair in rows]

        return {
            "first": one.first,
            "second": one.second,
            "exact": {**one.exact.counts(), "rows": pair_rows(one.exact)},
            "near": {
                "threshold": NEAR,
                **one.near.counts(),
                "mirrored": int(one.near.mirrored.sum()),
                "rows": pair_rows(one.near),
                "correlation": [round(float(value), 4) for value in one.near.correlation],
            },
        }


def explore(splits: dict[str, Faces]) -> Exploration:
    """Count the classes, and find blank faces and duplicates.

    Args:
        splits: split to its faces, all with the same labels.
    """
    names = list(splits)
    return Exploration(
        splits,
        {split: class_counts(faces) for split, faces in splits.items()},
        {split: duplicate_groups(faces) for split, faces in splits.items()},
        {split: blank_positions(faces) for split, faces in splits.items()},
        [
            Overlap(
                first, second, exact_pairs(splits[first], splits[second]), near_pairs(splits[first], splits[second])
            )
            for i, first in enumerate(names)
            for second in names[i + 1 :]
        ],
    )


def _overlap(first: str, second: str, splits: dict[str, Faces]) -> Overlap:
    pair = (splits[first], splits[second])
    return Overlap(first, second, exact_pairs(*pair), near_pairs(*pair))


def class_counts(faces: Faces) -> dict[str, int]:
    """Label to number of faces, for every label."""
    counts = np.bincount(faces.class_ids, minlength=len(faces.labels))
    return {label: int(count) for label, count in zip(faces.labels, counts, strict=True)}


def mean_faces(splits: dict[str, Faces]) -> list[npt.NDArray[np.uint8] | None]:
    """The mean face of each class over all splits, `(48, 48)` uint8; None for a class without faces."""
    labels = next(iter(splits.values())).labels
    sums: list[Any] = [0.0] * len(labels)
    counts = [0] * len(labels)
    for faces in splits.values():
        for start in range(0, len(faces), _SLICE):
            images, class_ids = faces.images[start : start + _SLICE], faces.class_ids[start : start + _SLICE]
            for class_id in np.unique(class_ids):
                in_class = images[class_ids == class_id]
                sums[class_id] = sums[class_id] + in_class.sum(axis=0, dtype=np.float64)
                counts[class_id] += len(in_class)
    return [np.rint(each / n).astype(np.uint8) if n else None for each, n in zip(sums, counts, strict=True)]


def write_exploration(found: Exploration, out: Path, data: str, seed: int = 0) -> list[tuple[str, str]]:
    """Write the charts and `explore.json`.

    Args:
        found: what `explore` returned.
        out: the folder.
        data: the data's name, for the titles.
        seed: determines which samples are drawn.

    Returns:
        Name of each file, and what it shows.
    """
    out.mkdir(parents=True, exist_ok=True)
    name = cut(data, LONGEST_FILE)
    written = [("classes.png", "images of each class and split")]
    draw_class_bars(found.counts, out / "classes.png", title=f"{name}: images of each class and split")
    first = next(iter(found.splits))
    _draw_samples(found.splits[first], out / "samples.png", f"{name}, {first}: faces drawn at random", seed)
    written.append(("samples.png", f"faces of {first} drawn at random, one row for each class"))
    _draw_means(found, out / "means.png", f"{name}: the mean face of each class")
    written.append(("means.png", "the mean face of each class"))
    if any(len(one.exact) or len(one.near) for one in found.overlaps):
        _draw_pairs(found, out / "duplicates.png", f"{name}: faces that are in two splits")
        written.append(("duplicates.png", f"at most {PAIRS} faces that are in two splits"))
    else:
        # From an earlier exploration of other data.
        (out / "duplicates.png").unlink(missing_ok=True)
    write_json(out / "explore.json", {"data": data, **found.as_dict()})
    return [*written, ("explore.json", "all counts, and the row numbers of the duplicates")]


def _draw_samples(faces: Faces, path: Path, title: str, seed: int) -> None:
    random = np.random.default_rng(seed)
    images: list[Any] = []
    for class_id in range(len(faces.labels)):
        positions = np.flatnonzero(faces.class_ids == class_id)
        chosen = np.sort(random.choice(positions, min(SAMPLES, len(positions)), replace=False))
        images += [faces.images[position] for position in chosen] + [None] * (SAMPLES - len(chosen))
    names = [short(label) for label in faces.labels]
    draw_sheet(images, [""] * len(images), path, title=title, columns=SAMPLES, row_names=names)


def _draw_means(found: Exploration, path: Path, title: str) -> None:
    labels = next(iter(found.splits.values())).labels
    totals = {label: sum(in_split[label] for in_split in found.counts.values()) for label in labels}
    captions = [f"{short(label)}\n{totals[label]:,} faces" for label in labels]
    means = mean_faces(found.splits)
    # Mean faces have little contrast: stretch it from the darkest pixel of all of them to the lightest.
    lowest = min(int(mean.min()) for mean in means if mean is not None)
    highest = max(int(mean.max()) for mean in means if mean is not None)
    scale = 255 / max(highest - lowest, 1)
    stretched = [None if mean is None else ((mean - lowest) * scale).astype(np.uint8) for mean in means]
    draw_sheet(stretched, captions, path, title=f"{title} (contrast stretched)", columns=5)


def _draw_pairs(found: Exploration, path: Path, title: str) -> None:
    images, captions = [], []
    half = PAIRS // 2
    for one in found.overlaps:
        first, second = found.splits[one.first], found.splits[one.second]
        # Half of the sheet is for near pairs, the least similar first: these are the doubtful ones.
        near = list(range(len(one.near)))[::-1][: max(half, PAIRS - len(one.exact))]
        exact = range(min(len(one.exact), PAIRS - len(near)))
        for pairs, positions, kind in ((one.exact, exact, "equal"), (one.near, near, "near")):
            for i in positions:
                a, b = int(pairs.first[i]), int(pairs.second[i])
                gap = np.full((first.images.shape[1], 3), 255, np.uint8)
                images.append(np.hstack([first.images[a], gap, second.images[b]]))
                match = (
                    kind
                    if kind == "equal"
                    else f"near: {pairs.correlation[i]:.3f}{' mirrored' * bool(pairs.mirrored[i])}"
                )
                captions.append(
                    f"{match}\n{one.first} {first.rows[a]}: {short(first.labels[first.class_ids[a]])}\n"
                    f"{one.second} {second.rows[b]}: {short(second.labels[second.class_ids[b]])}"
                )
    draw_sheet(images[:PAIRS], captions[:PAIRS], path, title=title, columns=5)
