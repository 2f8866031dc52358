"""When a change of expression is worth an event, and aggregates where single faces must not be reported.

`builder.py` turns tracks into events, `aggregation.py` sums them up over a period. `event.schema.json` describes the
JSON of both.
"""

from __future__ import annotations

from edge.events.aggregation import MIN_FACES, Aggregator
from edge.events.builder import MIN_HOLD_S, UNCERTAIN_BELOW, Emit, EventBuilder, label_of, reported_expression

__all__ = [
    "MIN_FACES",
    "MIN_HOLD_S",
    "UNCERTAIN_BELOW",
    "Aggregator",
    "Emit",
    "EventBuilder",
    "label_of",
    "reported_expression",
]
