"""The float model: loaded from .keras, .h5, SavedModel or float .tflite, and held as a float .tflite."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from convert.graph_edit import accept_gray_pixels, prepare_for_quantizer
from convert.graph_fusion import fuse
from convert.operator_replacement import replace_operators
from convert.pytorch.network import PICKLED, TorchNetwork
from convert.pytorch.network import SUFFIXES as TORCH_SUFFIXES
from convert.tensorflow_import import import_tensorflow
from edge.errors import ModelError, first_line
from edge.inference.contract import EIGHT_LABELS, foreign_pixels
from edge.inference.flatbuffer import Graph
from edge.inference.litert import load_interpreter
from edge.inference.model_card import ModelCard, read_parts
from edge.inference.pixel_mapping import AS_PIXELS, PixelMapping
from edge.inference.sandbox import load_in_sandbox
from edge.system.native_logs import quiet_stderr
from train.models.saved_model import SIGNATURE, SavedModel
from train.run_folder import RunFolder, recorded_metrics

Images = npt.NDArray[np.uint8]
Scores = npt.NDArray[np.float32]
#: Greatest permitted difference between the model and its float graph: folding the normalization changes only the
#: last digits.
FOLDING_TOLERANCE = 1e-3
PIXELS = (0.0, 255.0)


@dataclass(frozen=True)
class FloatModel:
    """A float model, ready to be quantized.

    Attributes:
        path: the file or folder that it was loaded from.
        graph: the float flatbuffer, with a batch of one.
        labels: its classes in the order of the output; empty for a network that is not a classifier.
        input_range: the real values that pixels 0 and 255 stand for, to the graph.
        resize: how faces are resized to its input; a key of `edge.inference.contract.RESIZES`.
        run_record: the record of its training run (`metrics.json`); empty if there is none beside it.
        card: the card of a .tflite; None for other formats.
        fused: kinds of the operations that were fused into others, each with their number.
        mapping: how pixels become the values that the model was trained on.
        model_scores: returns the scores `(n, n_classes)` of the model that the graph was converted from, for faces
            `(n, H, H)` uint8 of its input's size and a mapping; None for a network that is not a classifier.
    """

    path: Path
    graph: bytes
    labels: tuple[str, ...]
    input_range: tuple[float, float] = PIXELS
    resize: str = "contract"
    run_record: dict[str, Any] = field(default_factory=dict)
    card: ModelCard | None = None
    fused: dict[str, int] = field(default_factory=dict)
    mapping: PixelMapping = AS_PIXELS
    model_scores: Callable[[Images, PixelMapping], Scores] | None = None

    @cached_property
    def input_shape(self) -> tuple[int, ...]:
        """`[1, H, W, C]`."""
        shape: tuple[int, ...] = Graph(self.graph, str(self.path)).inputs[0].shape
        return shape

    @property
    def is_classifier(self) -> bool:
        """Whether it returns probabilities of a face, so that it can be scored."""
        return bool(self.labels)

    @property
    def names_classes(self) -> bool:
        """Whether its own record or card states its classes and their order."""
        return bool(self.run_record) or self.card is not None

    def scores(self, images: Images, mapping: PixelMapping | None = None) -> Scores:
        """Return the model's scores, `(n, n_classes)` float32, for faces `(n, h, w)` uint8.

        Args:
            images: the faces.
            mapping: in place of the model's own.
        """
        assert self.model_scores is not None
        return self.model_scores(self.resized(images), mapping or self.mapping)

    def resized(self, images: Images) -> Images:
        """Resize faces `(n, h, w)` uint8 to the model's input, `(n, H, W)` uint8, as it is done at run time."""
        _, height, width, _ = self.input_shape
        if images.shape[1:] == (height, width):
            return images
        faces = [foreign_pixels(image, (width, height), PIXELS, self.resize)[0, :, :, 0] for image in images]
        return np.stack(faces).astype(np.uint8)

    def graph_scores(self, images: Images) -> Scores:
        """Return the scores as `scores` does, computed by the float graph."""
        interpreter = load_interpreter(self.graph, 2, str(self.path))
        model_input = interpreter.get_input_details()[0]["index"]
        model_output = interpreter.get_output_details()[0]["index"]
        _, height, width, _ = self.input_shape
        scores = np.empty((len(images), len(self.labels)), np.float32)
        for i, image in enumerate(images):
            interpreter.set_tensor(model_input, foreign_pixels(image, (width, height), self.input_range, self.resize))
            interpreter.invoke()
            scores[i] = interpreter.get_tensor(model_output)[0]
        return scores

    def check_folding(self, images: Images) -> float:
        """Check that the graph, with batch normalization folded into the weights, gives the scores of the model.

        Args:
            images: faces `(n, h, w)` uint8.

        Returns:
            The greatest difference of a probability.

        Raises:
            ModelError: the scores differ, or are not probabilities.
        """
        found = self.graph_scores(images)
        worst = float(np.abs(self.scores(images) - found).max())
        if not (found.min() >= -1e-3 and np.abs(found.sum(axis=1) - 1).max() <= 1e-2):
            raise ModelError(
                f"the outputs of {self.path} are not probabilities (least {found.min():.3g}, greatest sum "
                f"{found.sum(axis=1).max():.3g}): "
                "expected a softmax as the last layer"
            )
        # Written so that NaN fails.
        if not worst <= FOLDING_TOLERANCE:
            raise ModelError(
                f"the float .tflite of {self.path} differs from the model by up to {worst:.4f}: expected at "
                f"most {FOLDING_TOLERANCE}; the converter folded a layer wrongly, or the weights are NaN"
            )
        return worst


