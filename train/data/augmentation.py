"""Augmentation: each Training face changed at random, anew each epoch, before it reaches the model.

On the host with OpenCV, some 50 microseconds a face: rotation, zoom, shift and flip are one affine map, so that
a face is interpolated once (three layers in a row would blur 48 pixels three times), on every backend alike.
"""

from __future__ import annotations

import math

import cv2
import numpy as np
import numpy.typing as npt

from train.recipes.schema import Augment

#: Share of the face that an erased rectangle covers, and its height to its width (Zhong et al., 2017).
ERASED_AREA, ERASED_ASPECT = (0.02, 0.33), (0.3, 1 / 0.3)


def augment_faces(
    faces: npt.NDArray[np.uint8], augment: Augment, random: np.random.Generator
) -> npt.NDArray[np.float32]:
    """Change every face at random.

    Args:
        faces: `(n, height, width)` uint8.
        augment: what may happen, and how far.
        random: where the numbers come from; the same state gives the same faces.

    Returns:
        `(n, height, width)` float32, 0..255.
    """
    changed = np.stack([_moved(face, augment, random) for face in faces])
    n = len(changed)
    if augment.blur:
        for face, sigma in zip(changed, random.uniform(0, augment.blur, n), strict=True):
            # Below a quarter of a pixel it would change nothing.
            if sigma > 0.25:
                cv2.GaussianBlur(face, (0, 0), sigma, dst=face)
    if augment.contrast:
        factor = random.uniform(1 - augment.contrast, 1 + augment.contrast, (n, 1, 1)).astype(np.float32)
        mean = changed.mean(axis=(1, 2), keepdims=True)
        changed = (changed - mean) * factor + mean
    if augment.brightness:
        changed += random.uniform(-255 * augment.brightness, 255 * augment.brightness, (n, 1, 1)).astype(np.float32)
    if augment.noise:
        deviation = random.uniform(0, 255 * augment.noise, (n, 1, 1)).astype(np.float32)
        changed += deviation * random.standard_normal(changed.shape, np.float32)
    changed = np.clip(changed, 0, 255)
    if augment.erasing:
        for face in changed:
            if random.random() < augment.erasing:
                _erase(face, random)
    return changed


def _moved(face: npt.NDArray[np.uint8], augment: Augment, random: np.random.Generator) -> npt.NDArray[np.float32]:
    """Rotated, zoomed, shifted and mirrored in one interpolation; the border repeats outside."""
    height, width = face.shape
    angle_deg, zoom, shift_x, shift_y, mirrored = random.uniform(-1, 1, 5)
    scale = 1 + zoom * augment.zoom
    turn = math.radians(angle_deg * augment.rotation_deg)
    flip = -1.0 if augment.flip and mirrored < 0 else 1.0
    centre_x, centre_y = (width - 1) / 2, (height - 1) / 2
    along, across = math.cos(turn) * scale, math.sin(turn) * scale
    linear = np.array([[along * flip, -across], [across * flip, along]])
    centre = np.array([centre_x, centre_y])
    offset = centre - linear @ centre + np.array([shift_x * width, shift_y * height]) * augment.shift
    matrix = np.column_stack([linear, offset])
    return cv2.warpAffine(face.astype(np.float32), matrix, (width, height), borderMode=cv2.BORDER_REPLICATE)


def _erase(face: npt.NDArray[np.float32], random: np.random.Generator) -> None:
    """Paint a random rectangle grey, in place."""
    height, width = face.shape
    area = random.uniform(*ERASED_AREA) * height * width
    aspect = math.exp(random.uniform(*np.log(ERASED_ASPECT)))
    h = min(max(round(math.sqrt(area * aspect)), 1), height)
    w = min(max(round(math.sqrt(area / aspect)), 1), width)
    top, left = random.integers(0, height - h + 1), random.integers(0, width - w + 1)
    face[top : top + h, left : left + w] = 128


def mix_up(
    faces: npt.NDArray[np.float32], targets: npt.NDArray[np.float32], alpha: float, random: np.random.Generator
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """Blend each face and its target with another's (Zhang et al., 2017).

    Args:
        faces: `(n, height, width)` float32.
        targets: `(n, classes)` float32.
        alpha: of the Beta distribution that the share is drawn from, one a face.
        random: where the numbers come from.
    """
    share = random.beta(alpha, alpha, len(faces)).astype(np.float32)[:, None]
    others = random.permutation(len(faces))
    blended = faces * share[..., None] + faces[others] * (1 - share[..., None])
    return blended, targets * share + targets[others] * (1 - share)
