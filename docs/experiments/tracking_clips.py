"""Made clips with known identities, for `tracking.py`: heads on scripted paths in a room, with occlusions."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from edge.detection import open_detector
from edge.types import Box, Frame

Image = npt.NDArray[np.uint8]
#: x and y of the center of the face, and its side in pixels; None while it cannot be seen because it is turned away.
Path3 = Callable[[float], tuple[float, float, float] | None]

WIDTH, HEIGHT = 640, 480
#: Half axes of the head, and how far its center lies above that of the face, by the side of the face.
_HEAD_X, _HEAD_Y, _HEAD_UP = 0.8, 1.0, 0.1
#: A face of which at least this share is visible should be tracked; below `HIDDEN` its place is unknown.
VISIBLE, HIDDEN = 0.5, 0.2
#: Whoever was away for longer than this is someone else to a tracker that stores nothing about a face.
MAX_AWAY_S = 3.0


@dataclass(frozen=True)
class Person:
    """Somebody in a clip: where the face is at which time, and which head it has."""

    path: Path3
    head: int


@dataclass(frozen=True)
class Clip:
    """A scene: who is in it, and the bars (left and right side, in pixels) behind which they walk."""

    name: str
    seconds: float
    people: Sequence[Person]
    bars: Sequence[tuple[float, float]] = ()


@dataclass(frozen=True)
class Truth:
    """One person in one frame: the identity, the face's box, and the share of it that is visible."""

    identity: int
    box: Box
    visible: float


# --- scenes -------------------------------------------------------------------------------------------------


def crossing(random: np.random.Generator) -> Clip:
    """Two people walk past each other, one in front of the other."""
    size, speed = random.uniform(60, 100, 2), random.uniform(60, 200, 2)
    y, meet_s = 240 + random.uniform(-25, 25, 2), random.uniform(2.5, 3.5)
    # They are in the middle of the picture at the same time.
    paths = [_line(320, y[i], size[i], speed[i] * (1, -1)[i], meet_s) for i in range(2)]
    return Clip("two cross", 7.0, _people(paths, random))


def turning_back(random: np.random.Generator) -> Clip:
    """Two people meet, one hides the other, and both turn back."""
    size, period_s = random.uniform(60, 100, 2), random.uniform(4, 8)
    y, reach = 240 + random.uniform(-20, 20, 2), random.uniform(60, 110, 2)

    def path(i: int) -> Path3:
        side = (-1, 1)[i]
        # Closest at a quarter of the period: less than half a face apart.
        return lambda t: (320 + side * (12 + reach[i] * (1 - math.sin(2 * math.pi * t / period_s))), y[i], size[i])

    return Clip("meet and turn back", 8.0, _people([path(0), path(1)], random))


def behind_a_bar(random: np.random.Generator) -> Clip:
    """Two people walk behind a bar, one after the other, for 0.5 to 2 s."""
    size, speed = random.uniform(60, 90, 2), random.uniform(90, 200)
    width = float(size.max() + speed * random.uniform(0.5, 1.5))
    side = random.choice([-1, 1])
    paths = [
        _line(320 - side * 200 * i, 240 + random.uniform(-60, 60), size[i], side * speed, random.uniform(2.5, 3))
        for i in range(2)
    ]
    return Clip("behind a bar", 7.0, _people(paths, random), [(320 - width / 2, 320 + width / 2)])


def turning_away(random: np.random.Generator) -> Clip:
    """Two people sit side by side; each looks away for 0.5 to 2 s now and then."""
    size = random.uniform(60, 120, 2)

    def path(i: int) -> Path3:
        begin_s, away_s = random.uniform(1, 3), random.uniform(0.5, 2, 3)
        sway, phase = random.uniform(5, 25), random.uniform(0, 6)

        def at(t: float) -> tuple[float, float, float] | None:
            if any(begin_s + 4 * n < t < begin_s + 4 * n + away_s[n] for n in range(3)):
                return None
            return 220 + 200 * i + sway * math.sin(0.9 * t + phase), 240 + sway / 2 * math.sin(1.3 * t), size[i]

        return at

    return Clip("look away", 12.0, _people([path(0), path(1)], random))


