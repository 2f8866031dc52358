"""Limits on what a .tflite unpacks to, checked before it is unpacked.

Several places of a flatbuffer may name the same table, vector or text, and each of them unpacks it again: a file of a
kilobyte can take hours and gigabytes.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

#: Tables of all kinds: large networks for pictures have a few thousand.
MAX_TABLES = 20_000
#: How much vectors and texts may be repeated: they may have this many times the size of the file.
_MAX_REPETITION, _MARGIN_BYTES = 4, 1 << 20


def check_unpacked_size(model: Any, size_bytes: int) -> None:
    """Check that a flatbuffer can be unpacked.

    Args:
        model: the schema's accessor of its root.
        size_bytes: size of the file.

    Raises:
        ValueError: it unpacks to more tables than `MAX_TABLES`, or to several times its size.
    """
    tables, copied_bytes = 0, 0
    for more_tables, more_bytes in _contents(model):
        tables, copied_bytes = tables + more_tables, copied_bytes + more_bytes
        if tables > MAX_TABLES:
            raise ValueError(f"it has more than {MAX_TABLES} tables")
        if copied_bytes > _MAX_REPETITION * size_bytes + _MARGIN_BYTES:
            raise ValueError("its tables name the same data again and again")


def _contents(model: Any) -> Iterator[tuple[int, int]]:
    """Yield the number of tables, and the size of vectors and texts in bytes, part by part."""
    yield model.OperatorCodesLength() + model.SubgraphsLength() + model.BuffersLength(), _length(model.Description())
    yield model.MetadataLength() + model.SignatureDefsLength(), 0
    for i in range(model.OperatorCodesLength()):
        yield 0, _length(model.OperatorCodes(i).CustomCode())
    for i in range(model.MetadataLength()):
        yield 0, _length(model.Metadata(i).Name())
    for i in range(model.SignatureDefsLength()):
        yield from _of_signature(model.SignatureDefs(i))
    for i in range(model.SubgraphsLength()):
        subgraph = model.Subgraphs(i)
        yield subgraph.TensorsLength() + subgraph.OperatorsLength(), _length(subgraph.Name())
        yield 0, 4 * (subgraph.InputsLength() + subgraph.OutputsLength())
        for j in range(subgraph.TensorsLength()):
            yield from _of_tensor(subgraph.Tensors(j), model)
        for j in range(subgraph.OperatorsLength()):
            operator = subgraph.Operators(j)
            yield 0, 4 * (operator.InputsLength() + operator.OutputsLength())


def _of_signature(signature: Any) -> Iterator[tuple[int, int]]:
    yield signature.InputsLength() + signature.OutputsLength(), _length(signature.SignatureKey())
    for i in range(signature.InputsLength()):
        yield 0, _length(signature.Inputs(i).Name())
    for i in range(signature.OutputsLength()):
        yield 0, _length(signature.Outputs(i).Name())


def _of_tensor(tensor: Any, model: Any) -> Iterator[tuple[int, int]]:
    yield tensor.VariantTensorsLength(), _length(tensor.Name())
    yield 0, 4 * (tensor.ShapeLength() + tensor.ShapeSignatureLength())
    quantization, sparsity = tensor.Quantization(), tensor.Sparsity()
    if quantization is not None:
        yield 0, 4 * quantization.ScaleLength() + 8 * quantization.ZeroPointLength()
    if sparsity is not None:
        yield sparsity.DimMetadataLength(), 0
    # The value of a constant is copied for each tensor.
    if tensor.Buffer() < model.BuffersLength():
        buffer = model.Buffers(tensor.Buffer())
        yield 0, buffer.DataLength() + buffer.Size()


def _length(text: bytes | None) -> int:
    return 0 if text is None else len(text)
