"""Benchmarks: accuracy against latency of several models, the whole chain on photographs, and detectors."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edge.system.lazy import lazy_exports

if TYPE_CHECKING:
    from edge.benchmark import measure, measure_detectors, measure_photographs

__all__ = ["measure", "measure_detectors", "measure_photographs"]

__getattr__, __dir__ = lazy_exports(__name__, {name: f"edge.benchmark:{name}" for name in __all__})
