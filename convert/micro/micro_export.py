"""The export of a model as a C++ project for microcontrollers, with a self-test and a proof."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from convert.analysis.inspection import inspect
from convert.micro.micro_page import write_micro_page
from convert.micro.micro_proof import MicroComparison, MicroProof
from convert.micro.model_source import model_source
from convert.micro.network_source import NetworkSource, NotPortableError, network_source
from convert.micro.project_files import copy_sources
from convert.micro.resolver_source import resolver_source
from convert.micro.self_test_source import self_test_source
from convert.micro.tflm import REPORT_EVERY, require_tflm, run_tflm
from convert.targets.microcontrollers import tflm
from edge.datasets.faces import Faces
from edge.detection.alignment import crop_face
from edge.errors import ModelError, WrongUseError
from edge.inference.classifier import Classifier
from edge.inference.contract import dequantize
from edge.inference.flatbuffer import Graph, Tensor
from edge.inference.model_card import ModelFile, read_model
from edge.inference.prior import open_correction
from edge.sources.demo import HEIGHT, WIDTH, DemoSource
from edge.system.atomic_files import write_json
from edge.system.hashing import sha256_of

Progress = Callable[[str, int, int], None]
#: Faces of the self-test.
TEST_FACES = 10
#: Of the margin of the arena: what the interpreter may need besides.
_MARGIN_BYTES = 1024
_KIBIBYTE = 1024


@dataclass(frozen=True)
class MicroLimits:
    """What a board has.

    Attributes:
        max_arena_bytes: memory for the interpreter; None for no limit.
        max_flash_bytes: constants in flash; None for no limit.
    """

    max_arena_bytes: int | None = None
    max_flash_bytes: int | None = None

    def violations(self, arena_bytes: int, flash_bytes: int) -> list[str]:
        """Return one phrase for each limit that is exceeded."""
        found = []
        if self.max_arena_bytes is not None and arena_bytes > self.max_arena_bytes:
            found.append(f"the arena takes {arena_bytes:,} bytes, the limit is {self.max_arena_bytes:,}")
        if self.max_flash_bytes is not None and flash_bytes > self.max_flash_bytes:
            found.append(f"the constants take {flash_bytes:,} bytes of flash, the limit is {self.max_flash_bytes:,}")
        return found


def check_folder(out: Path) -> None:
    """Check that a project can be written to a folder, before anything is read.

    Raises:
        WrongUseError: it is a file, or a folder that is not empty.
    """
    if out.exists() and not out.is_dir():
        raise WrongUseError(f"--out {out} is a file: expected a new or an empty folder")
    if out.is_dir() and any(out.iterdir()):
        raise WrongUseError(f"--out {out} is not empty: expected a new or an empty folder")


@dataclass(frozen=True)
class MicroModel:
    """A model that a microcontroller can run.

    Attributes:
        path: the file.
        file: its flatbuffer and its card.
        graph: the parsed flatbuffer.
    """

    path: Path
    file: ModelFile
    graph: Graph

    @classmethod
    def read(cls, path: Path) -> MicroModel:
        """Read a model, and check that a microcontroller can run it.

        Raises:
            MissingExtraError: the extra `micro` is not installed.
            ModelError: it cannot be read, is not an int8 classifier with the contract's input, or has an operation
                that TensorFlow Lite for Microcontrollers lacks.
        """
        model = read_model(path)
        graph = Graph(model.graph, str(path))
        floats = [tensor for tensor in graph.tensors if tensor.is_float]
        if floats:
            raise ModelError(
                f"{path} is not an int8 model: {floats[0].name or 'a tensor'} is {floats[0].dtype}; convert it with "
                "`mien convert quantize --scheme int8` first"
            )
        missing = sorted({each.operation.kind for each in tflm(model.graph, str(path)).left})
        if missing:
            raise ModelError(
                f"{path} has {', '.join(missing)}, which TensorFlow Lite for Microcontrollers does not have: expected "
                "a network without it"
            )
        pixels, scores = graph.inputs, graph.outputs
        if len(pixels) != 1 or pixels[0].dtype != "UINT8" or model.card.input_range is not None:
            raise ModelError(
                f"{path} has the input {pixels[0].dtype}: expected gray pixels as UINT8, as `mien convert quantize` "
                "makes it"
            )
        if len(scores) != 1 or scores[0].dtype != "INT8":
            raise ModelError(f"{path} has the output {scores[0].dtype}: expected one of INT8 scores")
        require_tflm()
        return cls(path, model, graph)


def export_micro(
    micro: MicroModel,
    out: Path,
    faces: Faces | None,
    split: str,
    origin: str,
    limits: MicroLimits,
    progress: Progress | None = None,
) -> MicroProof:
    """Write a model as a C++ project, unless it exceeds a limit.

    Args:
        micro: the model.
        out: the folder to write; it must not exist, or be empty.
        faces: labeled faces to compare on; None for no comparison, and a self-test with the portrait of the demo.
        split: name of the split that the faces are from.
        origin: name of the data set, for the self-test.
        limits: of the board.
        progress: called with the current task, and its finished and all steps.

    Returns:
        The proof; its `violations` state why nothing was written.

    Raises:
        WrongUseError: the folder is not empty.
        ModelError: the faces have other classes, or the interpreter rejects the model.
    """
    check_folder(out)
    path, model, graph = micro.path, micro.file, micro.graph
    classifier = Classifier(path)
    if faces is not None and faces.labels != classifier.labels:
        raise ModelError(
            f"{path} has the classes {', '.join(classifier.labels)}; {origin} has {', '.join(faces.labels)}"
        )
    size = model.card.input_shape[1]
    # The network itself is compared: faces in the size of its input.
    images = demo_faces(TEST_FACES, size) if faces is None else resized(faces.images, size)
    # Before the faces, which take minutes: what the board may lack.
    arena_bytes = run_tflm(model.graph, images[:0], str(path)).arena_bytes
    network, reason = _network(graph, model.graph)
    proof = MicroProof(
        model=model.card.identity,
        sha256=sha256_of(path),
        inspection=inspect(path),
        model_bytes=len(model.graph),
        table_bytes=0 if network is None else network.table_bytes,
        tflm_arena_bytes=arena_bytes,
        arena_bytes=with_margin(arena_bytes, graph),
        portable_arena_bytes=None if network is None else network.arena_bytes,
        not_portable=reason,
        comparison=None,
    )
    violations = limits.violations(proof.arena_bytes, proof.flash_bytes)
    if violations:
        return replace(proof, violations=violations)
    codes = run_tflm(model.graph, images, str(path), _task(progress, "TensorFlow Lite for Microcontrollers")).codes
    if faces is not None:
        litert = _litert_codes(classifier, images, graph.outputs[0], _task(progress, "LiteRT"))
        proof = replace(proof, comparison=_compare(codes, litert, faces, split))
    chosen = np.linspace(0, len(images) - 1, min(TEST_FACES, len(images))).astype(int)
    scores = _scores(codes[chosen], graph, classifier)
    test = self_test_source(images[chosen], codes[chosen], scores, model.card.crop_margin, origin)
    _write(out, model, graph, network, test, proof)
    return proof


def with_margin(arena_bytes: int, graph: Graph) -> int:
    """Return the arena of a project: what the interpreter took, and a margin, in whole KiB.

    The margin is that of CMSIS-NN: its convolutions unfold two windows of the input into int16
    (`arm_convolve_s8_get_buffer_size`).
    """
    windows = [int(np.prod(op.inputs[1].shape[1:])) for op in graph.operations if op.kind == "CONV_2D"]
    return -(-(arena_bytes + 4 * max(windows, default=0) + _MARGIN_BYTES) // _KIBIBYTE) * _KIBIBYTE


def demo_faces(number: int, size: int) -> npt.NDArray[np.uint8]:
    """Return views of the demo's portrait: `(number, size, size)` uint8."""
    source = DemoSource(paced=False)
    side = HEIGHT // 2
    box = ((WIDTH - side) / 2, (HEIGHT - side) / 2, side, side)
    return np.array([crop_face(source.picture(i / 4), box, 0.0, size) for i in range(number)])


