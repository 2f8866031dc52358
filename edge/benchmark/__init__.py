"""`mien benchmark`: accuracy against latency of several models, on the machine at hand.

::

    models -> candidates -> a worker process each -> passes (accuracy, rounds of bursts) -> results -> table, page

`measurement` holds the verb `measure`; `passes` runs the worker processes, whose side of the protocol is `worker`.
`rounds` times bursts of all models in turn, `intervals` adds confidence intervals and tests, `pareto` finds the models
worth shipping, `results` writes all of it as plain values, and `comparison` compares two results. Each model has a
process of its own, so that a crash affects that model only and its memory can be measured.

`mien benchmark wild`: the whole chain on photographs, and detectors on photographs with boxes.

::

    photographs, group_columns -> chain -> chain_accuracy -> wild_results -> wild_table, wild_page
    wider_face -> face_matching -> detector_measurement --------------------^

`wild_measurement` holds the verb `measure_photographs`, `detector_measurement` the verb `measure_detectors`. Both
benchmarks show `selective_accuracy`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from edge.system.lazy import lazy_exports

if TYPE_CHECKING:
    from edge.benchmark.detector_measurement import measure_detectors
    from edge.benchmark.measurement import measure
    from edge.benchmark.wild_measurement import measure_photographs

__all__ = ["measure", "measure_detectors", "measure_photographs"]

# Lazily: the worker process must not import more than the device does.
__getattr__, __dir__ = lazy_exports(
    __name__,
    {
        "measure": "edge.benchmark.measurement:measure",
        "measure_detectors": "edge.benchmark.detector_measurement:measure_detectors",
        "measure_photographs": "edge.benchmark.wild_measurement:measure_photographs",
    },
)
