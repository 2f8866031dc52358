"""Conversion: a float model to an int8 `.tflite`, with proof. Needs the extra `train` when a function is used."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edge.system.lazy import lazy_exports

if TYPE_CHECKING:
    from convert import calibrate, inspect, micro, quantize, verify

__all__ = ["calibrate", "inspect", "micro", "quantize", "verify"]

__getattr__, __dir__ = lazy_exports(
    __name__,
    {name: f"convert:{name}" for name in __all__},
    extra="train",
)
