"""Measure what viewers of the preview cost the loop: frames per second with none, one and two.

    python docs/experiments/preview_cost.py [--rounds 60] [--seconds 1] [--out FILE.json]

The loop runs on the demo source as fast as it can, with the shipped model and the default detector, and publishes each
frame. Viewers are separate processes that accept every frame they are offered, as a browser does. They need CPU time
too, so the table shows CPU time per frame, of the loop's thread and of all threads, next to the frames per second. The
number of viewers changes every second or so, in a new order each round, so that other load affects all of them.
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

from edge.pipeline import Components, Dispatcher, Pipeline
from edge.preview import Preview
from edge.preview.camera_view import CameraView
from edge.recognizer import Recognizer
from edge.sources.demo import DemoSource
from edge.types import Frame, FrameReport, Track

VIEWERS = (0, 1, 2)
#: Time for viewers to connect and disconnect.
_SETTLE_S = 0.3
_VIEWER = """
import sys
from threading import Thread
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect
def receive(viewer):
    try:
        for message in viewer:
            if isinstance(message, bytes):
                viewer.send("shown")
    except ConnectionClosed:
        pass
while sys.stdin.readline():
    with connect(sys.argv[1], compression=None, proxy=None) as viewer:
        receiver = Thread(target=receive, args=(viewer,))
        receiver.start()
        sys.stdin.readline()
    receiver.join()
"""


class _Timed:
    """Measures how long the preview's `publish` delays the loop."""

    def __init__(self, view: CameraView) -> None:
        self._view = view
        self.publish_s: list[float] = []
        self.put, self.set_notice = view.put, view.set_notice

    def publish(self, frame: Frame, tracks: list[Track], report: FrameReport, labels: tuple[str, ...]) -> None:
        begin_s = time.perf_counter()
        self._view.publish(frame, tracks, report, labels)
        self.publish_s.append(time.perf_counter() - begin_s)


class Phases:
    """Measures each phase from a thread of its own."""

    def __init__(self, pipeline: Pipeline, preview: Preview, rounds: int, seconds: float) -> None:
        self.frames, self.loop_cpu_s = 0, 0.0
        self.found: list[dict[str, float]] = []
        self._pipeline, self._rounds, self._seconds = pipeline, rounds, seconds
        self._command = [sys.executable, "-c", _VIEWER, preview.url.replace("http", "ws") + "live"]

    def run(self) -> None:
        """Measure all phases, then end the loop."""
        with ExitStack() as stack:
            viewers = [
                stack.enter_context(subprocess.Popen(self._command, stdin=subprocess.PIPE, text=True))
                for _ in range(max(VIEWERS))
            ]
            for round_ in range(-1, self._rounds):
                for turn in range(len(VIEWERS)):
                    phase = self._phase(viewers[: VIEWERS[(turn + round_) % len(VIEWERS)]])
                    # The first round warms up.
                    if round_ >= 0:
                        self.found.append(phase)
        self._pipeline.stop()

    def _phase(self, viewers: list[subprocess.Popen[str]]) -> dict[str, float]:
        _toggle(viewers)
        time.sleep(_SETTLE_S)
        begin = time.monotonic(), self.loop_cpu_s, time.process_time(), self.frames
        time.sleep(self._seconds)
        end = time.monotonic(), self.loop_cpu_s, time.process_time(), self.frames
        _toggle(viewers)
        seconds, loop_s, all_s, frames = (b - a for a, b in zip(begin, end, strict=True))
        figures = {"fps": frames / seconds, "loop_ms": loop_s / frames * 1e3, "all_ms": all_s / frames * 1e3}
        return {"viewers": len(viewers), **figures}


def _toggle(viewers: list[subprocess.Popen[str]]) -> None:
    """Connect viewers that are disconnected, and the reverse."""
    for viewer in viewers:
        assert viewer.stdin is not None
        viewer.stdin.write("\n")
        viewer.stdin.flush()


def change(values: list[float], without: list[float]) -> str:
    """Return the median of the rounds' ratios, with its 95 % interval by order statistics."""
    ratios = sorted(value / base - 1 for value, base in zip(values, without, strict=True))
    middle, half = len(ratios) / 2, 0.98 * len(ratios) ** 0.5
    low, high = ratios[max(0, round(middle - half))], ratios[min(len(ratios) - 1, round(middle + half))]
    return f"{statistics.median(ratios):+.1%} ({low:+.1%} to {high:+.1%})"


def main() -> None:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=60)
    parser.add_argument("--seconds", type=float, default=1.0)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    with DemoSource(paced=False) as source, Preview("127.0.0.1", 0) as preview:
        timed = _Timed(preview.camera())
        pipeline = Pipeline(Components.build(source, Recognizer(), Dispatcher(viewer=timed)))
        phases = Phases(pipeline, preview, options.rounds, options.seconds)

        def after(_: Frame | None) -> None:
            phases.frames += 1
            phases.loop_cpu_s = time.thread_time()

        thread = Thread(target=phases.run)
        thread.start()
        pipeline.run(None, after)
        thread.join()
    publish_s = sorted(timed.publish_s)
    print("| viewers | frames/s | change | loop's CPU, ms per frame | change | all threads', ms per frame | change |")
    print("| --- " * 7 + "|")
    rows = {n: [p for p in phases.found if p["viewers"] == n] for n in VIEWERS}
    for n, found in rows.items():
        cells = []
        for key in ("fps", "loop_ms", "all_ms"):
            # The phases of a round follow each other closely: their ratio shows the effect of the viewers.
            cells += [f"{statistics.median(p[key] for p in found):.2f}"]
            cells += [change([p[key] for p in found], [p[key] for p in rows[0]])] if n else [""]
        print(f"| {n} | {' | '.join(cells)} |")
    microseconds = [publish_s[int(share * (len(publish_s) - 1))] * 1e6 for share in (0.5, 0.99)]
    print(f"publish(): {microseconds[0]:.1f} us in the median, {microseconds[1]:.1f} us at p99")
    if options.out:
        options.out.write_text(json.dumps(phases.found, indent=2) + "\n", "utf-8")


if __name__ == "__main__":
    main()
