"""The LiteRT interpreter: the only module that knows which package provides it."""

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

#: Modules that may provide the Interpreter, best first. Older boards have tflite-runtime; TensorFlow's own is
#: deprecated.
RUNTIMES = ("ai_edge_litert.interpreter", "tflite_runtime.interpreter", "tensorflow.lite.python.interpreter")


def load_interpreter(graph: bytes, threads: Threads, name: str, shape: tuple[int, ...] | None = None) -> Any:
    """Return an interpreter with its tensors allocated, after one invocation.

    Args:
        graph: the flatbuffer, as bytes because the runtime verifies only those: it does not verify a file.
        threads: number of threads for XNNPACK, whose own default is one; `auto` measures the fastest number once
            and stores it.
        name: name of the model in error messages.
        shape: of the first input, if not as the file declares it.

    Raises:
        ModelError: the runtime cannot run the model.
        MienError: no LiteRT runtime works on this machine.
    """
    with _runtime_errors(name):
        if threads == AUTO:
            threads = fastest_threads(graph, runtime_version(), lambda n: _allocated(graph, n, shape).invoke, name)
        interpreter = _allocated(graph, threads, shape)
        # tflite-runtime can be imported under numpy 2 and fails only in use: fail now, not on the first face.
        with quiet_stderr():
            interpreter.invoke()
        # A damaged name of a tensor is no UTF-8.
        interpreter.get_input_details(), interpreter.get_output_details()
    return interpreter


def start_up_ms(graph: bytes, threads: int, name: str) -> tuple[float, float]:
    """Measure the time to create an interpreter and allocate its tensors, and that of its first invocation.

    Arguments and errors are those of `load_interpreter`.

    Returns:
        Both times in milliseconds.
    """
    runtime()
    with _runtime_errors(name):
        begin_s = time.perf_counter()
        interpreter = _allocated(graph, threads)
        loaded_s = time.perf_counter()
        interpreter.invoke()
        return (loaded_s - begin_s) * 1000, (time.perf_counter() - loaded_s) * 1000


def runtime() -> str:
    """Return the name of the package whose interpreter is used, such as `ai_edge_litert`.

    Raises:
        MienError: no LiteRT runtime works on this machine.
    """
    return _find_runtime()[1]


def runtime_version() -> str:
    """Return the name of the runtime's package and its version.

    Raises:
        MienError: no LiteRT runtime works on this machine.
    """
    name = runtime()
    try:
        return f"{name} {version(name)}"
    except PackageNotFoundError:
        return f"{name} of unknown version"


def _allocated(graph: bytes, threads: int, shape: tuple[int, ...] | None = None) -> Any:
    interpreter_class, _ = _find_runtime()
    # It would print 'INFO: Created TensorFlow Lite XNNPACK delegate for CPU' each time.
    with quiet_stderr():
        interpreter = interpreter_class(model_content=graph, num_threads=threads)
        if shape is not None:
            interpreter.resize_tensor_input(interpreter.get_input_details()[0]["index"], shape)
        interpreter.allocate_tensors()
    return interpreter


@contextmanager
def _runtime_errors(name: str) -> Iterator[None]:
    """Turn the runtime's errors about a model into `ModelError`."""
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
    raise MienError("no LiteRT runtime works on this machine: pip install ai-edge-litert")
