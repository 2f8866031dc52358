"""A conversion: one float model to one or more schemes, each quantized, verified, scored, proved, and then written."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from convert.analysis.activation_ranges import Range, activation_ranges
from convert.analysis.inspection import inspect
from convert.analysis.latency import measure_latency
from convert.analysis.layer_noise import layer_noise
from convert.analysis.proof import Proof
from convert.analysis.proof_page import write_page
from convert.analysis.verification import Comparison, check_file, compare
from convert.calibration import LAYER_RUNS, RepresentativeSet, evenly_spaced, network_inputs
from convert.float_model import PIXELS, FloatModel
from convert.metadata import with_metadata
from convert.output_files import proof_paths, rejected_path
from convert.quality_gate import Limits, advice, worst_layers
from convert.quantization import quantize_graph
from convert.range_choice import choose_quantization
from convert.schemes import AUTO, CALIBRATED
from convert.targets import delegation
from edge.datasets.data_set import DataSet
from edge.datasets.faces import Faces
from edge.errors import ModelError
from edge.inference.contract import CROP_MARGIN
from edge.inference.flatbuffer import Graph
from edge.inference.model_card import ModelCard, write_model
from edge.inference.sandbox import load_in_sandbox
from edge.system.atomic_files import replacing, write_json
from edge.system.hashing import sha256_of

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class CardEntries:
    """What a user states for the model card.

    Attributes:
        name: of the model.
        version: None for the version in the float model's card, or 1.
        license: of the weights; empty for the license in the float model's card.
    """

    name: str
    version: int | None = None
    license: str = ""


@dataclass(frozen=True)
class Conversion:
    """What all schemes of one model share.

    Attributes:
        model: the float model.
        representative: the images to calibrate on; None if no scheme needs them.
        faces: the faces to score on; None for a network that is not a classifier.
        split: name of the split that the faces are from.
        expected: `(n, n_classes)` float32, the float model's scores for `faces`.
        ranges: of the activations; empty if no scheme needs them.
        data: the file or folder that the images came from.
        folding_error: see `FloatModel.check_folding`.
    """

    model: FloatModel
    representative: RepresentativeSet | None
    faces: Faces | None
    split: str
    expected: npt.NDArray[np.float32] | None
    ranges: dict[str, Range]
    data: DataSet
    folding_error: float

    @classmethod
    def prepare(
        cls,
        model: FloatModel,
        representative: RepresentativeSet | None,
        faces: Faces | None,
        split: str,
        data: DataSet,
        progress: Progress | None = None,
    ) -> Conversion:
        """Check the float graph, score the faces with the float model, and measure the ranges of the activations.

        Args:
            model: the float model.
            representative: the images to calibrate on; None if no scheme needs them.
            faces: the faces to score on; None for a network that is not a classifier.
            split: name of the split that the faces are from.
            data: the file or folder that the images came from.
            progress: called with the number of finished and of all calibration runs.

        Raises:
            ModelError: the scores of the graph differ from the model's, or a tensor is NaN or infinite.
        """
        folding_error = model.check_folding(evenly_spaced(faces.images, LAYER_RUNS)) if faces is not None else 0.0
        ranges = {}
        if representative is not None:
            ranges = activation_ranges(
                model.graph,
                lambda: representative.inputs(model.input_range),
                len(representative.images),
                model.input_range,
                progress,
                added=representative.added,
            )
        expected = None if faces is None else model.scores(faces.images)
        return cls(model, representative, faces, split, expected, ranges, data, folding_error)

    def convert(
        self,
        scheme: str,
        target: Path,
        card: CardEntries,
        *,
        keep_float: Sequence[str] = (),
        estimator: str = AUTO,
        limits: Limits | None = None,
        keep_rejected: bool = False,
        choosing: Progress | None = None,
        progress: Progress | None = None,
    ) -> Proof:
        """Convert to one scheme; write the model, its proof and the page unless the quality gate rejects it.

        Args:
            scheme: one of `convert.schemes.SCHEMES`.
            target: the .tflite to write.
            card: the user's entries in the model card.
            keep_float: names of the layers that stay in float.
            estimator: of the activations' ranges: a key of `ESTIMATORS`, or `AUTO`.
            limits: of the quality gate; `Limits()` if None.
            keep_rejected: whether a rejected model is written too, to `rejected_path(target)`.
            choosing: called with the number of finished and of all ways to estimate the ranges.
            progress: called with the number of scored and of all faces.

        Returns:
            The proof; its `violations` say why the quality gate rejected the model.

        Raises:
            ModelError: the model cannot be converted, or the converted file does not pass verification.
        """
        limits = limits or Limits()
        io_types = self._io_types(scheme)
        graph, choice = self._quantize(scheme, io_types, keep_float, estimator, choosing)
        made_folder = not target.parent.exists()
        target.parent.mkdir(parents=True, exist_ok=True)
        # In the same folder under another name, so that only a file that has passed gets the final name.
        candidate = target.with_name(f".{target.stem}-candidate.tflite")
        pages = candidate.with_suffix(".json"), candidate.with_suffix(".html")
        try:
            # A network that is not a classifier has no labels, and so no card.
            full_card = None if self.faces is None else self._card(graph, scheme, keep_float, card, choice)
            _write(candidate, graph, full_card)
            comparison = self._compare(candidate, progress)
            violations = [] if comparison is None else limits.violations(comparison)
            final = target if not violations else rejected_path(target)
            if full_card is not None and comparison is not None:
                full_card = replace(full_card, measured=comparison.as_dict())
                _write(candidate, graph, full_card)
            proof = self._proof(
                candidate, full_card, final, graph, scheme, keep_float, limits, comparison, violations, choice
            )
            if not violations or keep_rejected:
                write_json(pages[0], proof.as_dict())
                write_page(pages[1], proof)
                # All three files are on the disk already: renaming needs no space.
                for page, path in zip(pages, proof_paths(final), strict=True):
                    page.replace(path)
                candidate.replace(final)
        finally:
            for leftover in (candidate, *pages):
                leftover.unlink(missing_ok=True)
            if made_folder:
                # Fails, as it should, if the folder is not empty.
                with suppress(OSError):
                    target.parent.rmdir()
        return proof

    def rejection(self, proof: Proof) -> str:
        """Return one line: why the quality gate rejected a model, where the noise is, and what to try."""
        worst = ", ".join(f"{layer.layer} ({layer.sqnr_db:.1f} dB)" for layer in worst_layers(proof.layers))
        samples = None if self.representative is None else len(self.representative.rows)
        why = f"{proof.scheme} is rejected: {'; '.join(proof.violations)}"
        if proof.comparison is not None and not proof.limits.is_trained(proof.comparison):
            # Nothing about the conversion helps.
            return why
        return (
            why
            + (f"; most noise in {worst}" if worst else "")
            + f"; {advice(proof.scheme, samples, proof.layers, proof.keep_float)}"
        )

    def _io_types(self, scheme: str) -> str:
        if self.faces is None:
            return "float32"
        if scheme == "int8" and self.model.input_range == PIXELS and self.model.resize == "contract":
            return "uint8"
        return "quantized"

    def _quantize(
        self, scheme: str, io_types: str, keep_float: Sequence[str], estimator: str, progress: Progress | None
    ) -> tuple[bytes, dict[str, Any]]:
        """Return the graph, and for int8 how it was made."""
        held_out = None if self.representative is None else self.representative.held_out
        if scheme != "int8" or self.faces is None or held_out is None:
            ranges = {name: span.by(estimator) for name, span in self.ranges.items()}
            return quantize_graph(self.model.graph, scheme, ranges, io_types=io_types, keep_float=keep_float), {}
        choice = choose_quantization(
            self.model.graph,
            self.ranges,
            held_out,
            self.model.scores(held_out).argmax(axis=1),
            io_types=io_types,
            keep_float=keep_float,
            input_range=self.model.input_range,
            estimator=estimator,
            progress=progress,
        )
        left = choice.chosen.float_layers
        if left and not keep_float:
            raise ModelError(
                f"neither ai-edge-quantizer nor TensorFlow has {len(left)} layers of {self.model.path} in int8: give "
                f"{' '.join(f'--keep-float {name}' for name in left[:6])}{' ...' if left[6:] else ''}, or another "
                "--scheme"
            )
        return choice.chosen.graph, choice.as_dict()

    def _card(
        self, graph: bytes, scheme: str, keep_float: Sequence[str], card: CardEntries, choice: dict[str, Any]
    ) -> ModelCard:
        model = self.model
        base = model.card or ModelCard(name="", labels=model.labels, crop_margin=CROP_MARGIN)
        base = replace(base, resize=model.resize)
        takes_pixels = Graph(graph, "the graph").inputs[0].dtype == "UINT8"
        calibration = {}
        if scheme in CALIBRATED and self.representative is not None:
            data = self.data.as_dict()
            how = {key: value for key, value in choice.items() if key != "tried"}
            calibration = {"data": data, **self.representative.as_dict(), **how}
        return replace(
            base,
            name=card.name,
            version=card.version or base.version,
            licence=card.license or base.licence,
            scheme=scheme,
            architecture=model.run_record.get("architecture", base.architecture),
            input_shape=model.input_shape,
            training_data=model.run_record.get("data", base.training_data),
            calibration=calibration,
            seed=model.run_record.get("seed", base.seed),
            source_commit=source_commit(),
            input_range=None if takes_pixels else model.input_range,
            measured={},
            score_adjustment=model.run_record.get("score_adjustment", base.score_adjustment),
            # A calibration is of the scores before: it has to be fitted again.
            score_calibration={},
            keep_float=tuple(keep_float),
        )

    def _compare(self, candidate: Path, progress: Progress | None) -> Comparison | None:
        if self.faces is None or self.expected is None:
            load_in_sandbox(candidate)
            return None
        classifier = check_file(candidate).classifier
        return compare(classifier, self.expected, self.faces, self.split, progress)

    def _proof(
        self,
        candidate: Path,
        card: ModelCard | None,
        final: Path,
        graph: bytes,
        scheme: str,
        keep_float: Sequence[str],
        limits: Limits,
        comparison: Comparison | None,
        violations: Sequence[str],
        choice: dict[str, Any],
    ) -> Proof:
        if self.representative is not None:
            drawn = self.representative.images[: len(self.representative.rows)]
            measured_on = "the representative set"
        else:
            assert self.faces is not None
            drawn = self.model.resized(evenly_spaced(self.faces.images, LAYER_RUNS))
            measured_on = self.split
        images = evenly_spaced(drawn, LAYER_RUNS)
        layers = []
        if scheme != "float32":
            layers = layer_noise(self.model.graph, graph, network_inputs(images, self.model.input_range))
        calibration = {}
        if scheme in CALIBRATED and self.representative is not None:
            rows = [int(row) for row in self.representative.rows]
            calibration = {**self.representative.as_dict(), "rows": rows, **choice}
        return Proof(
            model=final.name if card is None else card.identity,
            scheme=scheme,
            float_model=self.model.path.name,
            float_model_bytes=len(self.model.graph),
            inspection=replace(inspect(candidate), file=final.name),
            comparison=comparison,
            layers=layers,
            layers_over=f"{len(images)} images of {measured_on}",
            folding_error=self.folding_error,
            calibration=calibration,
            keep_float=keep_float,
            limits=limits,
            violations=violations,
            latency=measure_latency(self.model.graph, graph),
            sha256=sha256_of(candidate),
            float_model_sha256=sha256_of(self.model.path),
            delegation=delegation(graph, final.name),
            fused=self.model.fused,
        )


def _write(path: Path, graph: bytes, card: ModelCard | None) -> None:
    if card is not None:
        write_model(path, with_metadata(graph, card), card)
        return
    with replacing(path) as temporary:
        temporary.write_bytes(graph)


def source_commit() -> str:
    """Return the commit of this checkout; an empty string if mien is installed and not checked out."""
    root = Path(__file__).resolve().parent.parent

    def git(*arguments: str) -> str:
        command = ["git", "-C", str(root), *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()

    try:
        # An installed mien may lie inside another project's checkout.
        if Path(git("rev-parse", "--show-toplevel")).resolve() != root:
            return ""
        changed = git("status", "--porcelain", "--untracked-files=no", "--", "edge", "train", "convert")
        return git("rev-parse", "HEAD") + ("-dirty" if changed else "")
    except (OSError, subprocess.CalledProcessError):
        return ""
