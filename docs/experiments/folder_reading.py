"""Measure how fast a folder of color photographs is read, by the number of threads that decode.

    python docs/experiments/folder_reading.py [--files 3000] [--side 224]

The photographs are blurred color patches with noise, saved as color JPEG of quality 90. Each number of threads reads
all of them three times, in turns; the table has the median, and how often faster than one thread that is.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from pathlib import Path

import cv2
import numpy as np

from edge.datasets import image_folders, load_dataset
from edge.system.operating_system import usable_cores


def main(n_files: int, side: int) -> None:
    """Print the table."""
    with tempfile.TemporaryDirectory() as folder:
        write(Path(folder), n_files, side)
        counts = sorted({1, 2, usable_cores()})
        times: dict[int, list[float]] = {count: [] for count in counts}
        for _ in range(3):
            for count in counts:
                image_folders.MAX_THREADS = count
                start = time.monotonic()
                load_dataset(Path(folder), ("Training",))
                times[count].append(time.monotonic() - start)
    print(f"| threads | files per second, {side} x {side} | ratio |\n| --- | --- | --- |")
    alone = statistics.median(times[1])
    for count in counts:
        median = statistics.median(times[count])
        print(f"| {count} | {n_files / median:,.0f} | {alone / median:.2f} |")


def write(folder: Path, n_files: int, side: int) -> None:
    """Write the photographs into `folder/train/<label>`."""
    random = np.random.default_rng(0)
    small = random.integers(0, 256, (64, 12, 12, 3)).astype(np.uint8)
    for i in range(n_files):
        path = folder / "train" / ("happy", "sad")[i % 2] / f"{i}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        photograph = cv2.resize(small[i % len(small)], (side, side), interpolation=cv2.INTER_CUBIC)
        noise = random.normal(0, 6, photograph.shape)
        cv2.imwrite(str(path), np.clip(photograph + noise, 0, 255).astype(np.uint8), [cv2.IMWRITE_JPEG_QUALITY, 90])


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--files", type=int, default=3000)
    parser.add_argument("--side", type=int, default=224)
    arguments = parser.parse_args()
    main(arguments.files, arguments.side)
