"""Facial-expression recognition that runs on the device: the public Python API of mien.

A recognizer finds the faces in an image and names the expression on each::

    import mien

    recognizer = mien.Recognizer("mien-small-int8")
    for face in recognizer(image):  # (h, w, 3) uint8 BGR, or (h, w) gray
        print(face.emotion, face.score, face.box)

    for event in mien.watch("camera:0"):
        print(event.track_id, event.emotion)

`mien.train`, `mien.convert` and `mien.benchmark` hold the verbs of the workstation, `mien.plugins` holds
the base classes of third-party sources, sinks and architectures, and `mien.testing` fakes for tests. What this package
exports is covered by semantic versioning, as are the command line, the JSON of events and reports, and the formats of
model card and bundle; the packages behind it (`edge`, `train`, `convert`, `deploy`) are private.

Nothing is imported before its first use: `import mien` loads neither numpy nor OpenCV.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from edge import __version__
from edge.system.lazy import lazy_exports

if TYPE_CHECKING:
    from edge.datasets import load_dataset
    from edge.errors import MienError
    from edge.recognizer import Recognizer
    from edge.service import watch
    from edge.sinks import open_sink
    from edge.sources import open_source
    from edge.types import Event, Face, Frame
    from mien import benchmark, convert, plugins, testing, train

__all__ = [
    "Event",
    "Face",
    "Frame",
    "MienError",
    "Recognizer",
    "__version__",
    "benchmark",
    "convert",
    "load_dataset",
    "open_sink",
    "open_source",
    "plugins",
    "testing",
    "train",
    "watch",
]

__getattr__, __dir__ = lazy_exports(
    __name__,
    {
        "Event": "edge.types:Event",
        "Face": "edge.types:Face",
        "Frame": "edge.types:Frame",
        "MienError": "edge.errors:MienError",
        "Recognizer": "edge.recognizer:Recognizer",
        "benchmark": "mien.benchmark",
        "convert": "mien.convert",
        "load_dataset": "edge.datasets:load_dataset",
        "open_sink": "edge.sinks:open_sink",
        "open_source": "edge.sources:open_source",
        "plugins": "mien.plugins",
        "testing": "mien.testing",
        "train": "mien.train",
        "watch": "edge.service:watch",
    },
)
