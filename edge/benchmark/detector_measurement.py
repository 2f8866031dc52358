"""The verb `measure_detectors`: recall by size, false positives and cost of face detectors."""

from __future__ import annotations

import csv
import io
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from edge.benchmark.conditions import condition_warnings, machine, read_machine_state
from edge.benchmark.face_matching import MIN_IOU, SIZE_LIMITS, Matches, match_faces
from edge.benchmark.intervals import Estimate, bootstrap, median, wilson
from edge.benchmark.passes import Progress
from edge.benchmark.wider_face import LabeledPicture, read_wider
from edge.benchmark.wild_results import header
from edge.detection import DEFAULT_DETECTOR, Detector, open_detector
from edge.errors import DataError, MienError, WrongUseError
from edge.images import read_image
from edge.inference import Threads
from edge.system.hashing import sha256_of
from edge.system.untrusted_text import printable, spreadsheet_cell
from edge.types import Detection, Frame

#: Its time on the same picture is 1: it has been the same since the first version, and one run of it is short.
REFERENCE = "blazeface"


@dataclass
class _Subject:
    """One detector, as `--detector` has it, its short name for tables, and what it did in each picture."""

    spec: str
    name: str
    detector: Detector
    matches: list[Matches] = field(default_factory=list)
    ms: list[float] = field(default_factory=list)


