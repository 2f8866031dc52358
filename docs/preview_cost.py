"""What viewers of the preview cost the loop: frames a second with none, one and two, in turns.

    python docs/preview_cost.py [--rounds 8] [--seconds 4] [--out FILE.json]

The loop runs on the demo source as fast as it can, with the shipped model and the default detector, and publishes each
frame. Viewers are processes of their own that take every frame that they are offered, as a browser does; like it they
need some of the machine, so CPU time per frame, of the loop's thread and of all, is given beside the frames a second. The number of viewers
changes every few seconds, in another order each round, so that what else the machine does meets all of them.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import time
from contextlib import ExitStack
from pathlib import Path
from threading import Thread

from edge.classify import Classifier
from edge.detect import open_detector
from edge.pipeline import Pipeline
from edge.preview import Preview
from edge.shipped import DEFAULT_MODEL, find_model
from edge.sources.demo import DemoSource
from edge.types import Frame, FrameReport

VIEWERS = (0, 1, 2)
_VIEWER = """
import sys
from websockets.sync.client import connect
with connect(sys.argv[1], compression=None, proxy=None) as viewer:
    seen = 0
    for message in viewer:
        if isinstance(message, bytes):
            viewer.send("shown")
            seen += 1
            print(seen, flush=True)
"""


class Phases:
    """The figures of each phase, taken by a thread beside the loop."""

    def __init__(self, pipeline: Pipeline, preview: Preview, rounds: int, seconds: float) -> None:
        self.frames, self.loop_cpu_s = 0, 0.0
        self.found: list[dict[str, float]] = []
        self._pipeline, self._url, self._rounds, self._seconds = pipeline, preview.url, rounds, seconds

    def run(self) -> None:
        """Measure all phases, then end the loop."""
        for round_ in range(-1, self._rounds):
            for turn in range(len(VIEWERS)):
                phase = self._phase(VIEWERS[(turn + round_) % len(VIEWERS)])
                # The first round warms up.
                if round_ >= 0:
                    self.found.append(phase)
        self._pipeline.stop()

    def _phase(self, viewers: int) -> dict[str, float]:
        with ExitStack() as stack:
            running = [stack.enter_context(self._viewer()) for _ in range(viewers)]
            for viewer in running:
                stack.callback(viewer.terminate)
                assert viewer.stdout is not None
                viewer.stdout.readline()
            time.sleep(1)
            begin = time.monotonic(), self.loop_cpu_s, time.process_time(), self.frames
            time.sleep(self._seconds)
            end = time.monotonic(), self.loop_cpu_s, time.process_time(), self.frames
        seconds, loop_s, cpu_s, frames = (b - a for a, b in zip(begin, end, strict=True))
        return {
            "viewers": viewers,
            "fps": frames / seconds,
            "loop_ms": loop_s / frames * 1e3,
            "all_ms": cpu_s / frames * 1e3,
        }

    def _viewer(self) -> subprocess.Popen[str]:
        command = [sys.executable, "-c", _VIEWER, self._url.replace("http", "ws") + "live"]
        return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)


def main() -> None:
    """Measure, print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=8)
    parser.add_argument("--seconds", type=float, default=4.0)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    classifier = Classifier(find_model(DEFAULT_MODEL), 1)
    with DemoSource(paced=False) as source, Preview("127.0.0.1", 0) as preview:
        pipeline = Pipeline(source, open_detector("blazeface", 1), classifier, [], "change")
        phases = Phases(pipeline, preview, options.rounds, options.seconds)
        publish_s: list[float] = []

        def publish(frame: Frame) -> None:
            tracks = [track for track in pipeline._tracker.tracks if track.seen_s == frame.position_s]
            report = FrameReport("demo", frame.index, len(tracks), 0, pipeline.frame_ms)
            begin_s = time.perf_counter()
            preview.publish(frame, tracks, report, classifier.labels)
            publish_s.append(time.perf_counter() - begin_s)
            phases.frames += 1
            phases.loop_cpu_s = time.thread_time()

        thread = Thread(target=phases.run)
        thread.start()
        pipeline.run(None, publish)
        thread.join()
    publish_s.sort()
    print("| viewers | frames/s | change | loop's CPU, ms a frame | change | all threads' | change |")
    print("| --- " * 7 + "|")
    rows = {n: [p for p in phases.found if p["viewers"] == n] for n in VIEWERS}
    for n, found in rows.items():
        cells = []
        for key in ("fps", "loop_ms", "all_ms"):
            # A round's phases stand beside each other: their ratio is what the viewers change.
            ratio = statistics.median(p[key] / q[key] for p, q in zip(found, rows[0], strict=True))
            cells += [f"{statistics.median(p[key] for p in found):.2f}", f"{ratio - 1:+.1%}"]
        print(f"| {n} | {' | '.join(cells)} |")
    microseconds = [publish_s[int(share * (len(publish_s) - 1))] * 1e6 for share in (0.5, 0.99)]
    print(f"publish(): {microseconds[0]:.1f} us in the median, {microseconds[1]:.1f} us at p99")
    if options.out:
        options.out.write_text(json.dumps(phases.found, indent=2) + "\n", "utf-8")


if __name__ == "__main__":
    main()
