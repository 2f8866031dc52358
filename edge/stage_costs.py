"""What a run's stages cost beside their bare parts, in one run: where time goes that no network needs."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from edge.classify import Classifier
from edge.detect import Detector
from edge.pipeline import Parts, Pipeline
from edge.sources import Source
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
        stage_ms: median over the frames.
        bare_ms: median over the frames; None where there is none.
        ratio: the one by the other, as the sums over all frames have it.
    """

    stage: str
    part: str
    stage_ms: float
    bare_ms: float | None
    ratio: float | None


@dataclass(frozen=True)
class StageCosts:
    """A profile of one clip."""

    source: str
    detector: str
    model: str
    frames: int
    faces: int
    stages: list[StageCost]

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)


def stage_costs(
    source: Source, clip: Path | None, detector: Detector, classifier: Classifier, max_frames: int | None
) -> StageCosts:
    """Run a source, and after each frame the bare parts that it needed, so that a drift of the machine hits both.

    Args:
        source: where the frames come from.
        clip: the video file behind it, to be decoded a second time; None where there is none.
        detector: one with an `invoke` is run bare too.
        classifier: the model.
        max_frames: stop after so many.
    """
    pipeline = Pipeline(Parts(source, detector, classifier, emit="frame"))
    again = cv2.VideoCapture(str(clip), cv2.CAP_FFMPEG, [cv2.CAP_PROP_N_THREADS, 1]) if clip else None
    bare_detector: Callable[[], None] | None = getattr(detector, "invoke", None)
    stages_ms: dict[str, list[float]] = {stage: [] for stage in PARTS}
    bare_ms: dict[str, list[float]] = {stage: [] for stage in PARTS}
    faces = 0

    def after(frame: Frame | None) -> None:
        nonlocal faces
        if frame is None:
            return
        for stage, spent in pipeline.frame_ms.items():
            if stage in stages_ms:
                stages_ms[stage].append(spent)
        found = pipeline.faces - faces
        faces = pipeline.faces
        spent_ms = {}
        if again is not None:
            spent_ms["capture"] = _timed_ms(again.read)
        if bare_detector is not None:
            spent_ms["detect"] = _timed_ms(bare_detector)
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
    costs = [
        StageCost(
            stage,
            part if bare_ms[stage] else "",
            float(np.median(stages_ms[stage])),
            float(np.median(bare_ms[stage])) if bare_ms[stage] else None,
            sum(stages_ms[stage]) / sum(bare_ms[stage]) if sum(bare_ms[stage]) else None,
        )
        for stage, part in PARTS.items()
    ]
    return StageCosts(source.name, detector.name, classifier.card.identity, report.frames_processed, faces, costs)


def _timed_ms(call: Callable[[], object]) -> float:
    begin_s = time.perf_counter()
    call()
    return (time.perf_counter() - begin_s) * 1000
