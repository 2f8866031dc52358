"""The proof: everything that a reviewer of a converted model needs, in one record."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from convert.analysis.inspection import Inspection
from convert.analysis.latency import Latency
from convert.analysis.layer_noise import LayerNoise
from convert.analysis.verification import Comparison
from convert.quality_gate import Limits, worst_layers
from convert.targets import TargetReport
from edge.system.board import processor
from edge.system.processes import command_line

#: The packages whose versions decide the bytes of the converted file.
TOOLS = ("mien", "tensorflow", "keras", "ai-edge-quantizer", "ai-edge-litert", "tflite-micro", "numpy")


def tool_versions() -> dict[str, str]:
    """Return the versions of the packages in `TOOLS` that are installed."""
    found = {}
    for name in TOOLS:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def circumstances() -> dict[str, str]:
    """Return the time (UTC), this process' command without its folder, and the processor."""
    return {
        "time": datetime.now(UTC).isoformat(timespec="seconds"),
        "command": command_line(),
        "processor": processor(),
    }


@dataclass(frozen=True)
class Proof:
    """What a conversion cost, and how that was measured.

    Attributes:
        model: the card's identity, or the file's name.
        scheme: one of `convert.schemes.SCHEMES`.
        float_model: file name of the float model.
        float_model_bytes: size of the float .tflite.
        inspection: of the converted file.
        comparison: on labeled faces; None for a network that is not a classifier.
        layers: noise of each layer, in the order of computation; empty if nothing was quantized.
        layers_over: what the layers were measured on, in words.
        folding_error: greatest difference of a probability between the model and its float .tflite.
        calibration: the card's entries about it, and the rows that were drawn.
        keep_float: layers that were to stay in float.
        limits: of the quality gate.
        violations: one phrase for each limit that is exceeded.
        latency: of the float and the converted network, in the same process; None if it was not measured.
        sha256: of the converted file; of one that has a card, with it.
        float_model_sha256: of the float model's file; of a folder, over its files' names and hashes.
        delegation: which operations of the converted file XNNPACK takes.
        fused: kinds of the operations of the float model that were fused into others, each with their number.
        tools: versions of the packages that made this proof; if proof and file were made together, also the file's.
        made: the time (UTC), the command and the processor.
    """

    model: str
    scheme: str
    float_model: str
    float_model_bytes: int
    inspection: Inspection
    comparison: Comparison | None
    layers: Sequence[LayerNoise]
    layers_over: str
    folding_error: float
    calibration: dict[str, Any]
    keep_float: Sequence[str]
    limits: Limits
    violations: Sequence[str]
    latency: Latency | None
    sha256: str
    float_model_sha256: str
    delegation: TargetReport
    fused: dict[str, int] = field(default_factory=dict)
    tools: dict[str, str] = field(default_factory=tool_versions)
    made: dict[str, str] = field(default_factory=circumstances)

    @property
    def passed(self) -> bool:
        """Whether the model is within all limits of the quality gate."""
        return not self.violations

    def as_dict(self) -> dict[str, Any]:
        """Return the proof for JSON."""
        return {
            "model": self.model,
            "scheme": self.scheme,
            "source": self.float_model,
            "source_bytes": self.float_model_bytes,
            "source_sha256": self.float_model_sha256,
            "sha256": self.sha256,
            "passed": self.passed,
            "violations": list(self.violations),
            "limits": self.limits.as_dict(),
            "measured": None if self.comparison is None else self.comparison.as_dict(),
            "significance": None if self.comparison is None else self.comparison.significance(),
            "latency": None if self.latency is None else self.latency.as_dict(),
            "folding_error": self.folding_error,
            "calibration": self.calibration,
            "keep_float": list(self.keep_float),
            "layers": [layer.as_dict() for layer in self.layers],
            "layers_over": self.layers_over,
            "delegation": self.delegation.as_dict(),
            "fused": self.fused,
            "file": self.inspection.as_dict(),
            "tools": self.tools,
            "made": self.made,
        }

    def as_text(self) -> str:
        """Return the proof as tables for a terminal."""
        inspection = self.inspection
        kinds = ", ".join(f"{count} {kind}" for kind, count in inspection.kinds.items())
        floats = inspection.float_operations
        lines = [
            f"{self.model}: {inspection.file_bytes / 1024:.0f} KiB, "
            f"the float .tflite {self.float_model_bytes / 1024:.0f} KiB",
            f"operations: {kinds}",
            "float operations: "
            + (f"{len(floats)}: {', '.join(f'{row.layer} ({row.kind})' for row in floats[:6])}" if floats else "none"),
            self.delegation.as_text(),
        ]
        if self.delegation.is_split:
            lines.append("warning: the parts that XNNPACK runs are slower than one part would be")
        if self.fused:
            lines.append(f"fused into other operations: {', '.join(f'{n} {kind}' for kind, n in self.fused.items())}")
        if "tried" in self.calibration:
            lines.append(_choice_line(self.calibration))
        if self.latency is not None:
            lines.append(
                f"network, 1 thread: {self.latency.converted_ms:.3f} ms, {self.latency.ratio:.2f} of the float one's "
                f"{self.latency.float_ms:.3f} ms"
            )
        if self.comparison is not None:
            lines += ["", *_comparison_lines(self.comparison)]
        if self.layers:
            lines += ["", *_layer_lines(self.layers, self.layers_over)]
        return "\n".join(lines)


