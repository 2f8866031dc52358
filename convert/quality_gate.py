"""The gate: how much a conversion may cost, and what to try when it costs more."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass

from convert.analysis.layer_noise import LayerNoise
from convert.analysis.verification import Comparison


@dataclass(frozen=True)
class Limits:
    """What a conversion may cost at most.

    Attributes:
        max_drop: points of accuracy.
        min_agreement: percent of faces on which float and converted model answer the same.
        max_class_drop: points of recall of any one class.
    """

    max_drop: float = 1.0
    min_agreement: float = 95.0
    max_class_drop: float = 10.0

    def as_dict(self) -> dict[str, float]:
        """For JSON."""
        return asdict(self)

    def violations(self, comparison: Comparison) -> list[str]:
        """What is past a limit, each in a few words; nothing where all is well. A NaN passes no limit."""
        found = []
        if not comparison.drop_points <= self.max_drop:
            found.append(f"accuracy drops {comparison.drop_points:.2f} points, more than --max-drop {self.max_drop:g}")
        if not 100 * comparison.agreement >= self.min_agreement:
            found.append(
                f"the same answer on {100 * comparison.agreement:.2f} %, less than "
                f"--min-agreement {self.min_agreement:g}"
            )
        for label, drop in sorted(comparison.class_drops().items(), key=lambda pair: -pair[1]):
            if not drop <= self.max_class_drop:
                found.append(
                    f"{label} loses {drop:.1f} points of recall, more than --max-class-drop {self.max_class_drop:g}"
                )
        return found


def worst_layers(layers: Sequence[LayerNoise], n: int = 3) -> list[LayerNoise]:
    """The layers with the least signal-to-noise ratio, worst first."""
    return sorted(layers, key=lambda layer: layer.sqnr_db)[:n]


def advice(scheme: str, samples: int | None, layers: Sequence[LayerNoise], kept: Sequence[str] = ()) -> str:
    """What to try when the gate refuses; `kept` are layers that are in float already."""
    tries = []
    if scheme in ("int8", "int16x8") and samples is not None:
        tries.append(f"--samples {2 * samples}")
    if scheme == "int8":
        tries.append("--scheme int16x8")
        quantised = [layer for layer in layers if layer.layer not in kept]
        tries += [f"--keep-float {layer.layer}" for layer in worst_layers(quantised, 1)]
    elif scheme in ("int16x8", "dynamic"):
        tries.append("--scheme float16")
    return f"try {', '.join(tries)}" if tries else "train it again"
