"""Base classes and values for plug-ins: packages that add a source, a detector, a sink or an architecture to mien.

A plug-in names its class by an entry point of the group `mien.sources`, `mien.detectors`, `mien.sinks` or
`mien.architectures`. A detector needs no base class; it returns `Detection` objects.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from edge.system.lazy import lazy_exports

if TYPE_CHECKING:
    from edge.detection import Detector
    from edge.sinks import Sink, SinkUri
    from edge.sources import BaseSource
    from edge.types import Detection
    from train.models.architecture import Architecture

__all__ = ["Architecture", "BaseSource", "Detection", "Detector", "Sink", "SinkUri"]

__getattr__, __dir__ = lazy_exports(
    __name__,
    {
        "Architecture": "train.models.architecture:Architecture",
        "BaseSource": "edge.sources:BaseSource",
        "Detection": "edge.types:Detection",
        "Detector": "edge.detection:Detector",
        "Sink": "edge.sinks:Sink",
        "SinkUri": "edge.sinks:SinkUri",
    },
    extra="train",
)
