"""The figures of docs/explanation/performance.md, measured on this machine.

    python docs/experiments/performance.py table CLIP [--fer PYTHON] [--rounds 5] [--out FILE.json]
    python docs/experiments/performance.py soak CLIP [--frames 100000] [--detector blazeface-short]

`table` prints the rows of the table: the time of a frame and of its bare parts, the time of a face and of its network,
the time of several faces, the time from the start to the first event, and, given the Python of an environment that has
the package `fer`, a comparison with it, interleaved on the same clip. `soak` plays a clip's frames repeatedly, and
prints time and memory for each tenth of the run.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from edge.inference.classifier import Classifier
from edge.inference.shipped_models import DEFAULT_MODEL, find_model
from edge.pipeline import Components, Dispatcher, Pipeline
from edge.recognizer import Recognizer
from edge.sinks import open_sink_group, prepare_sink
from edge.sources import BaseSource
from edge.system.atomic_files import write_json
from edge.types import Detection, Frame

FACES = (1, 2, 5, 10, 15, 20)
_MIEN = (sys.executable, "-m", "edge")
_FER = """
import sys, time, json, logging
begin_s = time.monotonic()
import cv2
from fer.fer import FER
names = FER()
ready_s = time.monotonic()
clip, frames, faces = cv2.VideoCapture(sys.argv[1]), 0, 0
while True:
    got, image = clip.read()
    if not got:
        break
    faces += len(names.detect_emotions(image))
    frames += 1
    if frames == 1:
        # mien builds its networks before the first frame; what the first call builds is not part of a frame.
        first_s = time.monotonic()
spent_s = time.monotonic() - first_s
peak = next(line for line in open("/proc/self/status") if line.startswith("VmHWM"))
print(json.dumps({"fps": (frames - 1) / spent_s, "peak_rss_mb": int(peak.split()[1]) / 1024, "faces": faces,
                  "first_s": first_s - begin_s}))
"""


class _RepeatedClip(BaseSource):
    """A clip's frames from memory, repeated."""

    def __init__(self, clip: Path, frames: int) -> None:
        self.name, self.total = clip.name, frames
        capture = cv2.VideoCapture(str(clip), cv2.CAP_FFMPEG, [cv2.CAP_PROP_N_THREADS, 1])
        self._images = []
        while (answer := capture.read())[0]:
            self._images.append(answer[1])

    def __iter__(self) -> Iterator[Frame]:
        for index in range(self.total):
            yield Frame(self._images[index % len(self._images)], index, time.monotonic(), index / 30, 0.0)


class _StillSource(BaseSource):
    """The same gray picture, `(480, 640, 3)` BGR."""

    name = "still"

    def __init__(self, frames: int) -> None:
        self.total = frames

    def __iter__(self) -> Iterator[Frame]:
        image = np.full((480, 640, 3), 128, np.uint8)
        for index in range(self.total):
            yield Frame(image, index, time.monotonic(), index / 30, 0.0)


class _FixedDetector:
    """A detector that reports the same faces in each frame."""

    name, box_scale = "always", 1.0

    def __init__(self, faces: list[Detection]) -> None:
        self._faces = faces

    def detect(self, frame: Frame) -> list[Detection]:
        """The same faces."""
        return self._faces


