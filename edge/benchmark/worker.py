"""The worker process of one model: `python -m edge.benchmark.worker`, which reads requests and writes answers as JSON.

A request is a line `{"do": NAME, ...}`, where NAME is a method of `Worker`. The answer is one line with an object, or
`{"error": ...}` if the request failed; lines with `done` and `total` before it report progress.
"""

from __future__ import annotations

import importlib
import json
import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

import cv2
import numpy as np
import numpy.typing as npt

from edge.benchmark.candidate import KERAS_SUFFIXES
from edge.benchmark.peak_throughput import SIZES, matrix_product
from edge.errors import MienError, MissingExtraError, first_line
from edge.inference.classifier import Classifier, ExpressionClassifier
from edge.inference.litert import load_interpreter, runtime, start_up_ms
from edge.inference.model_card import read_parts
from edge.inference.pixel_mapping import PixelMapping
from edge.recognizer import Recognizer
from edge.system.board import peak_rss_mb
from edge.types import Detection, Frame

#: Size of the frame from which crop-to-scores starts, and the detector's box in it: a face at a desk, 640x480.
FRAME_HW, BOX = (480, 640), (240.0, 160.0, 160.0, 160.0)
#: Least interval between two reports of progress.
PROGRESS_S = 0.2
#: Number of faces in memory at the same time.
CHUNK = 64


class Subject(ExpressionClassifier, Protocol):
    """A classifier that can be timed.

    Attributes:
        facts: properties of the file, for the results.
    """

    facts: dict[str, Any]

    def invoke(self) -> None:
        """Run the network alone on what its input tensor holds."""
        ...


class _GivenBox:
    """A detector that costs nothing: it returns the box that the benchmark's frame has its face in."""

    name, box_scale = "given box", 1.0

    def detect(self, frame: Frame) -> list[Detection]:
        return [Detection(BOX, 1.0)]


class _Tflite:
    """A .tflite through LiteRT, as `mien run` uses it."""

    def __init__(self, path: Path, threads: int) -> None:
        self.graph, _ = read_parts(path)
        load_ms, first_ms = start_up_ms(self.graph, threads, str(path))
        classifier = Classifier(path, threads)
        card = classifier.card
        self.labels, self.identity = classifier.labels, classifier.identity
        self.crop_margin, self.size = classifier.crop_margin, classifier.size
        self.invoke, self.scores = classifier.invoke, classifier.scores
        self.facts: dict[str, Any] = {
            "runtime": runtime(),
            "load_ms": load_ms,
            "first_invoke_ms": first_ms,
            "identity": card.identity,
            "scheme": card.scheme if card.input_range is None else "",
            "input_shape": list(card.input_shape),
            "macs": _macs(self.graph, path),
        }


