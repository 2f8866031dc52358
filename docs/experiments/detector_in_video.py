"""Measure what detection costs in a video, relative to `blazeface`: the table in docs/explanation/detectors.md.

    python docs/experiments/detector_in_video.py CLIP [DETECTOR ...]

The clip is played as it is and enlarged to 640x480, with the detector in every frame and with the interval `auto`.
Processor time of the detection stage, propagation included, over four repetitions, interleaved.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from pathlib import Path

import cv2

from edge.detection import open_detector
from edge.sources.video import VideoSource
from edge.tracking import DetectionInterval, DetectionScheduler
from edge.types import Frame

REPETITIONS = 4
INTERVALS: tuple[DetectionInterval, ...] = (1, "auto")


def main(clip: Path, names: Sequence[str]) -> None:
    """Print the table."""
    frames = [frame for frame in VideoSource(clip) if frame is not None]
    print(f"| size | interval | {' | '.join(f'`{name}`' for name in names)} | faces found |")
    print("| --- " * (len(names) + 3) + "|")
    detectors = {name: open_detector(name) for name in names}
    for size_wh in (frames[0].size_wh, (640, 480)):
        resized = [cv2.resize(frame.image, size_wh) for frame in frames]
        for interval in INTERVALS:
            spent_s = dict.fromkeys(names, 0.0)
            found = dict.fromkeys(names, 0)
            for repetition in range(REPETITIONS):
                for name, detector in detectors.items():
                    scheduler = DetectionScheduler(detector, interval)
                    begin_s = time.process_time()
                    for frame, image in zip(frames, resized, strict=True):
                        # Each repetition is a clip of its own.
                        position_s = frame.position_s + 1000 * repetition
                        found[name] += bool(scheduler.detect(Frame(image, frame.index, position_s=position_s)))
                    spent_s[name] += time.process_time() - begin_s
            ratios = " | ".join(f"{spent_s[name] / spent_s[names[0]]:.2f}" for name in names)
            shares = ", ".join(f"{100 * found[name] / REPETITIONS / len(frames):.0f} %" for name in names)
            print(f"| {size_wh[0]}x{size_wh[1]} | {interval} | {ratios} | {shares} |", flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:] or ("blazeface", "yunet", "auto"))
