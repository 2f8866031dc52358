"""The targets by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from convert.targets.edge_tpu import edge_tpu
from convert.targets.ethos_u import ethos_u
from convert.targets.microcontrollers import esp_nn, tflm
from convert.targets.report import TargetReport
from convert.targets.xnnpack import delegation

#: Name to function: from the flatbuffer and the model's name to the report.
TARGETS: Mapping[str, Callable[[bytes, str], TargetReport]] = {
    "edgetpu": edge_tpu,
    "esp-nn": esp_nn,
    "ethos-u": ethos_u,
    "tflm": tflm,
    "xnnpack": delegation,
}


def assess(target: str, content: bytes, name: str) -> TargetReport:
    """Return what a target takes of a graph.

    Args:
        target: one of `TARGETS`.
        content: the flatbuffer; it has passed the sandbox before.
        name: of the model, in error messages.

    Raises:
        MissingPackageError: the target needs a package that is not installed.
        ModelError: the target rejects the graph.
    """
    return TARGETS[target](content, name)
