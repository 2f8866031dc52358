"""Which operations of a .tflite a target takes: `mien convert inspect --target`.

A target is one file with one function from a flatbuffer to a `TargetReport`.
"""

from convert.targets.registry import TARGETS, assess
from convert.targets.report import LeftOperation, TargetReport
from convert.targets.xnnpack import delegation

__all__ = ["TARGETS", "LeftOperation", "TargetReport", "assess", "delegation"]
