"""`mien benchmark`: accuracy against latency of several models, on the machine at hand.

::

    models -> candidates -> a worker process each -> passes (accuracy, rounds of bursts) -> results -> table, page

`measurement` holds the verb `measure`; `passes` runs the worker processes, whose side of the protocol is `worker`.
`rounds` times bursts of all models in turn, `intervals` adds confidence intervals and tests, `pareto` finds the models
worth shipping, `results` writes all of it as plain values, and `comparison` compares two results. Each model has a
process of its own, so that a crash affects that model only and its memory can be measured.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from edge.system.lazy import lazy_exports

if TYPE_CHECKING:
    from edge.benchmark.measurement import measure

__all__ = ["measure"]

# Lazily: the worker process must not import more than the device does.
__getattr__, __dir__ = lazy_exports(__name__, {"measure": "edge.benchmark.measurement:measure"})
