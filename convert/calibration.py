"""The representative set: what the ranges of the activations are read from."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from edge.datasets.reader import Faces
from edge.errors import DataError, WrongUseError
from edge.images import Letterbox
from edge.inference.contract import in_range
from edge.sources import open_source

#: Images over which the noise of each layer is measured: its power settles within a tenth of a decibel.
LAYER_RUNS = 64


@dataclass(frozen=True)
class RepresentativeSet:
    """Images to calibrate on.

    Attributes:
        images: `(n, height, width)` uint8 grey faces, or `(n, height, width, 3)` uint8 RGB frames.
        rows: where the drawn ones lie: rows of the data set, or numbers of the frames, ascending.
        seed: of the draw.
        drawn_from: the split, or the clip's name.
        added: how many images at the end were not drawn: a black and a white one.
        left_out: how many faces could not be drawn because they are scored too.
    """

    images: npt.NDArray[np.uint8]
    rows: npt.NDArray[np.int64]
    seed: int
    drawn_from: str
    added: int = 0
    left_out: int = 0

    def inputs(self, input_range: tuple[float, float] = (0.0, 255.0)) -> Iterator[list[npt.NDArray[np.float32]]]:
        """Each image as a real-valued network input `[1, H, W, C]`."""
        return network_inputs(self.images, input_range)

    def as_dict(self) -> dict[str, Any]:
        """For the card: what was drawn, in numbers that another can check."""
        text = "\n".join(str(row) for row in self.rows)
        return {
            "split": self.drawn_from,
            "samples": len(self.rows),
            "seed": self.seed,
            "rows_sha256": sha256(text.encode()).hexdigest(),
            "left_out": self.left_out,
        }


def network_inputs(
    images: npt.NDArray[np.uint8], input_range: tuple[float, float]
) -> Iterator[list[npt.NDArray[np.float32]]]:
    """Images `(n, H, W)` or `(n, H, W, 3)` uint8, each as the real-valued input of one run."""
    for image in images:
        yield [in_range(image[None, :, :, None] if image.ndim == 2 else image[None], input_range)]


def evenly_spaced(images: npt.NDArray[np.uint8], n: int) -> npt.NDArray[np.uint8]:
    """`n` images evenly spaced over all: data in folders lie class by class."""
    return images[np.linspace(0, len(images) - 1, min(n, len(images))).astype(int)]


def representative_faces(
    training: Faces,
    samples: int,
    seed: int,
    verification: Faces | None = None,
    resized: Callable[[npt.NDArray[np.uint8]], npt.NDArray[np.uint8]] = lambda images: images,
) -> RepresentativeSet:
    """Draw as many faces of every class, from Training only: calibrating on test data would leak it.

    A class that has too few gives what it has, the others make up for it. A face that is in the verification
    split too, pixel for pixel, is left out (FER-2013 has some). A black and a white image stand for the darkest and
    the brightest that a camera gives.

    Args:
        training: the Training split.
        samples: how many faces to draw.
        seed: of the draw.
        verification: the faces that the result will be scored on.
        resized: brings faces `(n, h, w)` to the model's size.

    Raises:
        DataError: Training is of one class, all one flat grey, or of the very faces of the verification split.
        WrongUseError: there are fewer faces than samples, or fewer samples than classes.
    """
    n_classes = len(training.labels)
    if not (training.images != training.images[:, :1, :1]).any():
        raise DataError(f"all {len(training)} faces of Training are one flat grey: expected photographs")
    known = set() if verification is None else {image.tobytes() for image in verification.images}
    free = np.array([image.tobytes() not in known for image in training.images])
    if free.sum() < len(training) / 2:
        raise DataError(
            f"{len(training) - free.sum()} of {len(training)} faces of Training are in the split to score on too: "
            "expected splits that do not overlap"
        )
    present = np.unique(training.class_ids[free])
    if len(present) < 2:
        raise DataError(
            f"all {free.sum()} faces of Training are {training.labels[present[0]]}: expected several classes, or "
            "the ranges of the others are never seen"
        )
    if samples < n_classes:
        raise WrongUseError(f"--samples {samples} is fewer than the {n_classes} classes: expected some of each")
    if samples > free.sum():
        raise WrongUseError(f"--samples {samples} is more than the {free.sum()} faces of Training")
    random = np.random.default_rng(seed)
    by_class = [random.permutation(np.flatnonzero(free & (training.class_ids == c))) for c in range(n_classes)]
    # Round after round, one of each class that has any left.
    rounds = [(i, c, pool[i]) for c, pool in enumerate(by_class) for i in range(min(len(pool), samples))]
    chosen = np.sort([position for _, _, position in sorted(rounds)[:samples]])
    drawn = training.take(chosen)
    images = resized(drawn.images)
    ends = np.stack([np.zeros_like(images[0]), np.full_like(images[0], 255)])
    left_out = int(len(training) - free.sum())
    return RepresentativeSet(np.concatenate([images, ends]), drawn.rows, seed, "Training", len(ends), left_out)


def representative_frames(source: Path, samples: int, seed: int, size_wh: tuple[int, int]) -> RepresentativeSet:
    """Draw frames of a clip or a folder of images, whole and letterboxed: for a face detector.

    Args:
        source: the clip or the folder.
        samples: how many frames to draw; all of them where there are fewer.
        seed: of the draw.
        size_wh: the network's input.

    Raises:
        DataError: there are none, or all are one flat colour.
        SourceError: it cannot be read.
    """
    if not source.exists():
        raise DataError(f"no clip or folder at {source}: expected frames to calibrate on")
    letterbox = Letterbox(size_wh)
    random = np.random.default_rng(seed)
    # Reservoir sampling (Vitter, 1985): a clip of any length in the memory of the frames that are kept.
    kept: list[tuple[int, npt.NDArray[np.uint8]]] = []
    count = 0
    # Its whole path: a folder may be called `demo`, as a source of frames is.
    with open_source(str(source.resolve())) as frames:
        for frame in frames:
            place = count if count < samples else int(random.integers(0, count + 1))
            if place < samples:
                letterbox.draw(frame.image)
                kept[place : place + 1] = [(count, letterbox.canvas.copy())]
            count += 1
    if not kept:
        raise DataError(f"{source} has no frames: expected a clip or a folder of images")
    kept.sort(key=lambda pair: pair[0])
    images = np.stack([image for _, image in kept])
    if not (images != images[:, :1, :1]).any():
        raise DataError(f"all {count} frames of {source} are one flat colour: expected photographs")
    return RepresentativeSet(images, np.array([row for row, _ in kept], np.int64), seed, source.name)
