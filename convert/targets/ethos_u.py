"""Arm's Ethos-U, by its compiler Vela, which is run."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from convert.targets.report import LeftOperation, TargetReport
from edge.errors import MissingExtraError, ModelError
from edge.inference.flatbuffer import Graph
from edge.system.processes import crash_name, last_line, python_environment

#: The accelerator that is compiled for: 128 multiply-accumulates a cycle, as in the boards of Himax and Alif.
ACCELERATOR = "ethos-u55-128"
_OPERATOR = "ethos-u"
_TIMEOUT_S = 600


def ethos_u(content: bytes, name: str) -> TargetReport:
    """Return what Vela hands to an Ethos-U of a graph.

    Raises:
        MissingExtraError: Vela is not installed.
        ModelError: it rejects the graph.
    """
    try:
        release = version("ethos-u-vela")
    except PackageNotFoundError as error:
        raise MissingExtraError("micro", "ethos-u-vela") from error
    graph = Graph(content, name)
    with tempfile.TemporaryDirectory() as folder:
        model = Path(folder) / "model.tflite"
        model.write_bytes(content)
        command = [sys.executable, "-P", "-m", "ethosu.vela", "--accelerator-config", ACCELERATOR]
        try:
            done = subprocess.run(
                [*command, "--output-dir", folder, str(model)],
                capture_output=True,
                env=python_environment(),
                timeout=_TIMEOUT_S,
                check=False,
            )
        except subprocess.TimeoutExpired as error:
            raise ModelError(f"Vela ran for more than {_TIMEOUT_S} s on {name}") from error
        compiled = Path(folder) / "model_vela.tflite"
        if crash := crash_name(done.returncode):
            raise ModelError(f"Vela {release} crashes on {name} ({crash}): try another release of ethos-u-vela")
        if done.returncode or not compiled.is_file():
            raise ModelError(f"Vela rejects {name}: {last_line(done.stderr or done.stdout)}")
        after = Graph(compiled.read_bytes(), name)
    # What Vela leaves is in its output under the same name.
    kept = {operation.outputs[0].name for operation in after.operations if operation.kind != _OPERATOR}
    left = tuple(LeftOperation(operation) for operation in graph.operations if operation.outputs[0].name in kept)
    parts = sum(operation.kind == _OPERATOR for operation in after.operations)
    return TargetReport(
        "ethos-u", f"Vela {release}, --accelerator-config {ACCELERATOR}", len(graph.operations), left, parts
    )