class Worker:
    """A model, and the requests about it; each public method is a request."""

    def __init__(self, send: Callable[[dict[str, Any]], None]) -> None:
        self._send = send
        self._subject: Subject | None = None
        self._graph: bytes | None = None
        self._invokes: list[Callable[[], None]] = []

    def load(self, path: str, threads: int, mapping: dict[str, Any]) -> dict[str, Any]:
        """Load a model, one of Keras' formats with a `PixelMapping`; return its labels, properties and loading time."""
        file = Path(path)
        if file.suffix in KERAS_SUFFIXES:
            self._subject = _keras_classifier(file, PixelMapping(**mapping))
        else:
            subject = _Tflite(file, threads)
            self._subject, self._graph = subject, subject.graph
        self._invokes = [self._subject.invoke]
        return {"labels": list(self._subject.labels), **self._subject.facts}

    def load_peak(self, threads: int) -> dict[str, Any]:
        """Load the matrix products of `edge.benchmark.peak_throughput`."""
        self._invokes = [load_interpreter(matrix_product(*size), threads, "the peak").invoke for size in SIZES]
        return {}

    def probabilities(self, faces: str, output: str) -> dict[str, Any]:
        """Classify faces of an .npy file, `(n, h, w)`, and write their probabilities, `(n, n_classes)`, to another."""
        assert self._subject is not None
        total = len(np.load(faces, mmap_mode="r"))
        reported_s = time.monotonic()
        probabilities: list[npt.NDArray[np.float32]] = []
        for start in range(0, total, CHUNK):
            # Mapped again each time, so that pages of faces do not count as the model's memory.
            for image in np.load(faces, mmap_mode="r")[start : start + CHUNK]:
                probabilities.append(self._subject.scores(image))
            if time.monotonic() - reported_s > PROGRESS_S:
                reported_s = time.monotonic()
                self._send({"done": len(probabilities), "total": total})
        np.save(output, np.stack(probabilities).astype(np.float32))
        return {}

    def invoke(self, times: int, which: int = 0) -> dict[str, Any]:
        """Invoke the network alone, after one invoke that warms the caches; return the milliseconds of each."""
        return {"ms": _timed(self._invokes[which], times)}

    def crop_to_scores(self, faces: str, times: int) -> dict[str, Any]:
        """Go from a frame and a box in it to probabilities; return the milliseconds of each run."""
        assert self._subject is not None
        frame = _frame(np.load(faces, mmap_mode="r")[0])
        recognizer = Recognizer(self._subject, detector=_GivenBox())
        return {"ms": _timed(lambda: recognizer(frame), times)}

    def invoke_for(self, seconds: float) -> dict[str, Any]:
        """Invoke the network without a pause for some seconds; return the number of invokes."""
        invoke, n, end_s = self._invokes[0], 0, time.monotonic() + seconds
        while time.monotonic() < end_s:
            invoke()
            n += 1
        return {"n": n}

    def memory(self) -> dict[str, Any]:
        """Return the peak resident memory of this process, in MiB."""
        return {"peak_rss_mb": peak_rss_mb()}

    def operations(self, threads: int, rounds: int) -> dict[str, Any]:
        """Return the time of each operation of a .tflite (see `edge.benchmark.operations`); None for other formats."""
        from edge.benchmark.operations import operation_times

        return {"operations": operation_times(self._graph, threads, rounds) if self._graph else None}


def _keras_classifier(path: Path, mapping: PixelMapping) -> Subject:
    try:
        # By name, as in the command line: `edge` must not import `train`.
        module = importlib.import_module("train.evaluation.keras_classifier")
        subject: Subject = module.KerasClassifier(path, mapping)
    except ImportError as error:
        raise MissingExtraError("train", error.name or "keras") from error
    return subject


def _macs(graph: bytes, path: Path) -> int | None:
    """Return the multiply-accumulates of an invoke; None with tflite-runtime, which cannot read them."""
    from edge.errors import WrongUseError
    from edge.inference.flatbuffer import Graph

    try:
        return sum(operation.macs for operation in Graph(graph, str(path)).operations)
    except WrongUseError:
        return None


def _timed(call: Callable[[], object], times: int) -> list[float]:
    call()
    durations_ms = []
    for _ in range(times):
        begin_ns = time.perf_counter_ns()
        call()
        durations_ms.append((time.perf_counter_ns() - begin_ns) / 1e6)
    return durations_ms


def _frame(face: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """Return a color image with the face in the box."""
    x, y, w, h = map(int, BOX)
    picture = np.full((*FRAME_HW, 3), 128, np.uint8)
    picture[y : y + h, x : x + w] = cv2.resize(face, (w, h))[..., None]
    return picture


def main() -> None:
    """Answer requests until there are no more."""
    # Ctrl-C is for the parent process, which closes the requests when it ends.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # Output of libraries must not mix with the answers.
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)

    def send(answer: dict[str, Any]) -> None:
        answers.write(json.dumps(answer) + "\n")
        answers.flush()

    worker = Worker(send)
    send({"peak_rss_mb": peak_rss_mb()})
    for line in sys.stdin:
        request = json.loads(line)
        try:
            send(getattr(worker, request.pop("do"))(**request))
        except MienError as error:
            send({"error": str(error)})
        except Exception as error:
            send({"error": f"{type(error).__name__}: {first_line(error)}"})


if __name__ == "__main__":
    main()
