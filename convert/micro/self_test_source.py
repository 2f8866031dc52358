"""The recorded faces of the self-test, with the scores that the network must give them, as a C header."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from convert.micro.c_text import c_array, c_comment, c_float
from edge.detection.alignment import crop_face

#: The picture that is cropped: noise, in which no two pixels are alike by chance alone.
WIDTH, HEIGHT = 200, 150
#: Boxes in it: small and large, in the middle, at each edge, and outside.
BOXES = (
    (60, 40, 30, 34),
    (80, 50, 41, 41),
    (10, 10, 100, 90),
    (40, 5, 140, 140),
    (-20, -15, 60, 70),
    (170, 120, 60, 50),
    (0, 0, 200, 150),
    (90, 70, 1, 1),
    (300, 60, 50, 50),
    (55, 33, 83, 82),
)


def self_test_source(
    faces: npt.NDArray[np.uint8],
    codes: npt.NDArray[np.int8],
    scores: npt.NDArray[np.float32],
    margin: float,
    origin: str,
) -> str:
    """Return the content of `mien_test_faces.h`.

    Args:
        faces: `(faces, size, size)` uint8.
        codes: `(faces, n)` int8, the network's output for each.
        scores: `(faces, n)` float32, the scores after the score calibration.
        margin: the model's crop margin.
        origin: where the faces are from.
    """
    size = faces.shape[1]
    picture = noise()
    hashes = [fnv1a(crop_face(picture, box, margin, size).tobytes()) for box in BOXES]
    rows = [
        f"/* Faces from {c_comment(origin)}. Written by `mien convert micro`.",
        " * Read the license of the data set before you give this file to anyone. */",
        "#ifndef MIEN_TEST_FACES_H",
        "#define MIEN_TEST_FACES_H",
        "",
        '#include "mien.h"',
        "",
        f"#define MIEN_TEST_FACES {len(faces)}",
        f"#define MIEN_TEST_CROPS {len(BOXES)}",
        f"#define MIEN_TEST_WIDTH {WIDTH}",
        f"#define MIEN_TEST_HEIGHT {HEIGHT}",
        "",
        "static const mien_box mien_test_boxes[MIEN_TEST_CROPS] = {",
        c_array(f"{{{x}, {y}, {w}, {h}}}" for x, y, w, h in BOXES),
        "};",
        "static const uint32_t mien_test_hashes[MIEN_TEST_CROPS] = {",
        c_array(f"UINT32_C({each})" for each in hashes),
        "};",
        "static const int8_t mien_test_codes[MIEN_TEST_FACES][MIEN_LABEL_COUNT] = {",
        c_array(f"{{{', '.join(map(str, row))}}}" for row in codes.tolist()),
        "};",
        "static const float mien_test_scores[MIEN_TEST_FACES][MIEN_LABEL_COUNT] = {",
        c_array(f"{{{', '.join(map(c_float, row))}}}" for row in scores.tolist()),
        "};",
        "static const uint8_t mien_test_faces[MIEN_TEST_FACES][MIEN_FACE_SIZE * MIEN_FACE_SIZE] = {",
        *(f"{{\n{c_array(face.ravel().tolist())}\n}}," for face in faces),
        "};",
        "",
        "#endif",
        "",
    ]
    return "\n".join(rows)


def noise() -> npt.NDArray[np.uint8]:
    """Return the picture that the self-test crops: `(HEIGHT, WIDTH)` uint8, by a generator that C has too."""
    random, values = 1, []
    for _ in range(WIDTH * HEIGHT):
        random = (random * 1664525 + 1013904223) % 2**32
        values.append(random >> 24)
    return np.array(values, np.uint8).reshape(HEIGHT, WIDTH)


def fnv1a(data: bytes) -> int:
    """Return the 32-bit hash FNV-1a."""
    value = 2166136261
    for byte in data:
        value = (value ^ byte) * 16777619 % 2**32
    return value