def load_float_model(path: Path, mapping: PixelMapping | None = None) -> FloatModel:
    """Load a float model of any supported format.

    Args:
        path: a .keras, .h5, .pt2, .onnx or float .tflite file, a finished run folder, or a SavedModel folder.
        mapping: how pixels become the values that a classifier was trained on; None for what the card of a .tflite
            states, and otherwise for pixels as they are.

    Raises:
        ModelError: the model is missing, damaged, of another kind or shape, or has weights that are NaN or infinite.
        WrongUseError: `mapping` is for another number of channels.
        MissingExtraError: what the format needs is not installed: TensorFlow or PyTorch.
    """
    if path.suffix in PICKLED:
        raise ModelError(
            f"{path} holds weights or pickled objects, without a network to run: export the model with "
            "torch.export.save(torch.export.export(model.eval(), (example,)), 'model.pt2')"
        )
    if path.suffix not in (".tflite", *TORCH_SUFFIXES):
        import_tensorflow()
    if not path.exists():
        raise ModelError(
            f"no model at {path}: expected a .keras, .h5, .pt2, .onnx or float .tflite file, a run folder or a "
            "SavedModel folder"
        )
    if (trained := RunFolder(path).model_keras).is_file():
        return _from_keras(trained, mapping or AS_PIXELS)
    if path.is_dir():
        return _from_saved_model(path.resolve(), mapping or AS_PIXELS)
    if path.suffix == ".tflite":
        return _from_tflite(path, mapping)
    if path.suffix in TORCH_SUFFIXES:
        return _from_torch(path, mapping or AS_PIXELS)
    return _from_keras(path, mapping or AS_PIXELS)


