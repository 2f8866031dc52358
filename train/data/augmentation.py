"""Augmentation: random changes to each Training face, drawn again in each epoch, before it reaches the network.

It runs on the CPU with OpenCV and takes about 50 microseconds for a face. Rotation, zoom, shift and flip are one affine
map, so that a face is interpolated once (three layers in a row would blur 48 pixels three times), with the same result
on every Keras backend.
"""

from __future__ import annotations

import math

import cv2
import numpy as np
import numpy.typing as npt

from train.data.occlusion import draw_mask, draw_sunglasses
from train.recipes.schema import Augment

Floats = npt.NDArray[np.float32]
#: Share of the face that an erased rectangle covers, and its height divided by its width (Zhong et al., 2017).
ERASED_AREA, ERASED_ASPECT = (0.02, 0.33), (0.3, 1 / 0.3)
#: A face is scaled down to no less than this: 48 pixels to 20, about as few as an expression can be read from.
LOWEST_RESOLUTION = 20 / 48
#: Qualities of JPEG, from that of a poor network camera to one that changes next to nothing.
JPEG_QUALITIES = (15, 90)
#: What a light adds where it is strongest, in gray levels, and its standard deviation as a share of the width.
GLARE_LEVELS, GLARE_WIDTHS = (30, 150), (0.15, 0.8)


def augment_faces(faces: npt.NDArray[np.uint8], augment: Augment, random: np.random.Generator) -> Floats:
    """Change every face at random.

    Args:
        faces: `(n, height, width)` uint8.
        augment: which changes, and how large they may be.
        random: the generator; the same state gives the same faces.

    Returns:
        `(n, height, width)` float32, 0..255.
    """
    n = len(faces)
    if augment.equalize:
        equalized = random.random(n) < augment.equalize
        faces = np.stack([cv2.equalizeHist(f) if e else f for f, e in zip(faces, equalized, strict=True)])
    if augment.occlusion:
        faces = faces.copy()
        for face in faces:
            if random.random() < augment.occlusion:
                (draw_sunglasses if random.random() < 0.5 else draw_mask)(face, random)
    changed: Floats = np.stack([_warp(face, augment, random) for face in faces])
    if augment.low_resolution:
        for face in changed:
            if random.random() < augment.low_resolution:
                _reduce(face, random.uniform(LOWEST_RESOLUTION, 1))
    if augment.blur:
        for face, sigma in zip(changed, random.uniform(0, augment.blur, n), strict=True):
            # A Gaussian of less than a quarter of a pixel changes nothing.
            if sigma > 0.25:
                cv2.GaussianBlur(face, (0, 0), sigma, dst=face)
    if augment.contrast:
        factor = random.uniform(1 - augment.contrast, 1 + augment.contrast, (n, 1, 1)).astype(np.float32)
        mean = changed.mean(axis=(1, 2), keepdims=True)
        changed = (changed - mean) * factor + mean
    if augment.brightness:
        changed += random.uniform(-255 * augment.brightness, 255 * augment.brightness, (n, 1, 1)).astype(np.float32)
    if augment.glare:
        for face in changed:
            if random.random() < augment.glare:
                _add_glare(face, random)
    if augment.noise:
        deviation = random.uniform(0, 255 * augment.noise, (n, 1, 1)).astype(np.float32)
        changed += deviation * random.standard_normal(changed.shape, np.float32)
    changed = np.clip(changed, 0, 255)
    if augment.gamma:
        exponent = (1 + augment.gamma) ** random.uniform(-1, 1, (n, 1, 1)).astype(np.float32)
        changed = 255 * (changed / 255) ** exponent
    if augment.compression:
        for face in changed:
            if random.random() < augment.compression:
                _compress(face, int(random.integers(JPEG_QUALITIES[0], JPEG_QUALITIES[1] + 1)))
    if augment.erasing:
        for face in changed:
            if random.random() < augment.erasing:
                _erase(face, random)
    return changed


def _warp(face: npt.NDArray[np.uint8], augment: Augment, random: np.random.Generator) -> Floats:
    """Rotate, zoom, shift and mirror in one interpolation; outside the face its border is replicated."""
    height, width = face.shape
    angle_deg, zoom, shift_x, shift_y, mirror = random.uniform(-1, 1, 5)
    scale = 1 + zoom * augment.zoom
    angle = math.radians(angle_deg * augment.rotation_deg)
    flip = -1.0 if augment.flip and mirror < 0 else 1.0
    center = np.array([(width - 1) / 2, (height - 1) / 2])
    cosine, sine = math.cos(angle) * scale, math.sin(angle) * scale
    linear = np.array([[cosine * flip, -sine], [sine * flip, cosine]])
    offset = center - linear @ center + np.array([shift_x * width, shift_y * height]) * augment.shift
    matrix = np.column_stack([linear, offset])
    warped: Floats = cv2.warpAffine(face.astype(np.float32), matrix, (width, height), borderMode=cv2.BORDER_REPLICATE)
    return warped


def _reduce(face: Floats, scale: float) -> None:
    """Scale a face down, as a small face in a picture is, and up again, in place."""
    height, width = face.shape
    small = cv2.resize(face, (round(width * scale), round(height * scale)), interpolation=cv2.INTER_AREA)
    cv2.resize(small, (width, height), dst=face, interpolation=cv2.INTER_LINEAR)


def _add_glare(face: Floats, random: np.random.Generator) -> None:
    """Add a round light, in or beside the face, in place; what is brighter than white is clipped later."""
    height, width = face.shape
    center_x, center_y = random.uniform(-0.2, 1.2, 2)
    deviation, strength = random.uniform(*GLARE_WIDTHS), random.uniform(*GLARE_LEVELS)
    x, y = np.arange(width) / width - center_x, np.arange(height) / height - center_y
    profile = [np.exp(-0.5 * (offset / deviation) ** 2) for offset in (y, x)]
    face += np.float32(strength) * np.outer(*profile).astype(np.float32)


def _compress(face: Floats, quality: int) -> None:
    """Compress a face as JPEG and decompress it, in place, as streams of network cameras and MJPEG are."""
    _, encoded = cv2.imencode(".jpg", np.rint(face).astype(np.uint8), [cv2.IMWRITE_JPEG_QUALITY, quality])
    face[:] = cv2.imdecode(encoded, cv2.IMREAD_GRAYSCALE)


def _erase(face: Floats, random: np.random.Generator) -> None:
    """Paint a random rectangle gray, in place."""
    height, width = face.shape
    area = random.uniform(*ERASED_AREA) * height * width
    aspect = math.exp(random.uniform(*np.log(ERASED_ASPECT)))
    h = min(max(round(math.sqrt(area * aspect)), 1), height)
    w = min(max(round(math.sqrt(area / aspect)), 1), width)
    top, left = random.integers(0, height - h + 1), random.integers(0, width - w + 1)
    face[top : top + h, left : left + w] = 128


def mixup(faces: Floats, targets: Floats, alpha: float, random: np.random.Generator) -> tuple[Floats, Floats]:
    """Blend each face and its target with those of another face of the batch (Zhang et al., 2017).

    Args:
        faces: `(n, height, width)` float32.
        targets: `(n, classes)` float32.
        alpha: parameter of the Beta distribution from which the share of each face is drawn.
        random: the generator.

    Returns:
        Faces and targets of the same shapes.
    """
    share = random.beta(alpha, alpha, len(faces)).astype(np.float32)[:, None]
    others = random.permutation(len(faces))
    blended = faces * share[..., None] + faces[others] * (1 - share[..., None])
    return blended, targets * share + targets[others] * (1 - share)
