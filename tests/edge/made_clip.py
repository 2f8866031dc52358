"""Generated clips with the demo's portrait: faces on scripted paths, in front of a static background."""

from functools import cache

import cv2
import numpy as np

from edge.types import Frame
from tests.conftest import PORTRAIT

FPS, WIDTH, HEIGHT = 30, 640, 480
#: The portrait's head: the face is 0.4 of its side.
_HEAD = slice(10, 260), slice(60, 310)


def head(size):
    """Return the portrait's head, `(size, size, 3)`."""
    return cv2.resize(_portrait()[_HEAD], (size, size), interpolation=cv2.INTER_AREA)


@cache
def _portrait():
    return cv2.imread(str(PORTRAIT))


@cache
def _noise(deviation):
    """Return eight images of camera noise, which are used in turn."""
    random = np.random.default_rng(1)
    return [random.normal(0, deviation, (HEIGHT, WIDTH, 3)).astype(np.int16) for _ in range(8)]


def background(seed=0):
    """Return a background of soft shapes, `(HEIGHT, WIDTH, 3)`."""
    coarse = np.random.default_rng(seed).integers(60, 180, (6, 8, 3)).astype(np.uint8)
    return cv2.resize(coarse, (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC)


def clip(seconds, faces=lambda t: [], room=None, light=lambda t: 1.0, noise=2.0, fps=FPS):
    """Yield frames of a room with faces in it.

    Args:
        faces: returns centers (x, y) and sizes of the heads at a time; later ones are in front of earlier ones.
        room: the background, or a function that returns it for a time.
        light: returns the factor of brightness at a time.
        noise: standard deviation of the camera noise in gray levels.
    """
    room = background() if room is None else room
    for index in range(round(seconds * fps)):
        t = index / fps
        image = (room(t) if callable(room) else room).copy()
        for x, y, size in faces(t):
            _paste(image, head(round(size)), round(x - size / 2), round(y - size / 2))
        image = cv2.convertScaleAbs(image, alpha=light(t)).astype(np.int16) + _noise(noise)[index % 8]
        yield Frame(np.clip(image, 0, 255).astype(np.uint8), index, 0.0, t, 0.0)


def _paste(image, face, left, top):
    size = face.shape[0]
    x0, y0, x1, y1 = max(left, 0), max(top, 0), min(left + size, WIDTH), min(top + size, HEIGHT)
    if x1 <= x0 or y1 <= y0:
        return
    # An ellipse with a soft edge, so that it is a head and not a rectangular photograph.
    mask = np.zeros((size, size, 1), np.float32)
    cv2.ellipse(mask, (size // 2, size // 2), (int(0.42 * size), int(0.48 * size)), 0, 0, 360, 1.0, -1)
    mask = cv2.GaussianBlur(mask, (0, 0), size / 40)[y0 - top : y1 - top, x0 - left : x1 - left, None]
    part = face[y0 - top : y1 - top, x0 - left : x1 - left]
    image[y0:y1, x0:x1] = (mask * part + (1 - mask) * image[y0:y1, x0:x1]).astype(np.uint8)
