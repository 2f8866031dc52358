"""Measure how well tracks keep identities: the tables of docs/explanation/tracking.md.

    python docs/experiments/tracking.py [simulated] [real] [cost] [--detector auto] [--heads FOLDER] [--seeds 6]

Heads move on scripted paths, so it is known who is where: `tracking_clips.py`. `simulated` tracks what a simulated
detector finds, at 5, 10 and 30 frames per second: it misses faces for a quarter of a second at a time, its boxes
jitter, and it finds faces where none are. `real` draws the clips and tracks what a real detector finds in them, in
every frame and with the detection interval `auto`. "Perfect" is what a tracker would reach that knows who is who, with
the same faces found. `cost` is the time of one update of the tracker, compared with that for one face.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from tracking_clips import HEIGHT, SCENES, WIDTH, Clip, Heads, Truth, frames, truth
from tracking_metrics import MIN_IOU, Score, score

from edge.boxes import iou
from edge.detection import DEFAULT_DETECTOR, open_detector
from edge.inference import FER2013_LABELS
from edge.tracking import DetectionScheduler, Tracker
from edge.types import Box, Detection, Face

COLUMNS = (
    "faces found",
    "IDF1, perfect",
    "IDF1",
    "ID switches",
    "fragmentations",
    "tracks per person",
    "mixed tracks",
    "`ended` after",
)
FPS = (5, 10, 30)
#: Length of a miss of the simulated detector.
MISS_S = 0.25
_SCORES = np.full(len(FER2013_LABELS), 1 / len(FER2013_LABELS), np.float32)


@dataclass(frozen=True)
class Quality:
    """What a simulated detector does wrong.

    Attributes:
        miss: share of the time for which a visible face is not found.
        jitter: standard deviation of the boxes' centers and sizes, as a fraction of their size.
        false_per_s: faces per second that are not there, each for a quarter of a second.
    """

    miss: float
    jitter: float
    false_per_s: float


QUALITIES = {
    "good": Quality(0.02, 0.01, 0.0),
    "usual": Quality(0.15, 0.03, 0.05),
    "poor": Quality(0.4, 0.05, 0.2),
}


def simulated(present: Sequence[Sequence[Truth]], fps: float, quality: Quality, seed: int) -> list[list[Detection]]:
    """Return what a simulated detector finds, frame by frame."""
    random = np.random.default_rng(seed)
    blind: dict[int, bool] = {}
    false: list[tuple[Detection, int]] = []
    # A Markov chain with this share of misses and this mean length.
    end = min(1.0, 1 / (MISS_S * fps))
    begin = min(1.0, end * quality.miss / (1 - quality.miss))
    result = []
    for faces in present:
        found: list[Detection] = []
        for face in faces:
            was = blind.get(face.identity, random.random() < quality.miss)
            blind[face.identity] = random.random() < (1 - end if was else begin)
            # Half hidden, it is found half of the time.
            seen = random.random() < np.clip((face.visible - 0.3) / 0.4, 0, 1)
            x, y, size, _ = face.box
            dx, dy, growth = random.normal(0, quality.jitter, 3)
            side = size * float(np.exp(growth))
            left, top = x + size * (0.5 + dx) - side / 2, y + size * (0.5 + dy) - side / 2
            box = (float(left), float(top), side, side)
            # Non-maximum suppression: of two boxes that overlap by this, the better one, in front, remains.
            hidden = any(iou(box, other.box) > 0.4 for other in found)
            if seen and not blind[face.identity] and not hidden:
                found.append(Detection(box, float(0.5 + 0.5 * face.visible)))
        if random.random() < quality.false_per_s / fps:
            side = float(random.uniform(40, 100))
            place = (float(random.uniform(0, WIDTH - side)), float(random.uniform(0, HEIGHT - side)))
            false.append((Detection((*place, side, side), 0.5), max(1, round(MISS_S * fps))))
        result.append(found + [detection for detection, _ in false])
        false = [(detection, left - 1) for detection, left in false if left > 1]
    return result


def track(detections: Sequence[Sequence[Detection]], present: Sequence[Sequence[Truth]], fps: float) -> Score:
    """Run the tracker over the detections of a clip and score the tracks."""
    tracker, tracked, ended = Tracker(), [], []
    for index, found in enumerate(detections):
        faces = [Face(each.box, each.confidence, None, _SCORES, FER2013_LABELS) for each in found]
        tracks = tracker.update(faces, index / fps, (WIDTH, HEIGHT))
        tracked.append([(each.track_id, each.box) for each in tracks.seen])
        ended += [index / fps - each.seen_s for each in tracks.ended]
    result = score(present, tracked)
    result.ended_s = ended
    return result


def perfect(detections: Sequence[Sequence[Detection]], present: Sequence[Sequence[Truth]]) -> Score:
    """Score tracks that know whose face a detection is; a face of nobody has a track of its own."""
    tracked: list[list[tuple[int, Box]]] = []
    others = 1000
    for found, faces in zip(detections, present, strict=True):
        numbers: dict[int, int] = {}
        pairs = sorted(
            ((iou(f.box, d.box), i, n) for i, f in enumerate(faces) for n, d in enumerate(found)), reverse=True
        )
        for overlap, i, n in pairs:
            if overlap >= MIN_IOU and n not in numbers and faces[i].identity not in numbers.values():
                numbers[n] = faces[i].identity
        tracked.append([(numbers.get(n, others := others + 1), each.box) for n, each in enumerate(found)])
    return score(present, tracked)


def _table(rows: Iterator[tuple[str, Score, Score]], titles: Sequence[str]) -> None:
    print(f"| {' | '.join((*titles, *COLUMNS))} |")
    print("|" + " --- |" * (len(titles) + len(COLUMNS)))
    for title, known, result in rows:
        late = f"{statistics.mean(result.ended_s):.2f}, at most {max(result.ended_s):.2f} s" if result.ended_s else ""
        cells = (
            title,
            f"{result.found / max(result.faces, 1):.0%}",
            f"{known.idf1:.3f}",
            f"{result.idf1:.3f}",
            result.switches,
            result.fragmentations,
            f"{result.tracks / max(result.identities, 1):.2f}",
            result.mixed,
            late,
        )
        print(f"| {' | '.join(map(str, cells))} |", flush=True)


def _clips(seeds: range) -> Iterator[tuple[int, Clip]]:
    for scene in SCENES:
        for seed in seeds:
            yield seed, scene(np.random.default_rng(seed))


def simulated_rows(seeds: range) -> Iterator[tuple[str, Score, Score]]:
    """Yield a row per scene, and one per detector and frame rate."""
    by: dict[str, tuple[Score, Score]] = {}
    for seed, clip in _clips(seeds):
        for fps in FPS:
            present = truth(clip, fps)
            for name, quality in QUALITIES.items():
                detections = simulated(present, fps, quality, seed)
                results = perfect(detections, present), track(detections, present, fps)
                for title in (clip.name, f"all, {name} detector, {fps} fps", "all"):
                    sums = by.setdefault(title, (Score(), Score()))
                    for total, result in zip(sums, results, strict=True):
                        total += result
    for title in sorted(by, key=_last):
        yield title, *by[title]


def real_rows(seeds: range, name: str, heads: Heads, fps: float = 15) -> Iterator[tuple[str, Score, Score]]:
    """Yield rows for what a real detector finds in the pictures, in every frame and with the interval `auto`."""
    by: dict[str, tuple[Score, Score]] = {}
    for seed, clip in _clips(seeds):
        pictures, present = frames(clip, fps, heads, seed), truth(clip, fps)
        for interval in (1, "auto"):
            detector = DetectionScheduler(open_detector(name), interval)  # type: ignore[arg-type]
            detections = [detector.detect(picture) for picture in pictures]
            results = perfect(detections, present), track(detections, present, fps)
            for title in (f"{clip.name} | {interval}", f"all | {interval}"):
                sums = by.setdefault(title, (Score(), Score()))
                for total, result in zip(sums, results, strict=True):
                    total += result
    for title in sorted(by, key=_last):
        yield title, *by[title]


def _last(title: str) -> tuple[bool, bool]:
    """Sort sums behind the scenes, and the sum of everything last."""
    return title.startswith("all"), "," not in title


def update_us(faces: int, rounds: int = 300) -> float:
    """Return the time of one update in microseconds, the median over frames of a crowd with misses."""
    random = np.random.default_rng(0)
    places = random.uniform(0, (WIDTH * 2, HEIGHT * 2), (faces, 2))
    tracker, times = Tracker(), []
    for index in range(rounds):
        places += random.normal(0, 2, places.shape)
        found = [
            Face((float(x), float(y), 60.0, 60.0), 0.9, None, _SCORES, FER2013_LABELS)
            for x, y in places[random.random(faces) >= 0.1]
        ]
        begin_s = time.perf_counter()
        tracker.update(found, index / 30)
        times.append(time.perf_counter() - begin_s)
    return statistics.median(times) * 1e6


def _cost() -> None:
    counts = (1, 9, 30)
    rounds = [[update_us(count) for count in counts] for _ in range(5)]
    medians = [statistics.median(column) for column in zip(*rounds, strict=True)]
    print("| faces | microseconds per update | by one face |\n| --- | --- | --- |")
    for count, each in zip(counts, medians, strict=True):
        print(f"| {count} | {each:.0f} | {each / medians[0]:.1f} |")


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("tables", nargs="*", metavar="TABLE", help="simulated, real, cost; all of them by default")
    parser.add_argument("--detector", default=DEFAULT_DETECTOR, help="for the table real")
    parser.add_argument("--heads", type=Path, help="a folder of photographs (*.jpg) with one face each")
    parser.add_argument("--seeds", type=int, default=6, help="number of clips per scene")
    parser.add_argument("--first-seed", type=int, default=100, help="the constants were chosen on seeds below 100")
    options = parser.parse_args()
    seeds = range(options.first_seed, options.first_seed + options.seeds)
    tables: dict[str, Callable[[], None]] = {
        "simulated": lambda: _table(simulated_rows(seeds), ["scene"]),
        "real": lambda: _table(real_rows(seeds, options.detector, Heads(options.heads)), ["scene", "interval"]),
        "cost": _cost,
    }
    if unknown := sorted({*options.tables} - tables.keys()):
        parser.error(f"expected some of {', '.join(tables)}. Received: {', '.join(unknown)}")
    if options.seeds < 1:
        parser.error(f"expected at least one clip per scene. Received: --seeds {options.seeds}")
    for name in options.tables or tables:
        tables[name]()
        print()


if __name__ == "__main__":
    main()
