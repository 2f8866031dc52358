"""The quantization of a float .tflite by ai-edge-quantizer, with activation ranges chosen by mien."""

from __future__ import annotations

import re
import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from convert.analysis.activation_ranges import Range
from convert.graph_edit import accept_uint8_pixels, ensure_signature
from convert.schemes import CALIBRATED
from edge.errors import MissingExtraError, ModelError, first_line
from edge.inference.flatbuffer import Graph
from edge.system.native_logs import quiet_stderr


def quantize_graph(
    content: bytes,
    scheme: str,
    ranges: Mapping[str, Range] | None = None,
    *,
    io_types: str = "uint8",
    keep_float: Sequence[str] = (),
) -> bytes:
    """Convert a float flatbuffer to another scheme.

    Args:
        content: the float flatbuffer.
        scheme: one of `convert.schemes.SCHEMES`. `int8` and `int16x8` are integer throughout (weights int8 per
            channel, activations int8 or int16), `dynamic` has int8 weights and float activations, `float16` has
            float16 weights.
        ranges: tensor name to range of the activation; needed by the schemes in `CALIBRATED`.
        io_types: of `int8` and `int16x8`: `uint8` is the contract (int8 only: uint8 pixels in), `quantized` keeps
            int8 or int16, `float32` keeps the float model's types, so that the file can replace it.
        keep_float: names of the layers that stay in float.

    Returns:
        The flatbuffer.

    Raises:
        ModelError: the quantizer cannot convert the graph, or a layer of `keep_float` is not in it.
    """
    graph = Graph(content, "the float graph")
    float_scopes = _scopes(graph, keep_float)
    if scheme == "float32":
        if float_scopes:
            raise ModelError("float32 leaves every layer in float: --keep-float has no effect")
        return content
    signed = content
    if not graph.model.signatureDefs:
        ensure_signature(graph)
        signed = graph.pack()
    statistics = _statistics(graph, scheme, ranges) if scheme in CALIBRATED else None
    quantized = _run(signed, scheme, float_scopes, io_types, statistics)
    first_stays_float = bool(graph.operations) and graph.operations[0].layer in keep_float
    if scheme == "int8" and io_types == "uint8" and not first_stays_float:
        return accept_uint8_pixels(quantized)
    return Graph(quantized, f"the {scheme} graph").pack()


def _run(
    content: bytes, scheme: str, float_scopes: Sequence[str], io_types: str, statistics: dict[str, Any] | None
) -> bytes:
    try:
        from ai_edge_quantizer import quantizer
    except ImportError as error:
        raise MissingExtraError("train", error.name or "ai_edge_quantizer") from error
    try:
        with quiet_stderr(), warnings.catch_warnings():
            # It warns that it keeps all tensors while it analyzes the graph.
            warnings.simplefilter("ignore")
            job = quantizer.Quantizer(bytearray(content))
            job.load_quantization_recipe(_recipe(scheme, float_scopes, io_types))
            result = job.quantize(statistics, enable_progress_bar=False, enable_progress_report=False)
    except Exception as error:
        # It raises ValueError, RuntimeError, KeyError and NotImplementedError for what it cannot do.
        raise ModelError(f"ai-edge-quantizer cannot convert this model: {first_line(error)}") from error
    return bytes(result.quantized_model)


def _recipe(scheme: str, float_scopes: Sequence[str], io_types: str) -> list[dict[str, Any]]:
    from ai_edge_quantizer import qtyping, recipe_manager
    from ai_edge_quantizer.algorithm_manager import AlgorithmName

    every = qtyping.TFLOperationName.ALL_SUPPORTED
    manager = recipe_manager.RecipeManager()
    if scheme == "int8":
        manager.add_static_config(".*", every, activation_num_bits=8, weight_num_bits=8)
    elif scheme == "int16x8":
        manager.add_static_config(".*", every, activation_num_bits=16, weight_num_bits=8)
    elif scheme == "dynamic":
        manager.add_dynamic_config(".*", every, num_bits=8)
    else:
        half = qtyping.TensorQuantizationConfig(num_bits=16, dtype=qtyping.TensorDataType.FLOAT)
        config = qtyping.OpQuantizationConfig(
            weight_tensor_config=half, compute_precision=qtyping.ComputePrecision.FLOAT, explicit_dequantize=True
        )
        for kind in ("FULLY_CONNECTED", "CONV_2D", "DEPTHWISE_CONV_2D", "CONV_2D_TRANSPOSE", "EMBEDDING_LOOKUP"):
            manager.add_quantization_config(
                ".*", qtyping.TFLOperationName(kind), config, algorithm_key=AlgorithmName.FLOAT_CASTING
            )
    if io_types == "float32":
        for end in (qtyping.TFLOperationName.INPUT, qtyping.TFLOperationName.OUTPUT):
            manager.add_quantization_config(".*", end, None, AlgorithmName.NO_QUANTIZE)
    for scope in float_scopes:
        manager.add_quantization_config(scope, every, None, AlgorithmName.NO_QUANTIZE)
    return list(manager.get_quantization_recipe())


def _statistics(graph: Graph, scheme: str, ranges: Mapping[str, Range] | None) -> dict[str, Any]:
    assert ranges is not None
    # Sixteen bits have enough codes to include the outliers.
    clipped = scheme == "int8"
    found: dict[str, Any] = {}
    for tensor in graph.tensors:
        if tensor.name in ranges:
            shape = (1,) * max(len(tensor.shape), 1)
            span = ranges[tensor.name]
            found[tensor.name] = {
                "min": np.full(shape, span.low if clipped else span.observed_low, np.float32),
                "max": np.full(shape, span.high if clipped else span.observed_high, np.float32),
            }
    return found


def _scopes(graph: Graph, layers: Sequence[str]) -> list[str]:
    """Return patterns of the names that the quantizer gives to the operations of the layers.

    It joins the names of an operation's outputs with semicolons.
    """
    scopes = []
    for layer in layers:
        found = [operation for operation in graph.operations if operation.layer == layer]
        if not found:
            known = ", ".join(dict.fromkeys(operation.layer for operation in graph.operations))
            raise ModelError(f"there is no layer {layer!r} to keep in float: expected one of {known}")
        scopes += [f"^{re.escape(';'.join(out.name for out in operation.outputs))};?$" for operation in found]
    return scopes