def _from_keras(path: Path, mapping: PixelMapping) -> FloatModel:
    tensorflow = import_tensorflow()
    from train.evaluation.prediction import keras_probabilities
    from train.models.keras_files import load_keras_model
    from train.models.probabilities import with_probabilities
    from train.models.rebuilding import for_export

    model = for_export(load_keras_model(path))
    for weight in model.weights:
        if not np.isfinite(np.asarray(weight)).all():
            raise ModelError(f"{path} has NaN or infinite weights in {weight.path}: train it again")
    model = with_probabilities(model, path)
    run_record = recorded_metrics(path)
    labels = _labels(model.output_shape[-1], run_record, path)
    mapping.coefficients(model.input_shape[3])
    # A fixed batch of one: a variable batch would leave shape arithmetic in the graph.
    spec = tensorflow.TensorSpec((1, *model.input_shape[1:]), tensorflow.float32, name="pixels")
    with tempfile.TemporaryDirectory() as folder, quiet_stderr():
        try:
            model.export(folder, format="tf_saved_model", verbose=False, input_signature=[spec])
        except Exception as error:
            raise _cannot_convert(path, error) from error
        graph, fused = _to_float_graph(tensorflow, folder, path, mapping)

    def model_scores(images: Images, mapping: PixelMapping) -> Scores:
        return keras_probabilities(model, images, mapping=mapping)

    return FloatModel(
        path, graph, labels, run_record=run_record, fused=fused, mapping=mapping, model_scores=model_scores
    )


def _from_saved_model(path: Path, mapping: PixelMapping) -> FloatModel:
    tensorflow = import_tensorflow()
    saved = SavedModel(path)
    mapping.coefficients(saved.input_shape[2])
    face = tensorflow.TensorSpec((1, *saved.input_shape), tensorflow.float32, name="pixels")

    class SingleFace(tensorflow.Module):  # type: ignore[misc, name-defined]
        """The serving signature with a fixed batch of one."""

        def __init__(self) -> None:
            super().__init__()
            self.loaded = tensorflow.saved_model.load(str(path))

        @tensorflow.function(input_signature=[face])  # type: ignore[untyped-decorator]
        def __call__(self, pixels: Any) -> Any:
            outputs = self.loaded.signatures[SIGNATURE](**{saved.input_name: pixels})[saved.output_name]
            return tensorflow.nn.softmax(outputs) if saved.adds_softmax else outputs

    run_record = recorded_metrics(path)
    with tempfile.TemporaryDirectory() as folder, quiet_stderr():
        single_face = SingleFace()
        try:
            tensorflow.saved_model.save(single_face, folder, signatures=single_face.__call__)
        except Exception as error:
            raise _cannot_convert(path, error) from error
        graph, fused = _to_float_graph(tensorflow, folder, path, mapping)

    labels = _labels(saved.n_classes, run_record, path)
    return FloatModel(
        path, graph, labels, run_record=run_record, fused=fused, mapping=mapping, model_scores=saved.scores
    )


def _from_torch(path: Path, mapping: PixelMapping) -> FloatModel:
    network = TorchNetwork(path)
    mapping.coefficients(network.shape[2])
    graph, fused = _finished(network.convert(), path, mapping)
    return FloatModel(
        path, graph, _labels(network.n_classes, {}, path), fused=fused, mapping=mapping, model_scores=network.scores
    )


def _from_tflite(path: Path, mapping: PixelMapping | None) -> FloatModel:
    content, card = read_parts(path)
    # An untrusted file is loaded in a child process first.
    load_in_sandbox(path)
    graph = Graph(content, str(path))
    integers = sorted({op.weights.dtype for op in graph.operations if op.weights and not op.weights.is_float})
    if integers or any(not tensor.is_float for tensor in graph.inputs):
        raise ModelError(
            f"{path} is quantized already ({', '.join(integers) or graph.inputs[0].dtype}): expected float32"
        )
    _check_input(graph, path)
    if any(tensor.is_constant and tensor.is_float and tensor.constant is None for tensor in graph.tensors):
        raise ModelError(f"{path} has sparse weights: expected dense ones")
    content, fused = fuse(replace_operators(prepare_for_quantizer(content)))
    graph = Graph(content, str(path))
    for tensor in graph.tensors:
        if tensor.constant is not None and tensor.is_float and not np.isfinite(tensor.constant).all():
            raise ModelError(f"{path} has NaN or infinite weights in {tensor.name}: train it again")
    if card is None:
        # Without a card it is not a known classifier: a detector, whose input range is an option.
        return FloatModel(path, content, (), fused=fused)
    output_shape = graph.outputs[0].shape
    if output_shape != (1, len(card.labels)):
        raise ModelError(
            f"{path} has the output {list(output_shape)}, its card has {len(card.labels)} labels: expected as many"
        )
    low, high = card.input_range or PIXELS
    known = mapping or PixelMapping(low, high)
    model_scores = partial(_tflite_scores, content, str(path), len(card.labels))
    model = FloatModel(
        path, content, card.labels, (low, high), card.resize, card=card, fused=fused, mapping=known,
        model_scores=model_scores,
    )  # fmt: skip
    if mapping is None and graph.inputs[0].shape[3] == 1:
        return model
    return replace(model, graph=accept_gray_pixels(content, known), input_range=PIXELS)


