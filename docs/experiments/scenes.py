"""Made scenes with faces of known size, rotation and light, for detectors.py.

The faces are those of the Face Research Lab London Set (DeBruine and Jones, 2017, CC-BY 4.0): each picture's head and
shoulders are pasted, with a soft edge, into one of scikit-learn's two sample photographs. The reference box of a face
is YuNet's in the original picture, where every detector finds it.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from edge.detection import FaceDetector
from edge.images import image_files, read_image
from edge.types import Box, Frame

Image = npt.NDArray[np.uint8]

#: Size of the scenes.
WIDTH, HEIGHT = 640, 480
#: Share of the picture's longer side that the face's height has, lower and upper limit: the classes of the issue
#: trackers' WIDER tables.
SIZES = {
    "16 to 60 %": (0.16, 0.60),
    "8 to 16 %": (0.08, 0.16),
    "4 to 8 %": (0.04, 0.08),
    "3 to 4 %": (0.03, 0.04),
    "2 to 3 %": (0.02, 0.03),
}


@dataclass(frozen=True)
class Person:
    """One picture: `image` `(h, w, 3)` uint8 BGR, with the face at `box`."""

    image: Image
    box: Box


@dataclass(frozen=True)
class Scene:
    """One scene: `image` `(h, w, 3)` uint8 BGR, with one face at `box`."""

    image: Image
    box: Box


def read_people(folder: Path, reference: FaceDetector) -> list[Person]:
    """Read every picture below a folder and find its face with the reference detector."""
    people = []
    for path in sorted(p for sub in folder.iterdir() if sub.is_dir() for p in image_files(sub)):
        image = read_image(path)
        found = reference.detect(Frame(image))
        if found:
            people.append(Person(image, found[0].box))
    return people


def backgrounds() -> list[Image]:
    """Return scikit-learn's sample photographs, which show no people, in BGR."""
    from sklearn.datasets import load_sample_image

    return [cv2.cvtColor(load_sample_image(name), cv2.COLOR_RGB2BGR) for name in ("china.jpg", "flower.jpg")]


def scenes(
    people: list[Person],
    shares: tuple[float, float],
    *,
    roll_deg: float = 0.0,
    light: float = 1.0,
    blur: float = 0.0,
    seed: int = 0,
) -> Iterator[Scene]:
    """Yield one scene for each person.

    Args:
        people: whose faces are pasted.
        shares: limits of the face's height as a share of the scene's longer side.
        roll_deg: rotation of the face in the image, clockwise.
        light: factor of all gray levels; sensor noise of two levels is added below 1.
        blur: length of a horizontal motion blur as a share of the face's width.
        seed: of places, sizes and backgrounds.
    """
    random = np.random.default_rng(seed)
    photographs = backgrounds()
    for person in people:
        share = math.exp(random.uniform(*np.log(shares)))
        canvas = _background(photographs[random.integers(len(photographs))], random)
        image, box = _paste(canvas, person, share * WIDTH, roll_deg, random)
        if blur:
            image = _motion_blur(image, max(1, round(blur * box[2])))
        if light < 1:
            noise = random.normal(0, 2, image.shape)
            image = np.clip(image * light + noise, 0, 255).astype(np.uint8)
        yield Scene(image, box)


def portraits(people: list[Person]) -> Iterator[Scene]:
    """Yield pictures that the face fills: cut around the box, which has 90 % of the height."""
    for person in people:
        x, y, w, h = person.box
        side = h / 0.9
        left, top = round(x + w / 2 - side / 2), round(y + h / 2 - side / 2)
        size = round(side)
        padded = cv2.copyMakeBorder(person.image, size, size, size, size, cv2.BORDER_REPLICATE)
        image = padded[top + size : top + 2 * size, left + size : left + 2 * size]
        yield Scene(np.ascontiguousarray(image), (x - left, y - top, w, h))


def empty_scenes(n: int, seed: int = 1) -> Iterator[Image]:
    """Yield scenes without a face."""
    random = np.random.default_rng(seed)
    photographs = backgrounds()
    for _ in range(n):
        yield _background(photographs[random.integers(len(photographs))], random)


def _background(photograph: Image, random: np.random.Generator) -> Image:
    """Return a random part of a photograph, mirrored at random, in the size of a scene."""
    height, width = photograph.shape[:2]
    scale = random.uniform(0.5, 1.0)
    w, h = round(width * scale), round(width * scale * HEIGHT / WIDTH)
    h = min(h, height)
    x, y = random.integers(width - w + 1), random.integers(height - h + 1)
    part = photograph[y : y + h, x : x + w]
    if random.random() < 0.5:
        part = part[:, ::-1]
    return cv2.resize(part, (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA)  # type: ignore[no-any-return]


def _paste(
    canvas: Image, person: Person, face_height: float, roll_deg: float, random: np.random.Generator
) -> tuple[Image, Box]:
    """Paste a person so that the face has this height and lies entirely inside of the scene."""
    x, y, w, h = person.box
    scale = face_height / h
    reach = max(w, h) * scale / 2
    margin_x, margin_y = min(reach, WIDTH / 2 - 1), min(reach, HEIGHT / 2 - 1)
    center = random.uniform(margin_x, WIDTH - margin_x), random.uniform(margin_y, HEIGHT - margin_y)
    source = person.image
    # By area first: an affine map skips pixels where it shrinks by more than two.
    while scale < 0.5:
        source = cv2.resize(source, (source.shape[1] // 2, source.shape[0] // 2), interpolation=cv2.INTER_AREA)
        x, y, w, h, scale = x / 2, y / 2, w / 2, h / 2, scale * 2
    matrix = cv2.getRotationMatrix2D((x + w / 2, y + h / 2), -roll_deg, scale)
    matrix[:, 2] += np.array(center) - (x + w / 2, y + h / 2)
    pasted = cv2.warpAffine(source, matrix, (WIDTH, HEIGHT))
    weight = cv2.warpAffine(_soft_edge(source.shape[:2]), matrix, (WIDTH, HEIGHT))[..., None]
    image = (pasted * weight + canvas * (1 - weight)).astype(np.uint8)
    # The reference box of a rotated face has no rotation, as WIDER's annotators draw it.
    angle = math.radians(roll_deg)
    wide = abs(w * math.cos(angle)) + abs(h * math.sin(angle))
    high = abs(w * math.sin(angle)) + abs(h * math.cos(angle))
    wide, high = (min(side, max(w, h)) * scale for side in (wide, high))
    return image, (center[0] - wide / 2, center[1] - high / 2, wide, high)


def _soft_edge(shape: tuple[int, int]) -> npt.NDArray[np.float32]:
    """Return weights that fall to 0 over the outer tenth of a picture."""
    height, width = shape
    x = np.minimum(np.arange(width), np.arange(width)[::-1]) / (0.1 * width)
    y = np.minimum(np.arange(height), np.arange(height)[::-1]) / (0.1 * height)
    return np.minimum(np.outer(np.minimum(y, 1), np.minimum(x, 1)), 1).astype(np.float32)


def _motion_blur(image: Image, length: int) -> Image:
    kernel = np.full((1, length), 1 / length, np.float32)
    return cv2.filter2D(image, -1, kernel)  # type: ignore[return-value]
