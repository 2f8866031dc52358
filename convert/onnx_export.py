"""A .tflite as ONNX, by tf2onnx, checked by ONNX Runtime against LiteRT."""

from __future__ import annotations

import os
import tempfile
import warnings
from pathlib import Path
from typing import Any

import numpy as np

from convert.sandbox import load_in_sandbox
from convert.tensorflow_import import import_tensorflow
from edge.errors import MissingExtraError, ModelError
from edge.inference.flatbuffer import Graph
from edge.inference.litert import load_interpreter
from edge.inference.model_card import ModelCard, read_parts
from edge.system.atomic_files import replacing
from edge.system.native_logs import quiet_stderr

#: Random inputs on which the two must agree.
CHECKS = 50
#: By how much their outputs may differ, as a share of the output's range: where a value lies between two codes the
#: two round otherwise in every layer. On noise, the worst input there is, four of 256 codes were seen.
TOLERANCE = 0.05


def export_onnx(path: Path, out: Path) -> float:
    """Convert, check, and only then write.

    Args:
        path: the .tflite, of any scheme.
        out: the .onnx to write.

    Returns:
        The greatest difference of an output over `CHECKS` random inputs, as a share of the outputs' range.

    Raises:
        MissingExtraError: tf2onnx or ONNX Runtime is not installed.
        ModelError: the model cannot be converted, or does not answer the same.
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
                # It reads tensors through tf.lite.Interpreter, which announces its end each time.
                warnings.simplefilter("ignore")
                tf2onnx.convert.from_tflite(os.fspath(graph), output_path=os.fspath(onnx))
            session = onnxruntime.InferenceSession(os.fspath(onnx), providers=["CPUExecutionProvider"])
            worst = _difference(content, card, session, str(path))
        except Exception as error:
            # It raises whatever its converters of single operations raise.
            first_line = (str(error).splitlines() or [type(error).__name__])[0]
            raise ModelError(f"tf2onnx cannot convert {path}: {first_line}") from error
        if not worst <= TOLERANCE:
            raise ModelError(f"the ONNX of {path} answers other than LiteRT (by {worst:.3f} of its range): not written")
        with replacing(out) as temporary:
            temporary.write_bytes(onnx.read_bytes())
    return worst


def _difference(content: bytes, card: ModelCard | None, session: Any, name: str) -> float:
    interpreter = load_interpreter(content, 1, name)
    entry = interpreter.get_input_details()[0]
    answers = [tensor.index for tensor in Graph(content, name).outputs]
    random = np.random.default_rng(0)
    low, high = (card.input_range if card else None) or (0.0, 255.0)
    worst = 0.0
    for _ in range(CHECKS):
        if entry["dtype"] == np.float32:
            values = random.uniform(low, high, entry["shape"]).astype(np.float32)
        else:
            limits = np.iinfo(entry["dtype"])
            values = random.integers(limits.min, limits.max + 1, entry["shape"]).astype(entry["dtype"])
        interpreter.set_tensor(entry["index"], values)
        interpreter.invoke()
        found = session.run(None, {session.get_inputs()[0].name: values})
        for index, other in zip(answers, found, strict=True):
            ours = np.asarray(interpreter.get_tensor(index))
            limits = np.iinfo(ours.dtype) if ours.dtype.kind in "iu" else None
            span = float(limits.max - limits.min) if limits else max(float(np.ptp(ours)), 1.0)
            # Unlike max, this keeps a NaN.
            worst = float(np.maximum(worst, np.abs(ours.astype(np.float64) - other).max() / span))
    return worst