def measure_detectors(
    data: Path | str,
    boxes: Path | str,
    detectors: Sequence[str] = (DEFAULT_DETECTOR,),
    *,
    threads: Threads = 1,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Measure face detectors on photographs in which all faces are labeled.

    Every detector runs on each picture in turn, and so does `blazeface`, so that a change of the machine's speed
    affects all of them. Ctrl-C ends the measurement; the results are then those of the pictures until there.

    Args:
        data: the folder that the paths in `boxes` start from, such as `WIDER_val/images`.
        boxes: the labeled faces, in the text format of WIDER FACE.
        detectors: as `--detector` has them, each once.
        threads: of each interpreter.
        progress: called with the current task, and its finished and all steps.

    Returns:
        The results, as `detectors.schema.json` describes them; `partial` is true if the measurement was interrupted.

    Raises:
        WrongUseError: a detector is given twice, or there is no such detector.
        DataError: the boxes cannot be read, or none of the pictures.
        DetectorError: a detector does not work here, or its weights are missing.
    """
    data, report = Path(data), progress or (lambda task, done, total: None)
    if len(set(detectors)) != len(detectors):
        raise WrongUseError(f"--detector {' '.join(detectors)}: expected each detector only once")
    pictures = read_wider(Path(boxes))
    specs = list(dict.fromkeys((REFERENCE, *detectors)))
    subjects = [
        _Subject(spec, name, open_detector(spec, threads)) for spec, name in zip(specs, _names(specs), strict=True)
    ]
    unreadable: dict[str, str] = {}
    before, partial = read_machine_state(), False
    try:
        for i, picture in enumerate(pictures):
            report("detecting", i, len(pictures))
            _detect(data, picture, subjects, i, unreadable)
    except KeyboardInterrupt:
        partial = True
    after = read_machine_state()
    n = min(len(subject.matches) for subject in subjects)
    if not n and not partial:
        reason = next(iter(unreadable.values()))
        raise DataError(f"none of the {len(pictures)} pictures in {data} can be read; the first: {reason}")
    notes = condition_warnings(before, after)
    if unreadable:
        notes.append(f"{len(unreadable)} of {len(pictures)} pictures could not be read, and are not counted")
    reference_ms = np.array(subjects[0].ms[:n])
    counted = [size for matches in subjects[0].matches[:n] for size, _ in matches.faces]
    return {
        **header("detectors", partial, notes),
        "data": {
            "name": printable(data.resolve().name),
            "boxes": printable(Path(boxes).name),
            "boxes_sha256": sha256_of(Path(boxes)),
            "pictures": n,
            "faces": len(counted),
            "faces_by_size": [counted.count(i) for i in range(len(SIZE_LIMITS))],
            "size_limits": list(SIZE_LIMITS),
            "min_iou": MIN_IOU,
            "unreadable": [{"file": printable(name), "reason": printable(why)} for name, why in unreadable.items()],
        },
        "machine": machine(),
        "threads": str(threads),
        "reference": REFERENCE,
        "detectors": [_figures(subject, n, reference_ms) for subject in subjects if subject.spec in detectors],
    }


def detector_csv(results: dict[str, Any]) -> str:
    """Return the results of `measure_detectors` as CSV, a row for each detector."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    names = ["recall", *(f"recall_from_{limit:g}" for limit in SIZE_LIMITS), "false_per_100", "ms", "cost"]
    writer.writerow(["detector"] + [f"{name}{end}" for name in names for end in ("", "_low", "_high")])
    for detector in results["detectors"]:
        row: list[object] = [spreadsheet_cell(detector["name"])]
        estimates = [detector["recall"], *detector["recall_by_size"]]
        for estimate in [*estimates, *(detector[key] for key in ("false_per_100", "ms", "cost"))]:
            row += [estimate[key] for key in ("value", "low", "high")] if estimate else ["", "", ""]
        writer.writerow(row)
    return buffer.getvalue()


def _names(specs: Sequence[str]) -> list[str]:
    """Return the detectors without the folders of their weights files, unless two would have one name."""
    parts = [spec.partition(":") for spec in specs]
    names = [f"{kind}{mark}{Path(path).name}" for kind, mark, path in parts]
    return names if len(set(names)) == len(names) else list(specs)


def _detect(
    data: Path, picture: LabeledPicture, subjects: Sequence[_Subject], turn: int, unreadable: dict[str, str]
) -> None:
    """Run every detector on one picture, in another order each time."""
    results = {}
    start = turn % len(subjects)
    try:
        image = read_image(data / picture.name)
        for subject in (*subjects[start:], *subjects[:start]):
            if not subject.ms:
                # The first run allocates buffers.
                subject.detector.detect(Frame(image))
            results[subject.spec] = _timed(subject.detector, image)
    except MienError as error:
        # A picture that one detector cannot process counts for none of them.
        unreadable[picture.name] = str(error).replace(str(data / picture.name), picture.name)
        return
    size_wh = image.shape[1], image.shape[0]
    # At the end, so that an interruption leaves all detectors with the same pictures, or nearly.
    for subject in subjects:
        detections, ms = results[subject.spec]
        subject.ms.append(ms)
        subject.matches.append(match_faces(detections, picture.faces, size_wh))


def _timed(detector: Detector, image: npt.NDArray[np.uint8]) -> tuple[list[Detection], float]:
    frame = Frame(image)
    begin_ns = time.perf_counter_ns()
    detections = detector.detect(frame)
    return detections, (time.perf_counter_ns() - begin_ns) / 1e6


def _figures(subject: _Subject, n: int, reference_ms: npt.NDArray[np.float64]) -> dict[str, Any]:
    faces = [face for matches in subject.matches[:n] for face in matches.faces]
    false = np.array([matches.false for matches in subject.matches[:n]], np.int64)
    ms = np.array(subject.ms[:n])

    def false_per_100(counts: npt.NDArray[np.int64]) -> float:
        return float(100 * (counts * false).sum() / counts.sum())

    def recall(chosen: list[bool]) -> dict[str, float] | None:
        return asdict(wilson(sum(chosen), len(chosen))) if chosen else None

    return {
        "name": printable(subject.name),
        "recall": recall([found for _, found in faces]),
        "recall_by_size": [recall([found for size, found in faces if size == i]) for i in range(len(SIZE_LIMITS))],
        "false_per_100": asdict(bootstrap(false_per_100, n)) if n else None,
        "ms": asdict(median(ms)) if n else None,
        "cost": asdict(_cost(ms, reference_ms)) if n else None,
    }


def _cost(ms: npt.NDArray[np.float64], reference_ms: npt.NDArray[np.float64]) -> Estimate:
    """Return the median, over the pictures, of the time relative to the reference's on the same picture."""
    return median(ms / reference_ms)
