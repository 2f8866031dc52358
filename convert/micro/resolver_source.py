"""How a program registers the operators of a model with TensorFlow Lite for Microcontrollers."""

from __future__ import annotations

from collections.abc import Iterable

from convert.targets.tflm_operators import RESOLVER_METHODS
from edge.inference.flatbuffer import Graph


def missing_operators(graph: Graph) -> list[str]:
    """Return the kinds of a graph's operations that TensorFlow Lite for Microcontrollers lacks, sorted."""
    return sorted({operation.kind for operation in graph.operations} - RESOLVER_METHODS.keys())


def resolver_source(kinds: Iterable[str]) -> str:
    """Return the content of `mien_operators.h`: a resolver with exactly these operators.

    Args:
        kinds: names in the schema, each in `RESOLVER_METHODS`.
    """
    methods = [RESOLVER_METHODS[kind] for kind in sorted(set(kinds))]
    added = "".join(f"  if (resolver.{method}() != kTfLiteOk) return kTfLiteError;\n" for method in methods)
    return f"""\
// The operators of the model. Written by `mien convert micro`.
#ifndef MIEN_OPERATORS_H
#define MIEN_OPERATORS_H

#include "tensorflow/lite/micro/micro_mutable_op_resolver.h"

typedef tflite::MicroMutableOpResolver<{len(methods)}> mien_op_resolver;

inline TfLiteStatus mien_add_operators(mien_op_resolver &resolver) {{
{added}  return kTfLiteOk;
}}

#endif
"""
