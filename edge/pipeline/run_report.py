"""The run report: what a run did and how long it took."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

from edge.pipeline.load_control import LoadControlReport
from edge.system.board import peak_rss_mb, temperature_c, throttled


@dataclass(frozen=True)
class RunReport:
    """One run in figures. `report.schema.json` beside this module describes its JSON.

    Attributes:
        source, model, detector: what ran.
        frames_seen: frames that the source gave or failed to decode.
        frames_processed: frames in which faces were looked for.
        frames_dropped: frames that were seen and not processed, including those that failed.
        frames_failed: frames that the detector or the classifier could not process.
        detector_runs: frames in which the detector ran; in the others faces were propagated.
        faces: faces classified.
        events: events that the sinks received.
        seconds: from the first frame's capture to the end of the last.
        stages: stage to `p50_ms, p95_ms, p99_ms, max_ms`.
        load_control: what load control did to meet `--target-fps` and `--max-cpu`; None without them.
        sinks: sink to `received, delivered, dropped, queued, failures`, see `edge.sinks`.
        cameras: where there are several, the name of each to its own report, without the sinks, which they share; the
            other fields are then those of all together.
    """

    source: str
    model: str
    detector: str
    frames_seen: int
    frames_processed: int
    frames_dropped: int
    frames_failed: int
    detector_runs: int
    faces: int
    events: int
    seconds: float
    stages: dict[str, dict[str, float]]
    load_control: LoadControlReport | None = None
    sinks: dict[str, dict[str, int]] = field(default_factory=dict)
    cameras: dict[str, RunReport] = field(default_factory=dict)

    @property
    def fps(self) -> float:
        """Frames processed per second."""
        return self.frames_processed / self.seconds if self.seconds > 0 else 0.0

    def as_dict(self) -> dict[str, Any]:
        """Return plain values, with memory, and with temperature and throttling where the board reports them."""
        table = {**asdict(self), "fps": self.fps, "peak_rss_mb": peak_rss_mb()}
        table["cameras"] = {name: report.of_camera() for name, report in self.cameras.items()}
        control = self.load_control
        table["load_control"] = {} if control is None else asdict(control)
        # The names that these two fields had in version 0.1; fields are only ever added.
        table["detector_looks"] = self.detector_runs
        table["governor"] = {} if control is None else _legacy(control)
        for key, value in (("temperature_c", temperature_c()), ("throttled", throttled())):
            if value is not None:
                table[key] = value
        return table

    def of_camera(self) -> dict[str, Any]:
        """Return the plain values that concern one camera of several."""
        table = {**asdict(self), "fps": self.fps}
        return {key: value for key, value in table.items() if key not in ("model", "load_control", "sinks", "cameras")}

    def as_text(self) -> str:
        """Return the summary that `mien run` prints."""
        lines = [
            f"{self.frames_processed} frames in {self.seconds:.1f} s ({self.fps:.1f} per second), "
            f"{self.frames_dropped} dropped, {self.faces} faces, {self.events} events, "
            f"peak memory {peak_rss_mb():.0f} MB"
        ]
        if self.detector_runs < self.frames_processed:
            lines.append(f"the detector ran in {self.detector_runs} of them; in the others faces were propagated")
        if self.load_control is not None and self.load_control.changes:
            control = self.load_control
            lines.append(
                f"load control: {control.changes} changes, now {control.level}; at most {control.highest_level}; "
                f"{control.frames_skipped} frames skipped"
            )
        for name, report in self.cameras.items():
            lines.append(
                f"{name}: {report.frames_processed} frames ({report.fps:.1f} per second), {report.frames_dropped} "
                f"dropped, {report.faces} faces, {report.events} events"
            )
        if self.stages:
            lines.append(f"{'ms':<10}{'p50':>8}{'p95':>8}{'p99':>8}{'max':>8}")
        for stage, ms in self.stages.items():
            figures = "".join(f"{ms[key]:>8.2f}" for key in ("p50_ms", "p95_ms", "p99_ms", "max_ms"))
            lines.append(f"{stage:<10}{figures}")
        for name, counts in self.sinks.items():
            if counts["dropped"] or counts["queued"] or counts["failures"]:
                delivery = ", ".join(f"{counts[key]} {key}" for key in ("delivered", "dropped", "queued"))
                lines.append(f"sink {name}: {delivery}; {counts['failures']} attempts failed")
        return "\n".join(lines)


def _legacy(control: LoadControlReport) -> dict[str, Any]:
    return {
        "target_fps": control.target_fps,
        "max_cpu_percent": control.max_cpu_percent,
        "changes": control.changes,
        "now": control.level,
        "most": control.highest_level,
        "frames_left_out": control.frames_skipped,
    }
