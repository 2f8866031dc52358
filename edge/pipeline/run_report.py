"""The run report: what the daemon did and how long it took."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

from edge.system.board import peak_rss_mb, temperature_c, throttled


@dataclass(frozen=True)
class RunReport:
    """One run in figures.

    Attributes:
        source, model, detector: what ran.
        frames_seen: frames that the source gave or failed to decode.
        frames_processed: frames in which faces were looked for.
        frames_dropped: frames that were seen and not processed, those that failed among them.
        frames_failed: frames that the detector or the classifier could not cope with.
        detector_looks: frames that the detector looked at; in the others faces were followed.
        faces: faces classified.
        events: events written to the sinks.
        seconds: from the first frame's capture to the end of the last.
        stages: stage to `p50_ms, p95_ms, p99_ms, max_ms`.
        governor: what it did to hold `--target-fps` and `--max-cpu`, see
            `edge.pipeline.load_control.LoadControlReport`; empty without them.
        sinks: sink to `received, delivered, dropped, queued, failures`, see `edge.sinks.DeliveryCounts`.
    """

    source: str
    model: str
    detector: str
    frames_seen: int
    frames_processed: int
    frames_dropped: int
    frames_failed: int
    detector_looks: int
    faces: int
    events: int
    seconds: float
    stages: dict[str, dict[str, float]]
    governor: dict[str, Any] = field(default_factory=dict)
    sinks: dict[str, dict[str, int]] = field(default_factory=dict)

    @property
    def fps(self) -> float:
        """Frames processed a second."""
        return self.frames_processed / self.seconds if self.seconds > 0 else 0.0

    def as_dict(self) -> dict[str, Any]:
        """As plain values, with memory, and temperature and throttling where the board tells them."""
        table = {**asdict(self), "fps": self.fps, "peak_rss_mb": peak_rss_mb()}
        for key, value in (("temperature_c", temperature_c()), ("throttled", throttled())):
            if value is not None:
                table[key] = value
        return table

    def as_text(self) -> str:
        """As a person reads it."""
        lines = [
            f"{self.frames_processed} frames in {self.seconds:.1f} s ({self.fps:.1f} a second), "
            f"{self.frames_dropped} dropped, {self.faces} faces, {self.events} events, "
            f"{peak_rss_mb():.0f} MB of memory at most"
        ]
        if self.detector_looks < self.frames_processed:
            lines.append(f"the detector looked at {self.detector_looks} of them; in the others faces were followed")
        if self.governor.get("changes"):
            did = self.governor
            lines.append(
                f"governor: {did['changes']} changes, now {did['now']}; at most {did['most']}; "
                f"{did['frames_left_out']} frames left out"
            )
        if self.stages:
            lines.append(f"{'ms':<10}{'p50':>8}{'p95':>8}{'p99':>8}{'max':>8}")
        for stage, ms in self.stages.items():
            figures = "".join(f"{ms[key]:>8.2f}" for key in ("p50_ms", "p95_ms", "p99_ms", "max_ms"))
            lines.append(f"{stage:<10}{figures}")
        for name, counts in self.sinks.items():
            if counts["dropped"] or counts["queued"] or counts["failures"]:
                told = ", ".join(f"{counts[key]} {key}" for key in ("delivered", "dropped", "queued"))
                lines.append(f"sink {name}: {told}; {counts['failures']} attempts failed")
        return "\n".join(lines)
