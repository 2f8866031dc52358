"""What a run's stages cost beside their bare parts, in one run: where time goes that no network needs."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from edge.detection import Detector
from edge.inference.classifier import Classifier
from edge.pipeline.loop import Parts, Pipeline
from edge.sources import Source
from edge.tracking.scheduler import Cadence
from edge.types import Frame

#: Of the pipeline, and what of it is measured bare.
PARTS = {
    "capture": "decode alone",
    "detect": "detector's network alone",
    "classify": "classifier's network alone, once a face",
    "track": "",
    "total": "all these parts",
}


@dataclass(frozen=True)
class StageCost:
    """One stage.

    Attributes:
        stage: the pipeline's.
        part: what was measured bare; empty where the stage has no such part.
        stage_ms: median over the frames; their mean where the detector does not look at every one.
        bare_ms: the same of the part; None where there is none.
        ratio: the one by the other, as the sums over all frames have it.
    """

    stage: str
    part: str
    stage_ms: float
    bare_ms: float | None
    ratio: float | None


@dataclass(frozen=True)
class StageCosts:
    """A profile of one clip.

    Attributes:
        frames: how many were processed.
        detector_looks: how many of them the detector looked at.
        faces: in all frames.
    """

    source: str
    detector: str
    model: str
    frames: int
    detector_looks: int
    faces: int
    stages: list[StageCost]

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)


def stage_costs(
    source: Source,
    clip: Path | None,
    detector: Detector,
    classifier: Classifier,
    max_frames: int | None,
    cadence: Cadence = 1,
) -> StageCosts:
    """Run a source, and after each frame the bare parts that it needed, so that a drift of the machine hits both.

    Args:
        source: where the frames come from.
        clip: the video file behind it, to be decoded a second time; None where there is none.
        detector: one with an `invoke` is run bare too.
        classifier: the model.
        max_frames: stop after so many.
        cadence: how often the detector looks; it runs bare as often.
    """
    pipeline = Pipeline(Parts(source, detector, classifier, emit="frame", cadence=cadence))
    again = cv2.VideoCapture(str(clip), cv2.CAP_FFMPEG, [cv2.CAP_PROP_N_THREADS, 1]) if clip else None
    bare_detector: Callable[[], None] | None = getattr(detector, "invoke", None)
    stages_ms: dict[str, list[float]] = {stage: [] for stage in PARTS}
    bare_ms: dict[str, list[float]] = {stage: [] for stage in PARTS}
    faces = looks = 0

    def after(frame: Frame | None) -> None:
        nonlocal faces, looks
        if frame is None:
            return
        for stage, spent in pipeline.frame_ms.items():
            if stage in stages_ms:
                stages_ms[stage].append(spent)
        found = pipeline.faces - faces
        faces = pipeline.faces
        looked = pipeline.detector_looks > looks
        looks = pipeline.detector_looks
        spent_ms = {}
        if again is not None:
            spent_ms["capture"] = _timed_ms(again.read)
        if bare_detector is not None:
            spent_ms["detect"] = _timed_ms(bare_detector) if looked else 0.0
        spent_ms["classify"] = sum(_timed_ms(classifier.invoke) for _ in range(found))
        for stage, spent in spent_ms.items():
            bare_ms[stage].append(spent)
        if again is not None and bare_detector is not None:
            bare_ms["total"].append(sum(spent_ms.values()))

    try:
        report = pipeline.run(max_frames, after)
    finally:
        if again is not None:
            again.release()
    # Most frames have none of the detector's cost: a median would hide it.
    average = np.median if cadence == 1 else np.mean
    costs = [
        StageCost(
            stage,
            part if bare_ms[stage] else "",
            float(average(stages_ms[stage])),
            float(average(bare_ms[stage])) if bare_ms[stage] else None,
            sum(stages_ms[stage]) / sum(bare_ms[stage]) if sum(bare_ms[stage]) else None,
        )
        for stage, part in PARTS.items()
    ]
    model, frames = classifier.card.identity, report.frames_processed
    return StageCosts(source.name, detector.name, model, frames, report.detector_looks, faces, costs)


def _timed_ms(call: Callable[[], object]) -> float:
    begin_s = time.perf_counter()
    call()
    return (time.perf_counter() - begin_s) * 1000