def returning(random: np.random.Generator) -> Clip:
    """Somebody leaves the picture and comes back after 0.5 to 2.5 s, while somebody else sits there."""
    away_s, speed = random.uniform(0.5, 2.5), random.uniform(120, 250)
    size = random.uniform(60, 100, 2)
    gone_x = WIDTH + size[0] * 0.6
    y = random.uniform(160, 320)

    def leaves(t: float) -> tuple[float, float, float] | None:
        return gone_x - speed * max(abs(t - 3.5) - away_s / 2, 0) if abs(t - 3.5) > away_s / 2 else gone_x, y, size[0]

    return Clip("leave and return", 7.0, _people([leaves, _seated(200, 240, size[1])], random))


def replaced(random: np.random.Generator) -> Clip:
    """Somebody leaves through the background, and 0.3 to 3 s later somebody else is at about the same place."""
    size, gap_s = random.uniform(60, 100, 2), random.uniform(0.3, 3)
    x, y = random.uniform(200, 440), random.uniform(180, 300)
    apart = random.uniform(-0.7, 0.7, 2) * size[0]
    first = _seated(x, y, size[0])
    second = _seated(x + apart[0], y + apart[1], size[1])
    paths: list[Path3] = [
        lambda t: first(t) if t < 3 else None,
        lambda t: second(t) if t >= 3 + gap_s else None,
    ]
    return Clip("someone else in the place", 7.0, _people(paths, random))


def crowd(random: np.random.Generator) -> Clip:
    """Nine people walk through the picture, near and far, in both directions, past a pillar."""
    paths = []
    for i in range(9):
        side, size = (-1, 1)[i % 2], float(random.choice([45, 60, 80, 110]) * random.uniform(0.9, 1.1))
        # As people walk: about a face's width and a half to three of it in a second.
        speed, y = size * random.uniform(1.2, 3), 160 + size + random.uniform(-40, 40)
        paths.append(_line(320, y, size, side * speed, random.uniform(1, 11), bob=size / 25))
    x = random.uniform(150, 490)
    return Clip("walking crowd", 12.0, _people(paths, random), [(x - 20, x + 20)])


def seated_rows(random: np.random.Generator) -> Clip:
    """Nine people sit in three rows; some look away, and two walk through between the rows."""
    paths: list[Path3] = []
    for row, column in np.ndindex(3, 3):
        size = 50 + 14 * row
        x, y = 140 + 180 * column + 45 * (row % 2), 110 + 120 * row
        away_s = random.uniform(0, 12)
        length_s = random.choice([0.0, 0.6, 1.2])
        paths.append(_but(_seated(x, y, size, random), away_s, float(length_s)))
    paths += [_line(320, 200 + 120 * i, 70, (110, -140)[i], random.uniform(4, 8), bob=3) for i in range(2)]
    return Clip("rows of seats", 12.0, _people(paths, random))


def one_face(random: np.random.Generator) -> Clip:
    """One face moves as before a camera on a desk."""
    size, pace = random.uniform(80, 160), random.uniform(0.5, 2)
    reach = random.uniform(40, 180)
    return Clip(
        "one face",
        8.0,
        _people([lambda t: (320 + reach * math.sin(pace * t), 240 + 30 * math.sin(pace * 1.7 * t), size)], random),
    )


SCENES = (
    one_face,
    crossing,
    turning_back,
    behind_a_bar,
    turning_away,
    returning,
    replaced,
    seated_rows,
    crowd,
)


def _people(paths: Sequence[Path3], random: np.random.Generator) -> list[Person]:
    heads = random.permutation(max(12, len(paths)))
    return [Person(path, int(head)) for path, head in zip(paths, heads, strict=False)]


def _line(x: float, y: float, size: float, speed: float, at_s: float, bob: float = 0.0) -> Path3:
    """Walk through (x, y) at a time; heads of people who walk go up and down twice in a second."""
    return lambda t: (x + speed * (t - at_s), y + bob * math.sin(4 * math.pi * t), size)


def _seated(x: float, y: float, size: float, random: np.random.Generator | None = None) -> Path3:
    phase = 0.0 if random is None else float(random.uniform(0, 6))
    return lambda t: (x + 6 * math.sin(0.8 * t + phase), y + 3 * math.sin(1.1 * t + phase), size)


