"""The representative set: the images from which the ranges of the activations are measured."""

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

#: Number of images over which the noise of each layer is measured: enough for a tenth of a decibel.
LAYER_RUNS = 64
#: Number of faces on which candidates for the ranges are compared: with 97 % agreement, a difference of a point and a
#: half is significant.
HELD_OUT = 500


@dataclass(frozen=True)
class RepresentativeSet:
    """Images to calibrate on.

    Attributes:
        images: `(n, height, width)` uint8 grayscale faces, or `(n, height, width, 3)` uint8 RGB frames.
        rows: the rows of the data set, or the numbers of the frames, that were drawn, ascending.
        seed: of the random draw.
        drawn_from: the split, or the clip's name.
        added: number of images at the end that were not drawn: a black and a white one.
        held_out: `(m, height, width)` uint8, faces of the same split that were not drawn, for the choice of the ranges;
            none for frames.
        excluded: number of faces that were excluded from the draw because they are also scored.
    """

    images: npt.NDArray[np.uint8]
    rows: npt.NDArray[np.int64]
    seed: int
    drawn_from: str
    added: int = 0
    excluded: int = 0
    held_out: npt.NDArray[np.uint8] | None = None

    def inputs(self, input_range: tuple[float, float] = (0.0, 255.0)) -> Iterator[list[npt.NDArray[np.float32]]]:
        """Yield each image as a real-valued network input, `[1, H, W, C]` float32 in `input_range`."""
        return network_inputs(self.images, input_range)

    def as_dict(self) -> dict[str, Any]:
        """Return a description for the card, from which anybody can draw the same set again and check it."""
        text = "\n".join(str(row) for row in self.rows)
        return {
            "split": self.drawn_from,
            "samples": len(self.rows),
            "seed": self.seed,
            "rows_sha256": sha256(text.encode()).hexdigest(),
            "left_out": self.excluded,
        }


def network_inputs(
    images: npt.NDArray[np.uint8], input_range: tuple[float, float]
) -> Iterator[list[npt.NDArray[np.float32]]]:
    """Yield the real-valued input of one run for each image.

    Args:
        images: `(n, H, W)` or `(n, H, W, 3)` uint8.
        input_range: the real values that 0 and 255 stand for.
    """
    for image in images:
        yield [in_range(image[None, :, :, None] if image.ndim == 2 else image[None], input_range)]


def evenly_spaced(images: npt.NDArray[np.uint8], n: int) -> npt.NDArray[np.uint8]:
    """Return `n` images at even distances, because folders are read class by class; all of them if there are fewer."""
    positions = np.linspace(0, len(images) - 1, min(n, len(images))).astype(int)
    chosen: npt.NDArray[np.uint8] = images[positions]
    return chosen


def representative_faces(
    training: Faces,
    samples: int,
    seed: int,
    verification: Faces | None = None,
    resized: Callable[[npt.NDArray[np.uint8]], npt.NDArray[np.uint8]] = lambda images: images,
) -> RepresentativeSet:
    """Draw an equal number of faces of every class, from Training only: calibration must not see test data.

    If a class has too few faces, all of them are used, and the other classes fill the rest. A face that is also in
    the verification split, pixel for pixel, is excluded (FER-2013 has some). A black and a white image are added for
    the darkest and the brightest picture that a camera gives.

    Args:
        training: the Training split.
        samples: number of faces to draw.
        seed: of the random draw.
        verification: the faces on which the result will be scored.
        resized: resizes faces `(n, h, w)` uint8 to the model's input.

    Raises:
        DataError: Training has one class only, images of one flat gray only, or mostly the faces of the verification
            split.
        WrongUseError: there are fewer faces than samples, or fewer samples than classes.
    """
    n_classes = len(training.labels)
    if not (training.images != training.images[:, :1, :1]).any():
        raise DataError(f"all {len(training)} faces of Training are one flat gray: expected photographs")
    scored = set() if verification is None else {image.tobytes() for image in verification.images}
    free = np.array([image.tobytes() not in scored for image in training.images])
    if free.sum() < len(training) / 2:
        raise DataError(
            f"{len(training) - free.sum()} of {len(training)} faces of Training are also in the split to score on: "
            "expected splits that do not overlap"
        )
    present = np.unique(training.class_ids[free])
    if len(present) < 2:
        raise DataError(
            f"all {free.sum()} faces of Training are {training.labels[present[0]]}: expected several classes, or "
            "the ranges of the others cannot be measured"
        )
    if samples < n_classes:
        raise WrongUseError(f"--samples {samples} is fewer than the {n_classes} classes: expected some of each")
    if samples > free.sum():
        raise WrongUseError(f"--samples {samples} is more than the {free.sum()} faces of Training")
    random = np.random.default_rng(seed)
    by_class = [random.permutation(np.flatnonzero(free & (training.class_ids == c))) for c in range(n_classes)]
    # In each round, one face of each class that has any left.
    rounds = [(i, c, pool[i]) for c, pool in enumerate(by_class) for i in range(min(len(pool), samples + HELD_OUT))]
    in_turn = [position for _, _, position in sorted(rounds)[: samples + HELD_OUT]]
    chosen, held_out = np.sort(in_turn[:samples]), in_turn[samples:]
    drawn = training.take(chosen)
    images = resized(drawn.images)
    black_and_white = np.stack([np.zeros_like(images[0]), np.full_like(images[0], 255)])
    return RepresentativeSet(
        np.concatenate([images, black_and_white]),
        drawn.rows,
        seed,
        "Training",
        added=len(black_and_white),
        excluded=int(len(training) - free.sum()),
        # A small set has no others.
        held_out=resized(training.images[held_out]) if held_out else images,
    )


def representative_frames(source: Path, samples: int, seed: int, size_wh: tuple[int, int]) -> RepresentativeSet:
    """Draw whole, letterboxed frames from a clip or a folder of images, to calibrate a face detector.

    Args:
        source: the clip or the folder.
        samples: number of frames to draw; all are used if there are fewer.
        seed: of the random draw.
        size_wh: width and height of the network's input.

    Raises:
        DataError: there are no frames, or all have one flat color.
        SourceError: the clip or folder cannot be read.
    """
    if not source.exists():
        raise DataError(f"no clip or folder at {source}: expected frames to calibrate on")
    letterbox = Letterbox(size_wh)
    random = np.random.default_rng(seed)
    # Reservoir sampling (Vitter, 1985): the memory needed does not depend on the clip's length.
    sample: list[tuple[int, npt.NDArray[np.uint8]]] = []
    count = 0
    # The absolute path: a folder may be called `demo`, which is also a source of frames.
    with open_source(str(source.resolve())) as frames:
        for frame in frames:
            place = count if count < samples else int(random.integers(0, count + 1))
            if place < samples:
                letterbox.draw(frame.image)
                sample[place : place + 1] = [(count, letterbox.canvas.copy())]
            count += 1
    if not sample:
        raise DataError(f"{source} has no frames: expected a clip or a folder of images")
    sample.sort(key=lambda pair: pair[0])
    images = np.stack([image for _, image in sample])
    if not (images != images[:, :1, :1]).any():
        raise DataError(f"all {count} frames of {source} are one flat color: expected photographs")
    return RepresentativeSet(images, np.array([row for row, _ in sample], np.int64), seed, source.name)
