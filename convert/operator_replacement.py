"""Replaces operations of a float .tflite that int8 lacks by others that give the same values.

The replacements keep all intermediate values small, because int8 has 256 codes for the range of a tensor.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np

from edge.inference.flatbuffer import Graph, Operation, schema

#: How far from 1 the summand of a softplus may be.
_TOLERANCE = 1e-6


def replace_operators(content: bytes) -> bytes:
    """Replace NEG, SQUARE, ELU, and softplus as TensorFlow exports it.

    Keras has them in layer normalization, and in the activations elu, selu, softplus and mish:

    - NEG(x) becomes x * -1, and SQUARE(x) x * x;
    - ELU(x) becomes RELU(x) + EXP(x - RELU(x)) - 1;
    - LOG(EXP(x) + 1) becomes RELU(x) - LOG(LOGISTIC(ABS(x))).

    Args:
        content: a float flatbuffer.

    Returns:
        The flatbuffer, the same one if there was nothing to replace.
    """
    graph = Graph(content, "the float graph")
    replacements = _replacements(graph)
    if not replacements:
        return content
    writer = _Writer(graph)
    operators = []
    for i, table in enumerate(graph.main.operators):
        if i not in replacements:
            operators.append(table)
        elif (replacement := replacements[i]) is not None:
            writer.begin(operators, graph.operations[i])
            replacement(writer)
    graph.main.operators = operators
    return graph.pack()


def _replacements(graph: Graph) -> dict[int, Callable[[_Writer], None] | None]:
    """Return what takes the place of each operation that is replaced, by its index; None for nothing."""
    found: dict[int, Callable[[_Writer], None] | None] = {}
    uses = Counter(tensor.index for operation in graph.operations for tensor in operation.inputs)
    uses.update(tensor.index for tensor in graph.outputs)
    producers = {tensor.index: operation for operation in graph.operations for tensor in operation.outputs}
    for operation in graph.operations:
        if not operation.outputs or operation.outputs[0].dtype != "FLOAT32":
            continue
        if operation.kind in _SIMPLE:
            write = _SIMPLE[operation.kind]
            source, output = operation.inputs[0].index, operation.outputs[0].index
            found[operation.index] = lambda writer, w=write, s=source, o=output: w(writer, s, o)  # type: ignore[misc]
        elif operation.kind == "LOG" and (parts := _softplus(operation, producers, uses)) is not None:
            exponential, sum_ = parts
            source, output = exponential.inputs[0].index, operation.outputs[0].index
            found |= {exponential.index: None, sum_.index: None}
            found[operation.index] = lambda writer, s=source, o=output: _write_softplus(writer, s, o)  # type: ignore[misc]
    return found


def _softplus(
    log: Operation, producers: dict[int, Operation], uses: Counter[int]
) -> tuple[Operation, Operation] | None:
    """Return the EXP and the ADD of LOG(EXP(x) + 1), whose results nothing else reads; None if it is something else."""
    sum_ = producers.get(log.inputs[0].index)
    if sum_ is None or sum_.kind != "ADD" or uses[log.inputs[0].index] != 1:
        return None
    constants = [tensor.constant for tensor in sum_.inputs if tensor.constant is not None]
    terms = [tensor for tensor in sum_.inputs if not tensor.is_constant]
    if len(constants) != 1 or len(terms) != 1 or np.abs(constants[0] - 1).max() > _TOLERANCE:
        return None
    exponential = producers.get(terms[0].index)
    if exponential is None or exponential.kind != "EXP" or uses[terms[0].index] != 1:
        return None
    return exponential, sum_


class _Writer:
    """Adds operations to a graph.

    Args:
        graph: changed in place, apart from its list of operations.
    """

    def __init__(self, graph: Graph) -> None:
        self._graph, self._tables = graph, schema()
        self._operators: list[Any] = []
        self._path = ""

    def begin(self, operators: list[Any], replaced: Operation) -> None:
        """Let further operations be appended to a list, with names in the layer of the operation that they replace."""
        self._operators = operators
        self._path = replaced.outputs[0].name.partition(";")[0].rpartition("/")[0]

    def add(self, kind: str, inputs: list[int], output: int | None = None) -> int:
        """Append an elementwise operation.

        Args:
            kind: its name in the schema.
            inputs: indices of its tensors; the first has the shape of the result.
            output: index of the tensor for the result; None for a new one.

        Returns:
            The index of the result.
        """
        tables, main = self._tables, self._graph.main
        if output is None:
            tensor = tables.TensorT()
            tensor.name = f"{self._path}/{kind.lower()}_{len(main.tensors)}"
            tensor.type, tensor.shape = tables.TensorType.FLOAT32, main.tensors[inputs[0]].shape
            main.tensors.append(tensor)
            output = len(main.tensors) - 1
        code = tables.OperatorCodeT()
        code.builtinCode = getattr(tables.BuiltinOperator, kind)
        # Codes beyond the old field of eight bits have its greatest value there.
        code.deprecatedBuiltinCode, code.version = min(code.builtinCode, 127), 1
        self._graph.model.operatorCodes.append(code)
        operator = tables.OperatorT()
        operator.opcodeIndex, operator.inputs, operator.outputs = (
            len(self._graph.model.operatorCodes) - 1, inputs, [output],
        )  # fmt: skip
        if (options := _OPTIONS.get(kind)) is not None:
            operator.builtinOptionsType = getattr(tables.BuiltinOptions, options)
            operator.builtinOptions = getattr(tables, f"{options}T")()
        self._operators.append(operator)
        return output

    def constant(self, value: float) -> int:
        """Add a scalar; return its index."""
        tables, main = self._tables, self._graph.main
        buffer, tensor = tables.BufferT(), tables.TensorT()
        buffer.data = np.frombuffer(np.float32(value).tobytes(), np.uint8)
        self._graph.model.buffers.append(buffer)
        tensor.name, tensor.type, tensor.shape = f"constant_{len(main.tensors)}", tables.TensorType.FLOAT32, [1]
        tensor.buffer = len(self._graph.model.buffers) - 1
        main.tensors.append(tensor)
        return len(main.tensors) - 1


def _write_neg(writer: _Writer, x: int, output: int) -> None:
    writer.add("MUL", [x, writer.constant(-1)], output)


def _write_square(writer: _Writer, x: int, output: int) -> None:
    writer.add("MUL", [x, x], output)


def _write_elu(writer: _Writer, x: int, output: int) -> None:
    # Not by MINIMUM, whose input and output must have one scale.
    positive = writer.add("RELU", [x])
    exponential = writer.add("EXP", [writer.add("SUB", [x, positive])])
    writer.add("ADD", [positive, writer.add("ADD", [exponential, writer.constant(-1)])], output)


def _write_softplus(writer: _Writer, x: int, output: int) -> None:
    log = writer.add("LOG", [writer.add("LOGISTIC", [writer.add("ABS", [x])])])
    writer.add("SUB", [writer.add("RELU", [x]), log], output)


_SIMPLE = {"NEG": _write_neg, "SQUARE": _write_square, "ELU": _write_elu}
#: The schema's options of the operations that are written.
_OPTIONS = {
    "MUL": "MulOptions",
    "ADD": "AddOptions",
    "SUB": "SubOptions",
    "EXP": "ExpOptions",
    "ABS": "AbsOptions",
}