def resized(images: npt.NDArray[np.uint8], size: int) -> npt.NDArray[np.uint8]:
    """Return square faces in the size of the model's input, resized as crops are."""
    if images.shape[1:3] == (size, size):
        return images
    side = images.shape[1]
    return np.array([crop_face(image, (0, 0, side, side), 0.0, size) for image in images])


def _network(graph: Graph, content: bytes) -> tuple[NetworkSource | None, str]:
    try:
        return network_source(graph, content), ""
    except NotPortableError as error:
        return None, f"the portable kernels do not have {error}"


def _litert_codes(
    classifier: Classifier, images: npt.NDArray[np.uint8], output: Tensor, progress: Callable[[int, int], None] | None
) -> npt.NDArray[np.int64]:
    """Return LiteRT's output codes for faces: `(faces, n)` int64."""
    scores = []
    for i, image in enumerate(images):
        if progress is not None and i % REPORT_EVERY == 0:
            progress(i, len(images))
        scores.append(classifier.scores(image))
    codes: npt.NDArray[np.int64] = np.rint(np.array(scores) / output.scales[0]).astype(np.int64) + output.zero_points[0]
    return codes


def _compare(codes: npt.NDArray[np.int8], litert: npt.NDArray[np.int64], faces: Faces, split: str) -> MicroComparison:
    differences = np.abs(codes - litert).max(axis=1)
    answers, reference = codes.argmax(axis=1), litert.argmax(axis=1)
    return MicroComparison(
        split=split,
        faces=len(faces),
        litert_accuracy=float((reference == faces.class_ids).mean()),
        tflm_accuracy=float((answers == faces.class_ids).mean()),
        agreement=float((answers == reference).mean()),
        identical=float((differences == 0).mean()),
        largest_difference=int(differences.max()),
    )


