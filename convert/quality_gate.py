"""The quality gate: the limits on what a conversion may cost, and advice for a model that exceeds them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass

from convert.analysis.layer_noise import LayerNoise
from convert.analysis.verification import Comparison


@dataclass(frozen=True)
class Limits:
    """The limits of the quality gate.

    Attributes:
        max_drop: the largest permitted loss of accuracy, in percentage points.
        min_agreement: the least percentage of faces on which the float and the converted model must give the same
            answer.
        max_class_drop: the largest permitted loss of recall of any one class, in percentage points. A loss that may be
            by chance, because the class has few faces, is permitted.
        min_above_chance: the least mean recall of the float model above that of guessing, in percentage points: a
            model that was not trained, or gets other values than it was trained on, loses nothing by its conversion.
    """

    max_drop: float = 1.0
    min_agreement: float = 95.0
    max_class_drop: float = 10.0
    min_above_chance: float = 10.0

    def as_dict(self) -> dict[str, float]:
        """Return the limits for JSON."""
        return asdict(self)

    def violations(self, comparison: Comparison) -> list[str]:
        """Return one phrase for each limit that is exceeded; an empty list if the model passes. NaN never passes."""
        found = []
        if not comparison.drop_points <= self.max_drop:
            found.append(f"accuracy drops {comparison.drop_points:.2f} points, more than --max-drop {self.max_drop:g}")
        if not 100 * comparison.agreement >= self.min_agreement:
            found.append(
                f"the same answer on {100 * comparison.agreement:.2f} %, less than "
                f"--min-agreement {self.min_agreement:g}"
            )
        for label, drop in sorted(comparison.class_drops().items(), key=lambda pair: -pair[1]):
            # One face of four is no evidence.
            if not drop <= self.max_class_drop and comparison.is_significant(label):
                found.append(
                    f"{label} loses {drop:.1f} points of recall, more than --max-class-drop {self.max_class_drop:g}"
                )
        if not self.is_trained(comparison):
            found.append(
                f"the float model's mean recall is {comparison.points_above_chance:.1f} points above guessing, less "
                f"than --min-above-chance {self.min_above_chance:g}: it is not trained, or was trained on other values "
                "than these pixels (see --input-range and --class-order)"
            )
        return found

    def is_trained(self, comparison: Comparison) -> bool:
        """Whether the float model has learned something, as far as its answers to these faces show. NaN has not."""
        return comparison.points_above_chance >= self.min_above_chance


def worst_layers(layers: Sequence[LayerNoise], n: int = 3) -> list[LayerNoise]:
    """Return the `n` layers with the lowest signal-to-noise ratio, lowest first."""
    return sorted(layers, key=lambda layer: layer.sqnr_db)[:n]


def advice(scheme: str, samples: int | None, layers: Sequence[LayerNoise], keep_float: Sequence[str] = ()) -> str:
    """Return what to try with a model that the quality gate rejected.

    Args:
        scheme: the scheme that was rejected.
        samples: the number of images it was calibrated on; None if it was not calibrated.
        layers: the noise of each layer.
        keep_float: the layers that stayed in float.
    """
    options = []
    if scheme in ("int8", "int16x8") and samples is not None:
        options.append(f"--samples {2 * samples}")
    if scheme == "int8":
        options.append("--scheme int16x8")
        quantized = [layer for layer in layers if layer.layer not in keep_float]
        options += [f"--keep-float {layer.layer}" for layer in worst_layers(quantized, 1)]
    elif scheme in ("int16x8", "dynamic"):
        options.append("--scheme float16")
    return f"try {', '.join(options)}" if options else "train it again"
