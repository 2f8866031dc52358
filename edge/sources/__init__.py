"""Where frames come from: one protocol, one file for each kind of source.

`base` has the protocol `Source` and the class `BaseSource`; each other file has one source, which states what it can do
in its class attributes. `source_opening` chooses the class for a spec, such as `camera:0`, by its name in a registry.

A source is a context manager and an iterator of `Frame`. Files and folders are read frame by frame, and no frame is
lost; live sources yield the frame that the camera has when they are asked. For the daemon, `edge.capture` runs a live
source in a process of its own.

A package adds a source by an entry point of the group `mien.sources`::

    [project.entry-points."mien.sources"]
    thermal = "my_package:ThermalSource"

`ThermalSource` is derived from `BaseSource`; its specs are `thermal:...` or `thermal://...`.
"""

from edge.sources.base import BaseSource, BlockingSource, Source
from edge.sources.frame_waiting import wait_for_frames
from edge.sources.source_opening import REGISTRY, SOURCES, open_source, source_class, source_names

__all__ = [
    "REGISTRY",
    "SOURCES",
    "BaseSource",
    "BlockingSource",
    "Source",
    "open_source",
    "source_class",
    "source_names",
    "wait_for_frames",
]
