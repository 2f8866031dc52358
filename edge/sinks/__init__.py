"""Where events go: the console, files, a broker, a webhook, a program, a history, a pin, Prometheus, or a plug-in.

A sink may select what it receives (`message_filter`).

`Sink` is the base class; each sink is one class in a module of its own, registered in `sink_opening` and named by a URI
(`sink_uri`). The daemon never waits for a sink: a `SinkWorker` writes to it from a bounded `MessageQueue`, in a thread
of its own, and a `SinkGroup` passes each message to the workers of all sinks; where there are several cameras, the
`CameraSinks` of each pass its messages to those that it has.

A program that has events of its own opens one sink with `open_sink`, or several with `open_sink_group`.
"""

from __future__ import annotations

from edge.sinks.camera_sinks import CameraSinks
from edge.sinks.message_queue import DeliveryCounts
from edge.sinks.prepared_sink import PreparedSink
from edge.sinks.sink import Requirement, Sink
from edge.sinks.sink_group import SinkGroup
from edge.sinks.sink_opening import open_sink, open_sink_group, prepare_sink, sink_usage
from edge.sinks.sink_uri import SinkUri
from edge.sinks.sink_worker import SinkWorker

__all__ = [
    "SINKS",
    "CameraSinks",
    "DeliveryCounts",
    "PreparedSink",
    "Requirement",
    "Sink",
    "SinkGroup",
    "SinkUri",
    "SinkWorker",
    "open_sink",
    "open_sink_group",
    "prepare_sink",
]

#: How the command line names mien's own sinks, for help texts.
SINKS = sink_usage()
