"""The export of a .tflite to ONNX by tf2onnx, checked with ONNX Runtime against LiteRT."""

from __future__ import annotations

import os
import tempfile
import warnings
from pathlib import Path
from typing import Any

import numpy as np

from convert.tensorflow_import import import_tensorflow
from edge.errors import MissingExtraError, ModelError, first_line
from edge.inference.flatbuffer import Graph
from edge.inference.litert import load_interpreter
from edge.inference.model_card import ModelCard, read_parts
from edge.inference.sandbox import load_in_sandbox
from edge.system.atomic_files import replacing
from edge.system.native_logs import quiet_stderr

#: Number of random inputs on which the two runtimes must agree.
CHECKS = 50
#: By how much their outputs may differ, as a share of the output's range: each layer may round a value that lies
#: halfway between two codes differently. On noise, the worst input, a difference of 4 of 256 codes was observed.
TOLERANCE = 0.05


def export_onnx(path: Path, out: Path) -> float:
    """Convert a .tflite to ONNX, compare the two, and write the ONNX file if they agree.

    Args:
        path: the .tflite, of any scheme.
        out: the .onnx to write.

    Returns:
        The greatest difference of an output over `CHECKS` random inputs, as a share of the output's range.

    Raises:
        MissingExtraError: tf2onnx or ONNX Runtime is not installed.
        ModelError: the model cannot be converted, or its ONNX form gives other outputs.
    """
    content, card = read_parts(path)
    load_in_sandbox(path)
    import_tensorflow()
    try:
        import onnxruntime
        import tf2onnx
    except ImportError as error:
        raise MissingExtraError("onnx", error.name or "tf2onnx") from error
    with tempfile.TemporaryDirectory() as folder:
        graph, onnx = Path(folder) / "graph.tflite", Path(folder) / "graph.onnx"
        graph.write_bytes(content)
        try:
            with quiet_stderr(), warnings.catch_warnings():
                # It reads tensors through tf.lite.Interpreter, which warns of its deprecation each time.
                warnings.simplefilter("ignore")
                tf2onnx.convert.from_tflite(os.fspath(graph), output_path=os.fspath(onnx))
            session = onnxruntime.InferenceSession(os.fspath(onnx), providers=["CPUExecutionProvider"])
            worst = _difference(content, card, session, str(path))
        except Exception as error:
            # tf2onnx passes on whatever its converters of single operations raise.
            raise ModelError(f"tf2onnx cannot convert {path}: {first_line(error)}") from error
        if not worst <= TOLERANCE:
            raise ModelError(
                f"the ONNX form of {path} differs from LiteRT by {worst:.3f} of the output's range: not written"
            )
        with replacing(out) as temporary:
            temporary.write_bytes(onnx.read_bytes())
    return worst


def _difference(content: bytes, card: ModelCard | None, session: Any, name: str) -> float:
    interpreter = load_interpreter(content, 1, name)
    model_input = interpreter.get_input_details()[0]
    outputs = [tensor.index for tensor in Graph(content, name).outputs]
    random = np.random.default_rng(0)
    low, high = (card.input_range if card else None) or (0.0, 255.0)
    worst = 0.0
    for _ in range(CHECKS):
        if model_input["dtype"] == np.float32:
            values = random.uniform(low, high, model_input["shape"]).astype(np.float32)
        else:
            limits = np.iinfo(model_input["dtype"])
            values = random.integers(limits.min, limits.max + 1, model_input["shape"]).astype(model_input["dtype"])
        interpreter.set_tensor(model_input["index"], values)
        interpreter.invoke()
        found = session.run(None, {session.get_inputs()[0].name: values})
        for index, other in zip(outputs, found, strict=True):
            expected = np.asarray(interpreter.get_tensor(index))
            codes = np.iinfo(expected.dtype) if expected.dtype.kind in "iu" else None
            span = float(codes.max - codes.min) if codes else max(float(np.ptp(expected)), 1.0)
            # Unlike max, np.maximum propagates NaN.
            worst = float(np.maximum(worst, np.abs(expected.astype(np.float64) - other).max() / span))
    return worst
