"""Conversion: a float model to an int8 `.tflite`, with proof. Needs the extra `train` when a function is used."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edge.system.lazy import lazy_exports

if TYPE_CHECKING:
    from convert import inspect, quantize, verify

__all__ = ["inspect", "quantize", "verify"]

__getattr__, __dir__ = lazy_exports(
    __name__,
    {"inspect": "convert:inspect", "quantize": "convert:quantize", "verify": "convert:verify"},
    extra="train",
)