def _but(path: Path3, from_s: float, length_s: float) -> Path3:
    return lambda t: None if from_s <= t < from_s + length_s else path(t)


# --- ground truth ---------------------------------------------------------------------------------------------


def truth(clip: Clip, fps: float) -> list[list[Truth]]:
    """Return who is where in each frame, those in front first; nobody is listed who is out of sight altogether."""
    frames = []
    identities: dict[int, int] = {}
    seen_s: dict[int, float] = {}
    count = 0
    for index in range(round(clip.seconds * fps)):
        t = index / fps
        present = []
        for i, (x, y, size), visible in _visible(clip, t):
            if visible >= VISIBLE:
                if t - seen_s.get(i, -math.inf) > MAX_AWAY_S:
                    count += 1
                    identities[i] = count
                seen_s[i] = t
            if visible >= HIDDEN and i in identities:
                present.append(Truth(identities[i], (x - size / 2, y - size / 2, size, size), visible))
        frames.append(present)
    return frames


def _visible(clip: Clip, t: float) -> list[tuple[int, tuple[float, float, float], float]]:
    """Return index, place and visible share of the faces, nearest first: larger faces are in front."""
    steps = (np.arange(9) + 0.5) / 9 - 0.5
    grid = np.stack(np.meshgrid(steps, steps), axis=-1).reshape(-1, 2)
    present, result = _present(clip, t), []
    for position, (i, (x, y, size)) in enumerate(present):
        points = grid * size + (x, y)
        free = (points >= 0).all(axis=1) & (points < (WIDTH, HEIGHT)).all(axis=1)
        for left, right in clip.bars:
            free &= (points[:, 0] < left) | (points[:, 0] >= right)
        for _, (ox, oy, other) in present[:position]:
            offset = (points - (ox, oy - _HEAD_UP * other)) / (_HEAD_X * other, _HEAD_Y * other)
            free &= (offset**2).sum(axis=1) > 1
        result.append((i, (x, y, size), float(free.mean())))
    return result


def _present(clip: Clip, t: float) -> list[tuple[int, tuple[float, float, float]]]:
    places = [(i, place) for i, person in enumerate(clip.people) if (place := person.path(t)) is not None]
    return sorted(places, key=lambda each: (-each[1][2], each[0]))


# --- pictures -----------------------------------------------------------------------------------------------------


class Heads:
    """Heads to put into clips.

    Args:
        folder: photographs of one face each; None for variations of the demo's portrait, with drawn hair, beards and
            glasses.
    """

    def __init__(self, folder: Path | None = None) -> None:
        if folder is None:
            self._cut = [_variation(seed) for seed in range(12)]
        else:
            detector = open_detector("blazeface-short")
            images = [image for path in sorted(folder.glob("*.jpg")) if (image := cv2.imread(str(path))) is not None]
            found = [(image, detector.detect(Frame(image))) for image in images]
            self._cut = [_cut(image, faces[0].box) for image, faces in found if len(faces) == 1]
        if not self._cut:
            raise SystemExit(f"expected photographs (*.jpg) with one face each in {folder}, found none")

    def __call__(self, number: int, size: float) -> Image:
        """Return a head whose face has this side, `(h, w, 3)`."""
        image = self._cut[number % len(self._cut)]
        wh = max(2, round(2 * _HEAD_X * size)), max(2, round(2 * _HEAD_Y * size))
        return cv2.resize(image, wh, interpolation=cv2.INTER_AREA)  # type: ignore[no-any-return]


