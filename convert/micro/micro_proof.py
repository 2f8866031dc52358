"""The proof of a microcontroller project: what the network needs there, and whether it gives the same answers."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from convert.analysis.inspection import Inspection
from convert.analysis.proof import circumstances, tool_versions


@dataclass(frozen=True)
class MicroComparison:
    """TensorFlow Lite for Microcontrollers compared with LiteRT on the same labeled faces.

    Attributes:
        split: name of the split.
        faces: number of faces.
        litert_accuracy, tflm_accuracy: share of the faces that are classified as they are labeled, 0..1.
        agreement: share of the faces for which both predict the same class, 0..1.
        identical: share of the faces whose output codes are all the same, 0..1.
        largest_difference: greatest difference of an output code, in steps of 1/256.
    """

    split: str
    faces: int
    litert_accuracy: float
    tflm_accuracy: float
    agreement: float
    identical: float
    largest_difference: int

    def as_dict(self) -> dict[str, Any]:
        """Return the comparison for JSON."""
        return {**vars(self)}


@dataclass(frozen=True)
class MicroProof:
    """What a network needs on a microcontroller, and how that was measured.

    Attributes:
        model: the card's identity.
        sha256: of the model file.
        inspection: of the model file.
        model_bytes: of the model array.
        table_bytes: constants of the portable network, besides the model array; 0 without a portable network.
        tflm_arena_bytes: the smallest arena in which TensorFlow Lite for Microcontrollers runs the network.
        arena_bytes: the arena of the project, with a margin.
        portable_arena_bytes: memory of the portable network; None if there is none.
        not_portable: why there is no portable network; empty if there is one.
        comparison: on labeled faces; None if no data was given.
        violations: one phrase for each limit that is exceeded.
        tools: versions of the packages that made this proof.
        made: the time (UTC), the command and the processor.
    """

    model: str
    sha256: str
    inspection: Inspection
    model_bytes: int
    table_bytes: int
    tflm_arena_bytes: int
    arena_bytes: int
    portable_arena_bytes: int | None
    not_portable: str
    comparison: MicroComparison | None
    violations: list[str] = field(default_factory=list)
    tools: dict[str, str] = field(default_factory=tool_versions)
    made: dict[str, str] = field(default_factory=circumstances)

    @property
    def flash_bytes(self) -> int:
        """Constants in flash: the model array, and the tables of the portable network. Code comes on top."""
        return self.model_bytes + self.table_bytes

    @property
    def passed(self) -> bool:
        """Whether the network is within all limits."""
        return not self.violations

    def as_dict(self) -> dict[str, Any]:
        """Return the proof for JSON."""
        return {
            "model": self.model,
            "sha256": self.sha256,
            "passed": self.passed,
            "violations": self.violations,
            "flash_bytes": self.flash_bytes,
            "model_bytes": self.model_bytes,
            "table_bytes": self.table_bytes,
            "tflm_arena_bytes": self.tflm_arena_bytes,
            "arena_bytes": self.arena_bytes,
            "portable_arena_bytes": self.portable_arena_bytes,
            "not_portable": self.not_portable,
            "macs": self.inspection.macs,
            "measured": None if self.comparison is None else self.comparison.as_dict(),
            "file": self.inspection.as_dict(),
            "tools": self.tools,
            "made": self.made,
        }

    def as_text(self) -> str:
        """Return the proof as lines for a terminal."""
        kinds = ", ".join(f"{count} {kind}" for kind, count in self.inspection.kinds.items())
        lines = [
            f"{self.model}: {self.inspection.macs / 1e6:.1f} million multiply-accumulates",
            f"operations  {kinds}",
            f"flash       {self.flash_bytes:,} bytes of constants: {self.model_bytes:,} for the model, "
            f"{self.table_bytes:,} for the tables of the portable network",
            f"arena       {self.tflm_arena_bytes:,} bytes in TensorFlow Lite for Microcontrollers, "
            f"{self.arena_bytes:,} with the margin",
        ]
        if self.portable_arena_bytes is None:
            lines.append(f"portable    no: {self.not_portable}")
        else:
            lines.append(f"portable    {self.portable_arena_bytes:,} bytes of memory in plain C")
        if (measured := self.comparison) is not None:
            lines += [
                f"accuracy    {measured.tflm_accuracy:.2%} in TensorFlow Lite for Microcontrollers, "
                f"{measured.litert_accuracy:.2%} in LiteRT ({measured.split}, {measured.faces:,} faces)",
                f"agreement   {measured.agreement:.2%} of the answers; output codes differ by at most "
                f"{measured.largest_difference}/256, and on {measured.identical:.1%} of the faces not at all",
            ]
        return "\n".join(lines)
