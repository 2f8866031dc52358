"""How a program registers the operators of a model with TensorFlow Lite for Microcontrollers."""

from __future__ import annotations

from collections.abc import Iterable

from convert.targets.tflm_operators import RESOLVER_METHODS


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
