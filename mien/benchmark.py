"""Benchmarks: accuracy against latency of several models on this machine."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edge.system.lazy import lazy_exports

if TYPE_CHECKING:
    from edge.benchmark import measure

__all__ = ["measure"]

__getattr__, __dir__ = lazy_exports(__name__, {"measure": "edge.benchmark:measure"})
