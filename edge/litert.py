"""The LiteRT interpreter: the only place that knows which package of it is installed."""

from __future__ import annotations

import importlib
from typing import Any

from edge.errors import MienError, ModelError
from edge.quiet import quiet_stderr

#: Where an Interpreter may live, best first. tflite-runtime is what older boards have; TensorFlow's own is
#: on its way out.
RUNTIMES = ("ai_edge_litert.interpreter", "tflite_runtime.interpreter", "tensorflow.lite.python.interpreter")


def load_interpreter(graph: bytes, threads: int, name: str) -> Any:
    """An interpreter with its tensors allocated, and invoked once.

    Args:
        graph: the flatbuffer. It is checked by the runtime because it comes as bytes: a path would not be.
        threads: for XNNPACK, which uses one unless told.
        name: what errors call the model.

    Raises:
        ModelError: the runtime refuses it.
        MienError: no runtime works here.
    """
    interpreter_class, runtime = _find_runtime()
    try:
        # It would say 'INFO: Created TensorFlow Lite XNNPACK delegate for CPU' each time.
        with quiet_stderr():
            interpreter = interpreter_class(model_content=graph, num_threads=threads)
            interpreter.allocate_tensors()
            # tflite-runtime imports under numpy 2 and fails only in use: find out now, not on the first face.
            interpreter.invoke()
    except (ValueError, RuntimeError) as error:
        first_line = (str(error).splitlines() or ["no reason given"])[0].strip()
        raise ModelError(f"{runtime} cannot run {name}: {first_line}") from error
    return interpreter


def _find_runtime() -> tuple[Any, str]:
    for module in RUNTIMES:
        try:
            return importlib.import_module(module).Interpreter, module.partition(".")[0]
        except (ImportError, AttributeError):
            # tflite-runtime under numpy 2 raises AttributeError on import.
            continue
    raise MienError("no LiteRT runtime works here: pip install ai-edge-litert")