def _task(progress: Progress | None, name: str) -> Callable[[int, int], None] | None:
    return None if progress is None else lambda done, total: progress(name, done, total)


def _scores(codes: npt.NDArray[np.int8], graph: Graph, classifier: Classifier) -> npt.NDArray[np.float32]:
    """Return the scores that a recognizer gives by default: with the card's score calibration, if it has one."""
    output = graph.outputs[0]
    scores = dequantize(codes, output.scales[0], output.zero_points[0])
    correction = open_correction((), classifier.labels, classifier.score_calibration)
    return scores if correction is None else np.array([correction(row) for row in scores])


def _write(
    out: Path, model: ModelFile, graph: Graph, network: NetworkSource | None, test: str, proof: MicroProof
) -> None:
    """Write the project under another name, then rename it: a folder that exists is complete."""
    out = out.resolve()
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{out.name}-", dir=out.parent) as parent:
        folder = Path(parent) / out.name
        copy_sources(folder, model, proof, is_portable=network is not None)
        source = model_source(graph, model.graph, model.card, proof.arena_bytes)
        files = {
            "src/mien_model.h": source.header,
            "src/mien_model.c": source.text,
            "src/mien_operators.h": resolver_source(operation.kind for operation in graph.operations),
            "test/mien_test_faces.h": test,
            **({} if network is None else {"src/mien_network.c": network.text}),
        }
        for name, text in files.items():
            (folder / name).write_text(text, "ascii")
        write_json(folder / "proof.json", proof.as_dict())
        write_micro_page(folder / "proof.html", proof)
        if out.is_dir():
            out.rmdir()
        shutil.move(folder, out)
