"""Which quantizer and which ranges suit a network: candidates are compared on faces that none of them has seen."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from convert.analysis.activation_ranges import Range
from convert.graph_edit import accept_uint8_pixels
from convert.quantization import quantize_graph
from convert.schemes import AUTO, ESTIMATORS
from convert.tensorflow_quantizer import quantize_with_tensorflow
from edge.benchmark.intervals import mcnemar
from edge.errors import MissingExtraError, ModelError
from edge.inference.contract import quantize
from edge.inference.flatbuffer import Graph
from edge.inference.litert import load_interpreter

AI_EDGE, TENSORFLOW = "ai-edge-quantizer", "tensorflow"
#: A candidate that gives the float model's answer on this share of the faces leaves little to win: no other is tried.
_GOOD_ENOUGH = 0.99
#: Another candidate is preferred to the default only if chance explains its better agreement less often than this.
_SIGNIFICANCE = 0.05
Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Candidate:
    """One way to quantize a network.

    Attributes:
        quantizer: `AI_EDGE` or `TENSORFLOW`.
        estimator: a key of `ESTIMATORS`.
        graph: the int8 flatbuffer.
        float_layers: names of the layers that it leaves in float.
        same: `(n,)` bool, for which of the faces it gives the float model's answer.
    """

    quantizer: str
    estimator: str
    graph: bytes
    float_layers: tuple[str, ...]
    same: npt.NDArray[np.bool_]

    @property
    def agreement(self) -> float:
        """Share of the faces for which it gives the float model's answer, 0..1."""
        return float(self.same.mean())


@dataclass(frozen=True)
class Choice:
    """The candidate that was chosen, and all that were tried.

    Attributes:
        chosen: one of `tried`.
        tried: all candidates, the default first.
    """

    chosen: Candidate
    tried: Sequence[Candidate]

    def as_dict(self) -> dict[str, Any]:
        """Return the choice for the card and the proof."""
        return {
            "quantizer": self.chosen.quantizer,
            "ranges": self.chosen.estimator,
            "tried": [
                {
                    "quantizer": candidate.quantizer,
                    "ranges": candidate.estimator,
                    "float_layers": len(candidate.float_layers),
                    "agreement": candidate.agreement,
                    "n": len(candidate.same),
                }
                for candidate in self.tried
            ],
        }


def choose_quantization(
    content: bytes,
    ranges: Mapping[str, Range],
    faces: npt.NDArray[np.uint8],
    answers: npt.NDArray[np.int64],
    *,
    io_types: str = "uint8",
    keep_float: Sequence[str] = (),
    input_range: tuple[float, float] = (0.0, 255.0),
    estimator: str = AUTO,
    progress: Progress | None = None,
) -> Choice:
    """Quantize a float graph to int8 in several ways, and take the one that agrees best with the float model.

    ai-edge-quantizer with ranges of the least squared error is the default. It is kept unless another candidate agrees
    significantly better, so that the choice does not depend on the draw of the faces. If ai-edge-quantizer leaves
    layers in float, TensorFlow's converter takes its place, unless it leaves as many.

    Args:
        content: the float flatbuffer.
        ranges: tensor name to range of the activation.
        faces: `(n, H, W)` uint8 of the network's size, which were not calibrated on.
        answers: `(n,)` int64, the float model's class for each.
        io_types: as for `quantize_graph`.
        keep_float: names of the layers that are to stay in float; only ai-edge-quantizer can do this.
        input_range: the real values that pixels 0 and 255 stand for.
        estimator: the one to use; `AUTO` to choose by agreement.
        progress: called with the number of finished candidates and of those that there may be.

    Raises:
        ModelError: neither can quantize the graph, or a layer of `keep_float` is not in it.
    """

    def candidate(quantizer: str, estimator: str) -> Candidate:
        estimated = {name: span.by(estimator) for name, span in ranges.items()}
        if quantizer == AI_EDGE:
            graph = quantize_graph(content, "int8", estimated, io_types=io_types, keep_float=keep_float)
        else:
            graph = quantize_with_tensorflow(content, estimated)
            graph = accept_uint8_pixels(graph) if io_types == "uint8" else graph
        same = _answers(graph, faces, input_range) == answers
        return Candidate(quantizer, estimator, graph, float_layers(graph), same)

    names = list(ESTIMATORS) if estimator == AUTO else [estimator]
    tried = _first(candidate, names[0], bool(keep_float))
    first = tried[-1]
    for i, name in enumerate(names[1:], start=2):
        if first.agreement >= _GOOD_ENOUGH:
            break
        tried.append(candidate(first.quantizer, name))
        if progress:
            progress(i, len(names))
    best = max(tried[tried.index(first) :], key=lambda candidate: candidate.agreement)
    is_better = mcnemar(best.same, first.same) < _SIGNIFICANCE
    return Choice(best if is_better else first, tried)


def float_layers(graph: bytes) -> tuple[str, ...]:
    """Return the names of the layers of a flatbuffer that compute in floating point, each once."""
    operations = Graph(graph, "the quantized graph").operations
    names = (
        operation.layer
        for operation in operations
        if operation.kind not in ("QUANTIZE", "DEQUANTIZE") and any(tensor.is_float for tensor in operation.outputs)
    )
    return tuple(dict.fromkeys(names))


def _first(candidate: Callable[[str, str], Candidate], estimator: str, keeps_float: bool) -> list[Candidate]:
    """Return the candidates by which the quantizer is chosen; the chosen one is the last."""
    found: list[Candidate] = []
    failure: ModelError | None = None
    for quantizer in (AI_EDGE,) if keeps_float else (AI_EDGE, TENSORFLOW):
        try:
            found.append(candidate(quantizer, estimator))
        except MissingExtraError:
            # A board without TensorFlow converts what the other one can.
            continue
        except ModelError as error:
            failure = failure or error
            continue
        if keeps_float or not found[-1].float_layers:
            break
    if not found:
        assert failure is not None
        raise failure
    return sorted(found, key=lambda candidate: -len(candidate.float_layers))


def _answers(graph: bytes, faces: npt.NDArray[np.uint8], input_range: tuple[float, float]) -> npt.NDArray[np.int64]:
    """Return the class that an int8 graph predicts for each face: `(n,)` int64."""
    interpreter = load_interpreter(graph, 2, "the int8 graph")
    (entry,), (output,) = interpreter.get_input_details(), interpreter.get_output_details()
    low, high = input_range
    values = np.arange(256) / 255 * (high - low) + low
    if np.dtype(entry["dtype"]) == np.float32:
        codes = values.astype(np.float32)
    else:
        scale, zero_point = entry["quantization"]
        codes = quantize(values, scale, zero_point, entry["dtype"])
    found = np.empty(len(faces), np.int64)
    for i, face in enumerate(faces):
        interpreter.set_tensor(entry["index"], codes[face][None, :, :, None])
        interpreter.invoke()
        found[i] = interpreter.get_tensor(output["index"])[0].argmax()
    return found
