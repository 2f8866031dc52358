"""A classifier of PyTorch (`.pt2`) or ONNX: its scores, and its conversion to a float .tflite by LiteRT Torch."""

from __future__ import annotations

import contextlib
import io
import tempfile
import warnings
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from convert.pytorch.imports import import_litert_torch, import_torch
from edge.errors import ModelError, first_line
from edge.inference.flatbuffer import Graph
from edge.inference.pixel_mapping import PixelMapping
from edge.system.native_logs import quiet_stderr
from train.models.keras_files import MAX_SIDE
from train.models.probabilities import needs_softmax, softmax

Images = npt.NDArray[np.uint8]
Scores = npt.NDArray[np.float32]
#: How these files end.
SUFFIXES = (".pt2", ".onnx")
#: Files of PyTorch that hold weights or pickled objects, without a network that could be run.
PICKLED = (".pt", ".pth", ".ckpt", ".safetensors")
_KEPT_CONSTANTS = "keep_stablehlo_constant"


class TorchNetwork:
    """A classifier of faces that PyTorch or ONNX Runtime runs.

    Args:
        path: a file of `torch.export.save`, or an ONNX model.

    Attributes:
        shape: `(H, H, channels)` of its input.
        n_classes: number of its outputs.
        adds_softmax: whether its outputs are logits, to which a softmax is added.

    Raises:
        ModelError: the file is damaged, has other inputs or outputs than one face and its classes, gives other outputs
            for the same face, or outputs that are neither logits nor probabilities.
        MissingExtraError: the extra `pytorch` is not installed.
    """

    def __init__(self, path: Path) -> None:
        self._torch = import_torch()
        self.path = path
        self._module, shape, self._run = _open_onnx(path) if path.suffix == ".onnx" else _open_program(path)
        self._channels_first = len(shape) == 4 and shape[1] in (1, 3) and shape[2] == shape[3]
        if self._channels_first:
            shape = (shape[0], *shape[2:], shape[1])
        if (
            len(shape) != 4 or shape[0] not in (0, 1) or shape[1] != shape[2] or shape[3] not in (1, 3)
            or not 1 <= shape[1] <= MAX_SIDE
        ):  # fmt: skip
            raise ModelError(
                f"{path} takes {[size or None for size in shape]}: expected a batch of 1 or of any size, 1 or 3 "
                f"channels, and a fixed square of at most {MAX_SIDE} pixels"
            )
        self.shape: tuple[int, int, int] = (shape[1], shape[2], shape[3])
        examples = np.random.default_rng(0).uniform(0, 255, (4, *self.shape)).astype(np.float32)
        outputs = self._outputs(examples)
        if not np.array_equal(outputs, self._outputs(examples)):
            raise ModelError(f"{path} gives other outputs for the same face: call model.eval() before you export it")
        self.n_classes = outputs.shape[1]
        self.adds_softmax = needs_softmax(outputs, path)

    def scores(self, images: Images, mapping: PixelMapping) -> Scores:
        """Return the probabilities `(n, n_classes)` of faces `(n, H, H)` uint8."""
        outputs = self._outputs(mapping.values(images, self.shape))
        return softmax(outputs) if self.adds_softmax else outputs

    def convert(self) -> bytes:
        """Return a float .tflite from `[1, H, H, channels]` values to `[1, n_classes]` probabilities.

        Raises:
            ModelError: LiteRT Torch cannot convert it.
            MissingExtraError: the extra `pytorch` is not installed.
        """
        litert_torch = import_litert_torch()
        torch, module = self._torch, self._module
        channels_first, adds_softmax = self._channels_first, self.adds_softmax

        class Face(torch.nn.Module):  # type: ignore[misc, name-defined]
            """The network with channels last, as LiteRT has them, and with probabilities."""

            def __init__(self) -> None:
                super().__init__()
                self.network = module

            def forward(self, values: Any) -> Any:
                outputs = _first(self.network(values.permute(0, 3, 1, 2) if channels_first else values))
                return torch.softmax(outputs, dim=1) if adds_softmax else outputs

        with tempfile.TemporaryDirectory() as folder, _quiet():
            file = Path(folder) / "network.tflite"
            try:
                face = Face()
                face.training = False
                litert_torch.convert(face, (torch.zeros(1, *self.shape),)).export(str(file))
            except Exception as error:
                # It raises what torch.export, MLIR and its own passes raise.
                raise ModelError(f"LiteRT Torch cannot convert {self.path}: {first_line(error)}") from error
            return _with_names(file.read_bytes(), self.path)

    def _outputs(self, values: npt.NDArray[np.float32]) -> Scores:
        if self._channels_first:
            values = np.ascontiguousarray(values.transpose(0, 3, 1, 2))
        try:
            rows = [np.asarray(self._run(values[i : i + 1]), np.float32) for i in range(len(values))]
        except Exception as error:
            raise ModelError(f"{self.path} cannot be run: {first_line(error)}") from error
        if any(row.ndim != 2 or row.shape[0] != 1 or row.shape[1] < 2 for row in rows):
            raise ModelError(f"{self.path} returns {list(rows[0].shape)}: expected [1, classes]")
        outputs = np.concatenate(rows)
        if not np.isfinite(outputs).all():
            raise ModelError(f"{self.path} returns NaN or infinite values: train it again")
        return outputs