def _choice_line(calibration: dict[str, Any]) -> str:
    ways = [
        f"{way['agreement']:.1%} by {way['ranges']} of {way['quantizer']}"
        + (f" ({way['float_layers']} layers in float)" if way["float_layers"] else "")
        for way in calibration["tried"]
    ]
    return (
        f"quantized by {calibration['quantizer']}, ranges by {calibration['ranges']}; same answer on "
        f"{calibration['tried'][0]['n']} other faces: {', '.join(ways)}"
    )


def _comparison_lines(comparison: Comparison) -> list[str]:
    before, after = comparison.before, comparison.after
    rows = [
        f"{comparison.split + ', ' + str(after.n) + ' faces':<24}{'float':>9}{'after':>9}{'change':>9}",
        f"{'accuracy':<24}{before.accuracy:>9.2%}{after.accuracy:>9.2%}{0 - comparison.drop_points:>+9.2f}",
        f"{'macro-F1':<24}{before.macro_f1:>9.4f}{after.macro_f1:>9.4f}{after.macro_f1 - before.macro_f1:>+9.4f}",
    ]
    for label, drop in comparison.class_drops().items():
        rows.append(f"{'recall ' + label:<24}{before.recall[label]:>9.1%}{after.recall[label]:>9.1%}{0 - drop:>+9.1f}")
    rows.append(
        f"same answer on {comparison.agreement:.2%}; a probability changes by {comparison.mean_change:.4f} on average, "
        f"by {comparison.worst_change:.4f} at worst"
    )
    low, high = comparison.drop_interval
    rows.append(
        f"accuracy lost: {comparison.drop_points:.2f} points, 95 % interval {low:.2f} to {high:.2f}; {comparison.lost} "
        f"faces lost, {comparison.gained} gained, McNemar's p = {comparison.p_value:.2g}"
    )
    if comparison.only_answer:
        rows.append(
            f"warning: the answer is {comparison.only_answer} for every face: was the model trained, and on pixels of "
            "this range?"
        )
    return rows


def _layer_lines(layers: Sequence[LayerNoise], measured_on: str) -> list[str]:
    rows = [
        f"layers with the most noise, of {len(layers)}, over {measured_on}",
        f"{'layer':<28}{'kind':<18}{'SQNR':>8}  {'activations':<20}{'code range':<20}{'weights':<18}",
    ]
    for layer in worst_layers(layers, 5):
        rows.append(
            f"{layer.layer[:27]:<28}{layer.kind[:17]:<18}{layer.sqnr_db:>5.1f} dB  {_interval(layer.activation):<20}"
            f"{_interval(layer.spanned):<20}{_interval(layer.weight):<18}".rstrip()
        )
    return rows


def _interval(values: tuple[float, float] | None) -> str:
    return "" if values is None else f"{values[0]:.3g} .. {values[1]:.3g}"
