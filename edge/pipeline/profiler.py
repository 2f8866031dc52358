"""The profiler: what each stage of a run costs beside its bare part, measured in one run."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import cv2
import numpy as np

from edge.detection import VideoDetector
from edge.inference import Classifier
from edge.pipeline.loop import Components, Pipeline
from edge.recognizer import Recognizer
from edge.sources import Source
from edge.tracking import DetectionInterval
from edge.types import Frame

#: Stage of the loop, and the bare part of it that is measured alone.
BARE_PARTS = {
    "capture": "decode alone",
    "detect": "detector's network alone",
    "classify": "classifier's network alone, once per face",
    "track": "",
    "total": "all these parts",
}


@dataclass(frozen=True)
class StageCost:
    """One stage.

    Attributes:
        stage: its name in the loop.
        part: what was measured bare; empty where the stage has no such part.
        stage_ms: median over the frames; their mean where the detector does not look at the whole of every frame.
        bare_ms: the same of the bare part; None where there is none.
        ratio: `stage_ms` by `bare_ms`, from the sums over all frames.
    """

    stage: str
    part: str
    stage_ms: float
    bare_ms: float | None
    ratio: float | None


@dataclass(frozen=True)
class StageCosts:
    """The profile of one clip.

    Attributes:
        source, detector, model: what ran.
        frames: number of frames that were processed.
        detector_runs: number of frames in which the detector ran.
        faces: number of faces in all frames.
        stages: their costs.
        average: what their times are: medians (`p50`) or means (`mean`).
    """

    source: str
    detector: str
    model: str
    frames: int
    detector_runs: int
    faces: int
    stages: list[StageCost]
    average: Literal["p50", "mean"] = "p50"

    def as_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        # The second name of the count is that of version 0.1.
        return {**asdict(self), "detector_looks": self.detector_runs}


def stage_costs(
    source: Source,
    clip: Path | None,
    recognizer: Recognizer,
    max_frames: int | None,
    interval: DetectionInterval = 1,
) -> StageCosts:
    """Run a source, and after each frame the bare parts that it needed, so that a drift of the machine affects both.

    Args:
        source: where the frames come from.
        clip: the video file behind it, to decode a second time; None where there is none.
        recognizer: its detector and classifier are run bare too, where they have an `invoke`.
        max_frames: number of frames to process at most.
        interval: the detection interval; the detector runs bare as often.
    """
    detector, classifier = recognizer.detector, recognizer.classifier
    pipeline = Pipeline(Components.build(source, recognizer, emit="frame", interval=interval))
    decoder = cv2.VideoCapture(str(clip), cv2.CAP_FFMPEG, [cv2.CAP_PROP_N_THREADS, 1]) if clip else None
    bare_detector: Callable[[], None] | None = getattr(detector, "invoke", None)
    bare_classifier = classifier.invoke if isinstance(classifier, Classifier) else None
    stages_ms: dict[str, list[float]] = {stage: [] for stage in BARE_PARTS}
    bare_ms: dict[str, list[float]] = {stage: [] for stage in BARE_PARTS}
    statistics, faces, runs = pipeline.statistics, 0, 0

    def measure(frame: Frame | None) -> None:
        nonlocal faces, runs
        if frame is None:
            return
        for stage, spent in statistics.frame_ms.items():
            if stage in stages_ms:
                stages_ms[stage].append(spent)
        new_faces, faces = statistics.faces - faces, statistics.faces
        detector_ran, runs = statistics.detector_runs > runs, statistics.detector_runs
        spent_ms = {}
        if decoder is not None:
            spent_ms["capture"] = _timed_ms(decoder.read)
        if bare_detector is not None:
            spent_ms["detect"] = _timed_ms(bare_detector) if detector_ran else 0.0
        if bare_classifier is not None:
            spent_ms["classify"] = sum(_timed_ms(bare_classifier) for _ in range(new_faces))
        for stage, spent in spent_ms.items():
            bare_ms[stage].append(spent)
        if len(spent_ms) == 3:
            bare_ms["total"].append(sum(spent_ms.values()))

    try:
        report = pipeline.run(max_frames, measure)
    finally:
        if decoder is not None:
            decoder.release()
    # Where the detector does not look at the whole of every frame, a median would hide the frames in which it does.
    kind: Literal["p50", "mean"] = "p50" if interval == 1 and not isinstance(detector, VideoDetector) else "mean"
    average = np.median if kind == "p50" else np.mean
    costs = [
        StageCost(
            stage,
            part if bare_ms[stage] else "",
            float(average(stages_ms[stage])),
            float(average(bare_ms[stage])) if bare_ms[stage] else None,
            sum(stages_ms[stage]) / sum(bare_ms[stage]) if sum(bare_ms[stage]) else None,
        )
        for stage, part in BARE_PARTS.items()
    ]
    return StageCosts(
        source.name, detector.name, recognizer.model, report.frames_processed, report.detector_runs, faces, costs, kind
    )


def _timed_ms(call: Callable[[], object]) -> float:
    start_s = time.perf_counter()
    call()
    return (time.perf_counter() - start_s) * 1000