def frames(clip: Clip, fps: float, heads: Heads, seed: int) -> list[Frame]:
    """Return the pictures of a clip, with the noise of a camera."""
    random = np.random.default_rng(seed)
    coarse = random.integers(60, 180, (6, 8, 3)).astype(np.uint8)
    room = cv2.resize(coarse, (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC)
    noise = [random.normal(0, 2, room.shape).astype(np.int16) for _ in range(4)]
    result = []
    for index in range(round(clip.seconds * fps)):
        image = room.copy()
        for i, (x, y, size) in reversed(_present(clip, index / fps)):
            _paste(image, heads(clip.people[i].head, size), x, y - _HEAD_UP * size)
        for left, right in clip.bars:
            cv2.rectangle(image, (round(left), 0), (round(right) - 1, HEIGHT), (70, 80, 90), -1)
        noisy = np.clip(image.astype(np.int16) + noise[index % 4], 0, 255).astype(np.uint8)
        result.append(Frame(noisy, index, 0.0, index / fps, 0.0))
    return result


def _paste(image: Image, head: Image, x: float, y: float) -> None:
    """Put a head with its center at (x, y) into an image: to the sub-pixel, so that slow heads move smoothly."""
    height, width = head.shape[:2]
    left, top = math.floor(x - width / 2), math.floor(y - height / 2)
    shift = np.array([[1, 0, x - width / 2 - left], [0, 1, y - height / 2 - top]])
    size_wh = width + 1, height + 1
    moved = cv2.warpAffine(head, shift, size_wh, borderMode=cv2.BORDER_REPLICATE)
    mask = cv2.warpAffine(_mask(width, height), shift, size_wh)[..., None]
    x0, y0, x1, y1 = max(left, 0), max(top, 0), min(left + width + 1, WIDTH), min(top + height + 1, HEIGHT)
    if x1 <= x0 or y1 <= y0:
        return
    inside = np.s_[y0 - top : y1 - top, x0 - left : x1 - left]
    image[y0:y1, x0:x1] = (mask[inside] * moved[inside] + (1 - mask[inside]) * image[y0:y1, x0:x1]).astype(np.uint8)


@cache
def _mask(width: int, height: int) -> npt.NDArray[np.float32]:
    """Return an ellipse with a soft edge, `(height, width)`, 0..1."""
    mask = np.zeros((height, width), np.float32)
    cv2.ellipse(mask, (width // 2, height // 2), (int(0.47 * width), int(0.47 * height)), 0, 0, 360, 1.0, -1)
    return cv2.GaussianBlur(mask, (0, 0), width / 60)  # type: ignore[no-any-return]


@cache
def _portrait() -> tuple[Image, Box]:
    data = (resources.files("edge.sources") / "assets" / "portrait.jpg").read_bytes()
    image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    assert image is not None
    return image, open_detector("blazeface").detect(Frame(image))[0].box


def _cut(image: Image, box: Box) -> Image:
    """Return the part of an image that holds the head around a face, 320 pixels wide."""
    x, y, w, h = box
    center = x + w / 2, y + h / 2 - _HEAD_UP * h
    width, scale = 320, 320 / (2 * _HEAD_X * w)
    height = round(width * _HEAD_Y / _HEAD_X)
    matrix = np.array([[scale, 0, width / 2 - scale * center[0]], [0, scale, height / 2 - scale * center[1]]])
    return cv2.warpAffine(  # type: ignore[no-any-return]
        image, matrix, (width, height), flags=cv2.INTER_AREA, borderMode=cv2.BORDER_REPLICATE
    )


def _variation(seed: int) -> Image:
    """Return the portrait's head with another color of skin and light, mirrored, with drawn hair, beard or glasses."""
    random = np.random.default_rng(seed)
    image = _cut(*_portrait())
    if seed == 0:
        return image
    if random.random() < 0.5:
        image = cv2.flip(image, 1)
    factors = random.uniform(0.75, 1.2, 3) * random.uniform(0.7, 1.15)
    image = np.clip(image * factors, 0, 255).astype(np.uint8)
    height, width = image.shape[:2]
    side = width / (2 * _HEAD_X)
    x, y = width / 2, height / 2 + _HEAD_UP * side
    color = tuple(int(v) for v in random.integers(10, 200, 3))

    def point(across: float, down: float) -> tuple[int, int]:
        return round(x + across * side), round(y + down * side)

    if seed % 3 == 0:
        cv2.ellipse(image, point(0, -0.75), (round(0.7 * side), round(0.3 * side)), 0, 0, 360, color, -1)
    if seed % 3 == 1:
        cv2.ellipse(image, point(0, 0.5), (round(0.35 * side), round(0.16 * side)), 0, 0, 180, color, -1)
    if seed % 4 == 1:
        for eye in (-0.22, 0.22):
            cv2.circle(image, point(eye, -0.17), round(0.16 * side), color, 4)
    return image
