"""The model as C: its flatbuffer as an array, its labels, its score calibration, and what its card states."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from convert.micro.c_text import c_array, c_comment, c_float, c_string
from edge.inference.flatbuffer import Graph
from edge.inference.model_card import ModelCard
from edge.inference.score_calibration import SCORE_FLOOR

#: Boxes that are checked for a crop of the same size in C as in Python; larger than the pictures of small cameras.
_LARGEST_CHECKED = 4096


@dataclass(frozen=True)
class ModelSource:
    """The C source of a model.

    Attributes:
        header: the content of `mien_model.h`.
        text: the content of `mien_model.c`.
    """

    header: str
    text: str


def model_source(graph: Graph, content: bytes, card: ModelCard, arena_bytes: int) -> ModelSource:
    """Return the C source of a model.

    Args:
        graph: the model's graph.
        content: its flatbuffer.
        card: its card.
        arena_bytes: memory for the interpreter, with its margin.
    """
    output = graph.outputs[0]
    numerator, denominator = crop_ratio(card.crop_margin)
    n, size = len(card.labels), card.input_shape[1]
    calibration = _calibration(card)
    header = f"""\
/* {c_comment(card.identity)}. Written by `mien convert micro`.
 *
 * {c_comment(card.intended_use)}
 *
 * {c_comment(card.limits)} */
#ifndef MIEN_MODEL_H
#define MIEN_MODEL_H

#ifdef __cplusplus
extern "C" {{
#endif

#define MIEN_MODEL_NAME {c_string(card.identity)}
#define MIEN_MODEL_LICENSE {c_string(card.licence)}
#define MIEN_FACE_SIZE {size}
#define MIEN_LABEL_COUNT {n}
#define MIEN_OUTPUT_SCALE {c_float(output.scales[0])}
#define MIEN_OUTPUT_ZERO_POINT ({output.zero_points[0]})
/* The square that is cut is the longer side of the box times this ratio. */
#define MIEN_CROP_NUMERATOR {numerator}
#define MIEN_CROP_DENOMINATOR {denominator}
#define MIEN_LARGEST_BOX {largest_box(card.crop_margin)}
/* For TensorFlow Lite for Microcontrollers only: the memory that its interpreter took, and a margin. Kernels for
 * particular processors may need more: if mien_init returns MIEN_NO_MEMORY, define a larger one. */
#ifndef MIEN_ARENA_BYTES
#define MIEN_ARENA_BYTES {arena_bytes}
#endif
#define MIEN_IS_CALIBRATED {int(calibration is not None)}
#define MIEN_SCORE_FLOOR {c_float(SCORE_FLOOR)}

#ifndef MIEN_ALIGNED
#define MIEN_ALIGNED __attribute__((aligned(16)))
#endif

extern const unsigned char mien_model[{len(content)}];
extern const char *const mien_labels[MIEN_LABEL_COUNT];
#if MIEN_IS_CALIBRATED
extern const float mien_calibration_weights[MIEN_LABEL_COUNT][MIEN_LABEL_COUNT];
extern const float mien_calibration_bias[MIEN_LABEL_COUNT];
#endif

#ifdef __cplusplus
}}
#endif

#endif
"""
    lines = [
        f"/* {c_comment(card.identity)}. Written by `mien convert micro`. */",
        '#include "mien_model.h"',
        "",
        f"const char *const mien_labels[MIEN_LABEL_COUNT] = {{{', '.join(map(c_string, card.labels))}}};",
        "",
    ]
    if calibration is not None:
        weights, bias = calibration
        rows = ",\n".join("  {" + ", ".join(map(c_float, row)) + "}" for row in weights)
        lines += [
            f"const float mien_calibration_weights[MIEN_LABEL_COUNT][MIEN_LABEL_COUNT] = {{\n{rows}}};",
            f"const float mien_calibration_bias[MIEN_LABEL_COUNT] = {{{', '.join(map(c_float, bias))}}};",
            "",
        ]
    lines += [f"MIEN_ALIGNED const unsigned char mien_model[{len(content)}] = {{", c_array(content), "};", ""]
    return ModelSource(header, "\n".join(lines))


def crop_ratio(margin: float) -> tuple[int, int]:
    """Return `1 + margin` as a fraction of integers."""
    ratio = 1 + Fraction(repr(margin))
    return ratio.numerator, ratio.denominator


def largest_box(margin: float) -> int:
    """Return the largest side of a box, in pixels, up to which integers give the same crop as Python's floats."""
    numerator, denominator = crop_ratio(margin)
    for side in range(1, _LARGEST_CHECKED + 1):
        # `round` of a fraction is exact, with ties to the even number: what mien_crop.c computes.
        if round(Fraction(side * numerator, denominator)) != round(side * (1 + margin)):
            return side - 1
    return _LARGEST_CHECKED


def _calibration(card: ModelCard) -> tuple[list[list[float]], list[float]] | None:
    """Return the weights and the bias of the score calibration with the prior `room`, the default of mien."""
    table = card.score_calibration
    if not table:
        return None
    room = table.get("room", {})
    return table["weights"], [b + room.get(label, 0.0) for label, b in zip(card.labels, table["bias"], strict=True)]