def _open_program(path: Path) -> tuple[Any, tuple[int, ...], Callable[[Any], Any]]:
    """Return a saved program as a module, the shape of its input with 0 for a free dimension, and how it is run."""
    torch = import_torch()
    try:
        with _quiet():
            program = torch.export.load(str(path))
            module = program.module()
        names = set(program.graph_signature.user_inputs)
        inputs = [node.meta["val"] for node in program.graph.nodes if node.op == "placeholder" and node.name in names]
    except Exception as error:
        raise ModelError(
            f"{path} is not a program that torch.export.save wrote and this PyTorch can load: {first_line(error)}"
        ) from error
    if len(inputs) != 1:
        raise ModelError(f"{path} has {len(inputs)} inputs: expected 1")
    shape = tuple(size if isinstance(size, int) else 0 for size in inputs[0].shape)

    def run(values: Any) -> Any:
        with torch.no_grad():
            return _first(module(torch.from_numpy(values))).numpy()

    return module, shape, run


def _open_onnx(path: Path) -> tuple[Any, tuple[int, ...], Callable[[Any], Any]]:
    """Return the same of an ONNX model, which ONNX Runtime runs."""
    from convert.pytorch.onnx_module import input_shape, load_onnx, onnx_module, runtime_session

    model = load_onnx(path)
    session = runtime_session(model, path)
    name = session.get_inputs()[0].name
    return onnx_module(model, path), input_shape(model), lambda values: session.run(None, {name: values})[0]


def _with_names(content: bytes, path: Path) -> bytes:
    """Return a flatbuffer whose tensors have the names of their operations, which LiteRT Torch does not make unique."""
    graph = Graph(content, str(path))
    # A mark of LiteRT's converter, by which TensorFlow's quantizer would take no weights for constants.
    graph.model.metadata = [entry for entry in graph.model.metadata or () if _name(entry) != _KEPT_CONSTANTS]
    numbers: Counter[str] = Counter()
    for operation in graph.operations:
        kind = operation.kind.lower()
        numbers[kind] += 1
        name = f"{kind}_{numbers[kind]}"
        for tensor in operation.inputs:
            if tensor.is_constant:
                graph.main.tensors[tensor.index].name = f"{name}/constant{tensor.index}"
        for i, tensor in enumerate(operation.outputs):
            graph.main.tensors[tensor.index].name = name if i == 0 else f"{name}:{i}"
    return graph.pack()


def _name(entry: Any) -> str:
    return entry.name.decode() if isinstance(entry.name, bytes) else str(entry.name)


def _first(outputs: Any) -> Any:
    return outputs[0] if isinstance(outputs, (tuple, list)) else outputs


@contextlib.contextmanager
def _quiet() -> Any:
    """Discard the progress and the warnings of torch.export and LiteRT Torch."""
    with (
        contextlib.redirect_stdout(io.StringIO()),
        contextlib.redirect_stderr(io.StringIO()),
        quiet_stderr(),
        warnings.catch_warnings(),
    ):
        warnings.simplefilter("ignore")
        yield
