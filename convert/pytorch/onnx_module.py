"""An ONNX network as a PyTorch module."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import torch

from convert.pytorch.imports import import_onnx
from convert.pytorch.onnx_operators import OPERATORS
from edge.errors import ModelError, first_line


class OnnxModule(torch.nn.Module):  # type: ignore[misc, unused-ignore]
    """Runs the nodes of a graph in their order.

    Args:
        graph: an `onnx.GraphProto` with a static input shape, in which nothing is left to compute from constants alone.
        path: the file, for error messages.

    Raises:
        ModelError: the graph has an operator that is not in `OPERATORS`.
    """

    def __init__(self, graph: Any, path: Path) -> None:
        super().__init__()
        onnx, _ = import_onnx()
        self._path, self._nodes = path, []
        self._constants: dict[str, str] = {}
        for tensor in graph.initializer:
            self._add_constant(tensor.name, onnx.numpy_helper.to_array(tensor))
        self._input = next(value.name for value in graph.input if value.name not in self._constants)
        self._output = graph.output[0].name
        unknown = sorted({node.op_type for node in graph.node} - set(OPERATORS) - {"Constant", "Cast"})
        if unknown:
            raise ModelError(f"{path} has operators that mien cannot convert from ONNX: {', '.join(unknown)}")
        for node in graph.node:
            attributes = {a.name: onnx.helper.get_attribute_value(a) for a in node.attribute}
            if node.op_type == "Constant":
                value = attributes.get("value")
                array = onnx.numpy_helper.to_array(value) if value is not None else np.array(*attributes.values())
                self._add_constant(node.output[0], array)
                continue
            decoded = {key: value.decode() if isinstance(value, bytes) else value for key, value in attributes.items()}
            self._nodes.append((node.op_type, list(node.input), list(node.output), decoded))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return the graph's first output for its input."""
        values: dict[str, Any] = {"": None, self._input: x}
        values |= {name: getattr(self, buffer) for name, buffer in self._constants.items()}
        for kind, inputs, outputs, attributes in self._nodes:
            given = [values[name] for name in inputs]
            if kind == "Cast":
                # Of numbers that are float32 here in any case: mixed precision is run in float32.
                found: Any = given[0]
            else:
                found = OPERATORS[kind](given, attributes)
            for name, value in zip(outputs, found if isinstance(found, tuple) else (found,), strict=False):
                values[name] = value
        result: torch.Tensor = values[self._output]
        return result

    def _add_constant(self, name: str, array: Any) -> None:
        # Names in ONNX may contain dots, which those of buffers must not.
        buffer = f"constant{len(self._constants)}"
        array = np.array(array)
        if array.dtype in (np.float16, np.float64):
            array = array.astype(np.float32)
        self.register_buffer(buffer, torch.from_numpy(array))
        self._constants[name] = buffer


def load_onnx(path: Path) -> Any:
    """Load an ONNX file, with the batch set to one.

    Returns:
        An `onnx.ModelProto`.

    Raises:
        ModelError: it is damaged, or has not one input with four dimensions and one output.
    """
    onnx, _ = import_onnx()
    try:
        model = onnx.load(str(path))
        onnx.checker.check_model(model)
    except Exception as error:
        # protobuf, the checker and the reader of external data raise what they like.
        raise ModelError(f"{path} is not an ONNX model that can be read: {first_line(error)}") from error
    constants = {tensor.name for tensor in model.graph.initializer}
    inputs = [value for value in model.graph.input if value.name not in constants]
    if len(inputs) != 1 or len(model.graph.output) != 1:
        raise ModelError(f"{path} has {len(inputs)} inputs, {len(model.graph.output)} outputs: expected 1 and 1")
    dimensions = inputs[0].type.tensor_type.shape.dim
    if len(dimensions) == 4 and not dimensions[0].dim_value:
        dimensions[0].dim_value = 1
    del model.graph.value_info[:]
    del model.graph.output[0].type.tensor_type.shape.dim[:]
    return model


def input_shape(model: Any) -> tuple[int, ...]:
    """Return the shape of a loaded model's input; 0 for a dimension that is not fixed."""
    constants = {tensor.name for tensor in model.graph.initializer}
    (value,) = (value for value in model.graph.input if value.name not in constants)
    return tuple(dimension.dim_value for dimension in value.type.tensor_type.shape.dim)


def runtime_session(model: Any, path: Path, optimized: Path | None = None) -> Any:
    """Return an ONNX Runtime session of a loaded model.

    Args:
        model: what `load_onnx` returned.
        path: its file, for error messages.
        optimized: where ONNX Runtime writes the graph without what constants alone determine; None for nowhere.

    Raises:
        ModelError: ONNX Runtime cannot run it.
    """
    _, onnxruntime = import_onnx()
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    if optimized is not None:
        # The next level replaces operators by ONNX Runtime's own.
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC
        options.optimized_model_filepath = str(optimized)
    try:
        return onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    except Exception as error:
        raise ModelError(f"ONNX Runtime cannot run {path}: {first_line(error)}") from error


def onnx_module(model: Any, path: Path) -> OnnxModule:
    """Return a loaded model as a PyTorch module.

    Raises:
        ModelError: it has an operator that mien cannot convert, or cannot be run.
    """
    onnx, _ = import_onnx()
    with tempfile.TemporaryDirectory() as folder:
        optimized = Path(folder) / "model.onnx"
        runtime_session(model, path, optimized)
        return OnnxModule(onnx.load(str(optimized)).graph, path)
