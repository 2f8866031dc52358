"""The peak throughput of int8 multiply-accumulates on this machine, measured with a large matrix product.

A model's throughput is given as a share of it.
"""

from __future__ import annotations

import numpy as np

from edge.inference.flatbuffer import FILE_IDENTIFIER, schema

#: Rows, input elements and output elements of the products: weights of 256 KiB and of 1 MiB, because which one fits
#: the caches depends on the processor.
SIZES = ((64, 512, 512), (256, 1024, 1024))


def matrix_product(rows: int, elements_in: int, elements_out: int) -> bytes:
    """Return a .tflite flatbuffer with one fully connected int8 layer, random weights, and one scale per channel."""
    import flatbuffers

    tables = schema()
    random = np.random.default_rng(0)
    weights = random.integers(-127, 128, (elements_out, elements_in), np.int8)
    model, graph = tables.ModelT(), tables.SubGraphT()
    model.version, model.description = 3, b"int8 matrix product"
    model.buffers = [tables.BufferT() for _ in range(3)]
    model.buffers[1].data = np.frombuffer(weights.tobytes(), np.uint8)
    model.buffers[2].data = np.frombuffer(np.zeros(elements_out, np.int32).tobytes(), np.uint8)

    def tensor(name: bytes, shape: list[int], kind: int, buffer: int, scales: list[float]) -> object:
        table = tables.TensorT()
        table.name, table.shape, table.type, table.buffer = name, shape, kind, buffer
        table.quantization = tables.QuantizationParametersT()
        table.quantization.scale, table.quantization.zeroPoint = scales, [0] * len(scales)
        return table

    channel_scales = [0.01] * elements_out
    int8, int32 = tables.TensorType.INT8, tables.TensorType.INT32
    graph.tensors = [
        tensor(b"in", [rows, elements_in], int8, 0, [0.02]),
        tensor(b"weights", [elements_out, elements_in], int8, 1, channel_scales),
        tensor(b"bias", [elements_out], int32, 2, [0.0002] * elements_out),
        tensor(b"out", [rows, elements_out], int8, 0, [0.5]),
    ]
    code, operator = tables.OperatorCodeT(), tables.OperatorT()
    code.builtinCode = code.deprecatedBuiltinCode = tables.BuiltinOperator.FULLY_CONNECTED
    # The first version of the operator with one scale per channel.
    code.version = 12
    model.operatorCodes = [code]
    operator.opcodeIndex, operator.inputs, operator.outputs = 0, [0, 1, 2], [3]
    operator.builtinOptionsType = tables.BuiltinOptions.FullyConnectedOptions
    operator.builtinOptions = tables.FullyConnectedOptionsT()
    graph.operators, graph.inputs, graph.outputs = [operator], [0], [3]
    model.subgraphs = [graph]
    builder = flatbuffers.Builder(1 << 20)
    builder.Finish(model.Pack(builder), FILE_IDENTIFIER)
    return bytes(builder.Output())