def frame_cost(clip: Path, rounds: int) -> dict[str, float]:
    """Run `mien profile` with the detector on every frame, and return the round with the median ratio."""
    found = []
    for _ in range(rounds):
        costs = json.loads(_output_of([*_MIEN, "profile", "--source", str(clip), "--json"]))
        total = next(stage for stage in costs["stages"] if stage["stage"] == "total")
        found.append((total["ratio"], total["stage_ms"], total["bare_ms"], costs["faces"] / costs["frames"]))
    ratio, stage_ms, bare_ms, faces = sorted(found)[len(found) // 2]
    return {"ratio": ratio, "frame_ms": stage_ms, "bare_ms": bare_ms, "faces_a_frame": faces}


def face_cost(clip: Path, times: int = 2000) -> dict[str, float]:
    """Measure from a frame and a box in it to scores, and the bare network, interleaved: medians."""
    classifier = Classifier(find_model(DEFAULT_MODEL))
    recognizer = Recognizer(classifier, detector="blazeface")
    detector = recognizer.detector
    frames = (frame for frame in _RepeatedClip(clip, 1000) if detector.detect(frame))
    frame = next(frames)
    face = detector.detect(frame)[0]
    spent_ms = _interleaved(times, lambda: recognizer.classify_detection(frame.image, face), classifier.invoke)
    return {"crop_to_scores_ms": spent_ms[0], "invoke_ms": spent_ms[1], "more_ms": spent_ms[0] - spent_ms[1]}


def faces_cost(frames: int = 150, rounds: int = 5) -> dict[str, Any]:
    """Measure the time of each additional face, without the detector, as a multiple of the bare network."""
    classifier = Classifier(find_model(DEFAULT_MODEL))
    spent_ms: dict[int, list[float]] = {n: [] for n in FACES}
    invoke_ms = []
    for _ in range(rounds):
        for n in FACES:
            # Twenty faces of 100 pixels in a grid of five by four.
            faces = [Detection((128.0 * (i % 5) + 14, 120.0 * (i // 5) + 10, 100.0, 100.0), 0.9) for i in range(n)]
            spent_ms[n] += _frames_ms(
                Pipeline(Components.build(_StillSource(frames), Recognizer(classifier, detector=_FixedDetector(faces))))
            )
        invoke_ms += _interleaved(200, classifier.invoke)
    medians = [statistics.median(spent_ms[n]) for n in FACES]
    slope_ms, first_ms = np.polyfit(FACES, medians, 1).tolist()
    off_ms = max(abs(first_ms + slope_ms * n - ms) for n, ms in zip(FACES, medians, strict=True))
    invoke = statistics.median(invoke_ms)
    by_faces = dict(zip(map(str, FACES), medians, strict=True))
    return {"ms": by_faces, "face_ms": slope_ms, "invoke_ms": invoke, "ratio": slope_ms / invoke, "off_ms": off_ms}


def start(clip: Path, rounds: int) -> dict[str, float]:
    """Measure from the start of a process to its first event, and its peak memory: medians."""
    spent_s, peaks_mb = [], []
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.json"
        command = [*_MIEN, "run", "--source", str(clip), "--sink", "jsonl:-", "--report", str(report)]
        for _ in range(rounds):
            begin_s = time.monotonic()
            with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
                assert process.stdout is not None
                if process.stdout.readline():
                    spent_s.append(time.monotonic() - begin_s)
                process.stdout.read()
            peaks_mb.append(json.loads(report.read_text("utf-8"))["peak_rss_mb"])
    return {"first_event_s": statistics.median(spent_s), "peak_rss_mb": max(peaks_mb)}


def compare_with_fer(clip: Path, python: str, rounds: int, *options: str) -> dict[str, Any]:
    """Measure frames per second and memory of mien and of `fer`, each in its own process, interleaved on one clip."""
    found: dict[str, list[dict[str, float]]] = {"mien": [], "fer": []}
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.json"
        run = [*_MIEN, "run", "--source", str(clip), "--sink", f"jsonl:{os.devnull}", "--report", str(report), *options]
        for _ in range(rounds):
            _output_of(run)
            ours = json.loads(report.read_text("utf-8"))
            found["mien"].append({"fps": ours["fps"], "peak_rss_mb": ours["peak_rss_mb"], "faces": ours["faces"]})
            environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
            environment |= {"CUDA_VISIBLE_DEVICES": "-1", "TF_CPP_MIN_LOG_LEVEL": "3"}
            found["fer"].append(json.loads(_output_of([python, "-c", _FER, str(clip)], environment).splitlines()[-1]))
    middle = {name: {key: statistics.median(r[key] for r in rs) for key in rs[0]} for name, rs in found.items()}
    faster = statistics.median(a["fps"] / b["fps"] for a, b in zip(found["mien"], found["fer"], strict=True))
    share = middle["mien"]["peak_rss_mb"] / middle["fer"]["peak_rss_mb"]
    return {**middle, "times_the_fps": faster, "share_of_the_memory": share}


def table(clip: Path, fer: str | None, rounds: int) -> dict[str, Any]:
    """Measure everything, and print each row as soon as it is known."""
    found: dict[str, Any] = {}

    def row(what: str, here: str) -> None:
        print(f"| {what} | {here} | | | |", flush=True)

    print("| | this machine | Pi 5 | Pi 4 | Pi Zero 2 W |\n| --- | --- | --- | --- | --- |")
    cost = found["frame"] = frame_cost(clip, rounds)
    row("a frame, detector run on every frame, p50", f"{cost['frame_ms']:.2f} ms")
    row("the bare parts of that frame", f"{cost['bare_ms']:.2f} ms, {cost['ratio']:.2f} times")
    face = found["face"] = face_cost(clip)
    row("the classifier's network, bare", f"{face['invoke_ms']:.3f} ms")
    row("crop to scores", f"{face['crop_to_scores_ms']:.3f} ms, {face['more_ms']:.3f} ms more")
    faces = found["faces"] = faces_cost()
    row("each additional face, 1 to 20", f"{faces['face_ms']:.3f} ms, {faces['ratio']:.2f} times the network")
    row("largest deviation from a straight line", f"{faces['off_ms']:.3f} ms")
    first = found["start"] = start(clip, rounds)
    row("start to the first event", f"{first['first_event_s']:.2f} s")
    row("peak memory", f"{first['peak_rss_mb']:.0f} MB")
    cadences = [("detector run on every frame", ())]
    if "--cadence" in _output_of([*_MIEN, "run", "--help"]):
        cadences = [("`--cadence 1`", ("--cadence", "1")), ("`--cadence auto`", ("--cadence", "auto"))]
    for name, options in cadences if fer else ():
        two = found[f"fer, {name}"] = compare_with_fer(clip, str(fer), rounds, *options)
        row(f"{name}, frames per second", f"{two['mien']['fps']:.0f}")
        row("`fer`, interleaved with it", f"{two['fer']['fps']:.0f}: mien has {two['times_the_fps']:.1f} times as many")
        peaks = f"{two['mien']['peak_rss_mb']:.0f} and {two['fer']['peak_rss_mb']:.0f} MB"
        row("peak memory of the two", f"{peaks}, {two['share_of_the_memory']:.2f} of it")
    return found


def soak(clip: Path, frames: int, detector: str) -> list[dict[str, float]]:
    """Measure each tenth of a long run: frame times, wall-clock and CPU, and memory at its end."""
    classifier, found = Classifier(find_model(DEFAULT_MODEL)), []
    print("| frames | p50 | p99 | CPU time, p50 | CPU time, p99 | memory |")
    print("| --- " * 6 + "|")
    tenth = max(1, frames // 10)
    clocks = (time.perf_counter_ns, time.process_time_ns)
    spent_ms = np.empty((2, tenth))
    before_ns = [clock() for clock in clocks]

    def after(frame: Frame | None) -> None:
        nonlocal before_ns
        assert frame is not None
        now_ns = [clock() for clock in clocks]
        place = frame.index % tenth
        spent_ms[:, place] = [(now - before) / 1e6 for now, before in zip(now_ns, before_ns, strict=True)]
        if place == tenth - 1:
            figures = np.percentile(spent_ms, (50, 99), axis=1).T.ravel().tolist()
            row = dict(zip(("p50_ms", "p99_ms", "cpu_p50_ms", "cpu_p99_ms"), figures, strict=True))
            row = {"frames": frame.index + 1, **row, "rss_mb": _rss_mb()}
            found.append(row)
            cells = " | ".join(f"{row[key]:.2f} ms" for key in ("p50_ms", "p99_ms", "cpu_p50_ms", "cpu_p99_ms"))
            print(f"| {row['frames']:,} | {cells} | {row['rss_mb']:.1f} MB |", flush=True)
            now_ns = [clock() for clock in clocks]
        before_ns = now_ns

    with _RepeatedClip(clip, frames) as source, open_sink_group([prepare_sink(f"jsonl:{os.devnull}")], True) as sinks:
        recognizer = Recognizer(classifier, detector=detector)
        Pipeline(Components.build(source, recognizer, Dispatcher(sinks), emit="frame")).run(None, after)
    return found


def _rss_mb() -> float:
    """Return the resident memory of this process."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def _frames_ms(pipeline: Pipeline) -> list[float]:
    """Return the time of each frame except the first, which also starts the tracks."""
    ends_ns: list[int] = []
    pipeline.run(None, lambda _: ends_ns.append(time.perf_counter_ns()))
    return (np.diff(ends_ns) / 1e6).tolist()


def _interleaved(times: int, *calls: Callable[[], object]) -> list[float]:
    """Return the median milliseconds of each call; the calls are interleaved."""
    spent_ms: list[list[float]] = [[] for _ in calls]
    for _ in range(times):
        for call, spent in zip(calls, spent_ms, strict=True):
            begin_ns = time.perf_counter_ns()
            call()
            spent.append((time.perf_counter_ns() - begin_ns) / 1e6)
    return [statistics.median(spent) for spent in spent_ms]


def _output_of(command: list[str], environment: dict[str, str] | None = None) -> str:
    """Return what a command prints; exit if it fails."""
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    if done.returncode:
        sys.exit(f"{' '.join(command[:4])} ... ended with {done.returncode}: {done.stderr[-2000:]}")
    return done.stdout


def main() -> None:
    """Measure what the arguments ask for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    kinds = parser.add_subparsers(dest="kind", required=True)
    for kind in ("table", "soak"):
        options = kinds.add_parser(kind)
        options.add_argument("clip", type=Path)
        options.add_argument("--out", type=Path)
    kinds.choices["table"].add_argument("--fer", metavar="PYTHON")
    kinds.choices["table"].add_argument("--rounds", type=int, default=5)
    kinds.choices["soak"].add_argument("--frames", type=int, default=100_000)
    kinds.choices["soak"].add_argument("--detector", default="blazeface")
    chosen = parser.parse_args()
    if chosen.kind == "table":
        found: Any = table(chosen.clip, chosen.fer, chosen.rounds)
    else:
        found = soak(chosen.clip, chosen.frames, chosen.detector)
    if chosen.out:
        write_json(chosen.out, found)


if __name__ == "__main__":
    main()
