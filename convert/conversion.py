"""One float model to one or more schemes: quantize, check, score, prove, and only then give it its name."""

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
from convert.analysis.layer_noise import layer_noise
from convert.analysis.proof import Proof
from convert.analysis.proof_page import write_page
from convert.analysis.verification import Comparison, check_file, compare
from convert.calibration import LAYER_RUNS, RepresentativeSet, evenly_spaced, network_inputs
from convert.float_model import PIXELS, FloatModel
from convert.metadata import with_metadata
from convert.quality_gate import Limits, advice, worst_layers
from convert.quantization import quantize_graph
from convert.sandbox import load_in_sandbox
from convert.schemes import CALIBRATED
from edge.datasets.reader import Faces
from edge.inference.contract import CROP_MARGIN
from edge.inference.flatbuffer import Graph
from edge.inference.model_card import ModelCard, write_model
from edge.system.atomic_files import replacing, write_json
from edge.system.hashing import sha256_of

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Conversion:
    """What all schemes of one model share.

    Attributes:
        source: the float model.
        representative: what it is calibrated on; None where no scheme needs that.
        faces, split: what it is scored on; None for a network that is no classifier.
        expected: the float model's scores for `faces`.
        ranges: of the activations; empty where no scheme needs them.
        data: the file or folder that the images came from.
        folding_error: see `FloatModel.check_folding`.
    """

    source: FloatModel
    representative: RepresentativeSet | None
    faces: Faces | None
    split: str
    expected: npt.NDArray[np.float32] | None
    ranges: dict[str, Range]
    data: Path
    folding_error: float

    @classmethod
    def prepare(
        cls,
        source: FloatModel,
        representative: RepresentativeSet | None,
        faces: Faces | None,
        split: str,
        data: Path,
        progress: Progress,
    ) -> Conversion:
        """Check the float graph, let the float model answer, and read the ranges.

        Raises:
            ModelError: the graph does not answer as the model did, or a tensor is not a number.
        """
        folding_error = source.check_folding(evenly_spaced(faces.images, LAYER_RUNS)) if faces is not None else 0.0
        ranges = {}
        if representative is not None:
            ranges = activation_ranges(
                source.graph,
                lambda: representative.inputs(source.input_range),
                len(representative.images),
                source.input_range,
                progress,
            )
        expected = None if faces is None else source.scores(faces.images)
        return cls(source, representative, faces, split, expected, ranges, data, folding_error)

    def convert(
        self,
        scheme: str,
        target: Path,
        *,
        keep_float: Sequence[str],
        limits: Limits,
        keep_refused: bool,
        card: dict[str, Any],
        progress: Progress,
    ) -> Proof:
        """Convert to one scheme; write the model, its proof and the page unless the gate refuses it.

        Args:
            scheme: one of `convert.schemes.SCHEMES`.
            target: the .tflite to write.
            keep_float: layers that stay in float.
            limits: of the gate.
            keep_refused: write what the gate refuses too, under another name.
            card: name, version and licence.
            progress: called with (faces scored, all of them).

        Returns:
            The proof; its `violations` say why the gate refused.
        """
        graph = quantize_graph(
            self.source.graph, scheme, self.ranges, io_types=self._io_types(scheme), keep_float=keep_float
        )
        made_folder = not target.parent.exists()
        target.parent.mkdir(parents=True, exist_ok=True)
        # Beside the final name, so that only a file that has passed ever bears it.
        candidate = target.with_name(f".{target.stem}-candidate.tflite")
        pages = candidate.with_suffix(".json"), candidate.with_suffix(".html")
        try:
            # No classifier: no labels, so no card.
            full = None if self.faces is None else self._card(graph, scheme, keep_float, card)
            _write(candidate, graph, full)
            comparison = self._compare(candidate, progress)
            violations = [] if comparison is None else limits.violations(comparison)
            final = target if not violations else rejected_path(target)
            if full is not None and comparison is not None:
                full = replace(full, measured=comparison.as_dict())
                _write(candidate, graph, full)
            proof = self._proof(candidate, full, final, graph, scheme, keep_float, limits, comparison, violations)
            if not violations or keep_refused:
                write_json(pages[0], proof.as_dict())
                write_page(pages[1], proof)
                # All three are on the disk: names cost no space.
                for page, name in zip(pages, proof_names(final), strict=True):
                    page.replace(name)
                candidate.replace(final)
        finally:
            for leftover in (candidate, *pages):
                leftover.unlink(missing_ok=True)
            if made_folder:
                # Only if nothing came to lie in it.
                with suppress(OSError):
                    target.parent.rmdir()
        return proof

    def refusal(self, proof: Proof) -> str:
        """Why the gate refused, where the noise is, and what to try: one line."""
        worst = ", ".join(f"{layer.layer} ({layer.sqnr_db:.1f} dB)" for layer in worst_layers(proof.layers))
        samples = None if self.representative is None else len(self.representative.rows)
        return (
            f"{proof.scheme} is refused: {'; '.join(proof.violations)}"
            + (f"; most noise in {worst}" if worst else "")
            + f"; {advice(proof.scheme, samples, proof.layers, proof.keep_float)}"
        )

    def _io_types(self, scheme: str) -> str:
        if self.faces is None:
            return "float32"
        if scheme == "int8" and self.source.input_range == PIXELS and self.source.resize == "contract":
            return "uint8"
        return "quantized"

    def _card(self, graph: bytes, scheme: str, keep_float: Sequence[str], card: dict[str, Any]) -> ModelCard:
        source = self.source
        base = source.card or ModelCard(name="", labels=source.labels, crop_margin=CROP_MARGIN)
        base = replace(base, resize=source.resize)
        takes_pixels = Graph(graph, "the graph").inputs[0].dtype == "UINT8"
        calibration = {}
        if scheme in CALIBRATED and self.representative is not None:
            data = {"name": self.data.name, "sha256": sha256_of(self.data)}
            calibration = {"data": data, **self.representative.as_dict()}
        return replace(
            base,
            name=card["name"],
            version=card["version"] or base.version,
            licence=card["licence"] or base.licence,
            scheme=scheme,
            architecture=source.run.get("architecture", base.architecture),
            input_shape=source.input_shape,
            training_data=source.run.get("data", base.training_data),
            calibration=calibration,
            seed=source.run.get("seed", base.seed),
            source_commit=source_commit(),
            input_range=None if takes_pixels else source.input_range,
            measured={},
            keep_float=tuple(keep_float),
        )

    def _compare(self, candidate: Path, progress: Progress) -> Comparison | None:
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
    ) -> Proof:
        if self.representative is not None:
            drawn = self.representative.images[: len(self.representative.rows)]
            over = "the representative set"
        else:
            assert self.faces is not None
            drawn, over = self.source.resized(evenly_spaced(self.faces.images, LAYER_RUNS)), self.split
        some = evenly_spaced(drawn, LAYER_RUNS)
        layers = []
        if scheme != "float32":
            layers = layer_noise(self.source.graph, graph, network_inputs(some, self.source.input_range))
        calibration = {}
        if scheme in CALIBRATED and self.representative is not None:
            calibration = {**self.representative.as_dict(), "rows": [int(row) for row in self.representative.rows]}
        return Proof(
            model=final.name if card is None else card.identity,
            scheme=scheme,
            source=self.source.path.name,
            source_bytes=len(self.source.graph),
            inspection=replace(inspect(candidate), file=final.name),
            comparison=comparison,
            layers=layers,
            layers_over=f"{len(some)} images of {over}",
            folding_error=self.folding_error,
            calibration=calibration,
            keep_float=keep_float,
            limits=limits,
            violations=violations,
        )


def _write(path: Path, graph: bytes, card: ModelCard | None) -> None:
    if card is not None:
        write_model(path, with_metadata(graph, card), card)
        return
    with replacing(path) as temporary:
        temporary.write_bytes(graph)


def proof_names(model: Path) -> tuple[Path, Path]:
    """Where the proof of a model lies: as JSON, and as a page."""
    return model.with_name(f"{model.stem}-proof.json"), model.with_name(f"{model.stem}-proof.html")


def rejected_path(model: Path) -> Path:
    """Where a model is left that the gate refused."""
    return model.with_name(f"{model.stem}-refused.tflite")


def source_commit() -> str:
    """The commit of this checkout; empty where mien is installed, not checked out."""
    root = Path(__file__).resolve().parent.parent

    def git(*arguments: str) -> str:
        command = ["git", "-C", str(root), *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()

    try:
        # An installed mien may lie inside somebody else's checkout.
        if Path(git("rev-parse", "--show-toplevel")).resolve() != root:
            return ""
        changed = git("status", "--porcelain", "--untracked-files=no", "--", "edge", "train", "convert")
        return git("rev-parse", "HEAD") + ("-dirty" if changed else "")
    except (OSError, subprocess.CalledProcessError):
        return ""