def _tflite_scores(content: bytes, name: str, n_classes: int, images: Images, mapping: PixelMapping) -> Scores:
    interpreter = load_interpreter(content, 2, name)
    model_input = interpreter.get_input_details()[0]
    model_output = interpreter.get_output_details()[0]["index"]
    scores = np.empty((len(images), n_classes), np.float32)
    for i in range(len(images)):
        interpreter.set_tensor(model_input["index"], mapping.values(images[i : i + 1], tuple(model_input["shape"][1:])))
        interpreter.invoke()
        scores[i] = interpreter.get_tensor(model_output)[0]
    return scores


def _check_input(graph: Graph, path: Path) -> None:
    if len(graph.inputs) != 1:
        raise ModelError(f"{path} has {len(graph.inputs)} inputs: expected 1")
    shape = graph.inputs[0].shape
    if len(shape) != 4 or shape[0] != 1 or min(shape) < 1 or shape[3] not in (1, 3) or set(graph.inputs[0].free) - {0}:
        raise ModelError(f"{path} takes {list(shape)}: expected a fixed shape [1, H, W, 1] or [1, H, W, 3]")


def _to_float_graph(tensorflow: Any, folder: str, path: Path, mapping: PixelMapping) -> tuple[bytes, dict[str, int]]:
    try:
        graph: bytes = tensorflow.lite.TFLiteConverter.from_saved_model(folder).convert()
    except Exception as error:
        # The converter raises its own ConverterError, ValueError or RuntimeError, with pages of MLIR.
        raise _cannot_convert(path, error) from error
    return _finished(graph, path, mapping)


def _finished(graph: bytes, path: Path, mapping: PixelMapping) -> tuple[bytes, dict[str, int]]:
    """Return a converted graph with names for its input and output, fused operations, and the contract's input."""
    # TensorFlow names them serving_default_pixels:0 and StatefulPartitionedCall_1:0.
    tables = Graph(graph, str(path))
    tables.main.tensors[tables.inputs[0].index].name = "pixels"
    tables.main.tensors[tables.outputs[0].index].name = "scores"
    graph, fused = fuse(replace_operators(tables.pack()))
    if mapping.is_identity and tables.inputs[0].shape[3] == 1:
        return graph, fused
    return accept_gray_pixels(graph, mapping), fused


def _cannot_convert(path: Path, error: Exception) -> ModelError:
    return ModelError(f"TensorFlow cannot convert {path}: {first_line(error)}")


def _labels(n: int, run_record: dict[str, Any], path: Path) -> tuple[str, ...]:
    """Return the labels of the training run, else the contract's or placeholders.

    `convert.labeled_faces` replaces the latter two by the labels of the data.
    """
    labels = tuple(run_record.get("labels") or (EIGHT_LABELS[:n] if n in (7, 8) else (f"class {i}" for i in range(n))))
    if len(labels) != n:
        raise ModelError(f"{path} has {n} classes, expected {len(labels)}: {', '.join(labels)}")
    return labels
