"""The LiteRT interpreter: the only place that knows which package of it is installed."""

from __future__ import annotations

import importlib
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from edge.errors import MienError, ModelError, first_line
from edge.inference.threads import AUTO, Threads, fastest_threads
from edge.system.native_logs import quiet_stderr

#: Where an Interpreter may live, best first. tflite-runtime is what older boards have; TensorFlow's own is
#: on its way out.
RUNTIMES = ("ai_edge_litert.interpreter", "tflite_runtime.interpreter", "tensorflow.lite.python.interpreter")


def load_interpreter(graph: bytes, threads: Threads, name: str) -> Any:
    """An interpreter with its tensors allocated, and invoked once.

    Args:
        graph: the flatbuffer. It is checked by the runtime because it comes as bytes: a path would not be.
        threads: for XNNPACK, which uses one unless told; `auto` measures what is fastest here, once.
        name: what errors call the model.

    Raises:
        ModelError: the runtime refuses it.
        MienError: no runtime works here.
    """
    with _refusals(name):
        if threads == AUTO:
            threads = fastest_threads(graph, _version(), lambda n: _allocated(graph, n).invoke, name)
        interpreter = _allocated(graph, threads)
        # tflite-runtime imports under numpy 2 and fails only in use: find out now, not on the first face.
        with quiet_stderr():
            interpreter.invoke()
    return interpreter


def start_up_ms(graph: bytes, threads: int, name: str) -> tuple[float, float]:
    """How long an interpreter takes to be there with its tensors allocated, and its first invoke, in milliseconds.

    Args and errors are those of `load_interpreter`.
    """
    runtime()
    with _refusals(name):
        begin_s = time.perf_counter()
        interpreter = _allocated(graph, threads)
        loaded_s = time.perf_counter()
        interpreter.invoke()
        return (loaded_s - begin_s) * 1000, (time.perf_counter() - loaded_s) * 1000


def runtime() -> str:
    """Name of the package whose interpreter is used, such as `ai_edge_litert`.

    Raises:
        MienError: no runtime works here.
    """
    return _find_runtime()[1]


def _version() -> str:
    """The runtime with its version."""
    name = runtime()
    try:
        return f"{name} {version(name)}"
    except PackageNotFoundError:
        return f"{name} of unknown version"


def _allocated(graph: bytes, threads: int) -> Any:
    interpreter_class, _ = _find_runtime()
    # It would say 'INFO: Created TensorFlow Lite XNNPACK delegate for CPU' each time.
    with quiet_stderr():
        interpreter = interpreter_class(model_content=graph, num_threads=threads)
        interpreter.allocate_tensors()
    return interpreter


@contextmanager
def _refusals(name: str) -> Iterator[None]:
    try:
        yield
    except (ValueError, RuntimeError) as error:
        raise ModelError(f"{runtime()} cannot run {name}: {first_line(error)}") from error


def _find_runtime() -> tuple[Any, str]:
    for module in RUNTIMES:
        try:
            return importlib.import_module(module).Interpreter, module.partition(".")[0]
        except (ImportError, AttributeError):
            # tflite-runtime under numpy 2 raises AttributeError on import.
            continue
    raise MienError("no LiteRT runtime works here: pip install ai-edge-litert")
