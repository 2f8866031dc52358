"""Several clips at once: one process with a table for each camera, against a process for each.

    python docs/experiments/many_cameras.py [CLIP] [--cameras 4] [--rounds 3] [--out many_cameras.json]

Without CLIP, a clip of the demo source of 640x480 pixels is written first. Each round runs both arrangements after
each other, with the detector, model and sink of the defaults (events go to files). Memory is the proportional set size
(PSS) of all processes, read from /proc while they run, so that libraries which processes share are counted once.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

FRAMES = 600


def main() -> None:
    """Print a table, and write it as JSON if asked for."""
    parser = argparse.ArgumentParser()
    parser.add_argument("clip", nargs="?", type=Path)
    parser.add_argument("--cameras", type=int, default=4)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        clip = (arguments.clip or _made_clip(Path(folder))).absolute()
        measured: dict[str, list[dict[str, float]]] = {"one process": [], "a process each": []}
        for number in range(arguments.rounds):
            work = Path(folder) / str(number)
            work.mkdir()
            measured["one process"].append(_measure([_together(work, clip, arguments.cameras)]))
            measured["a process each"].append(
                _measure([_alone(work, clip, camera) for camera in range(arguments.cameras)])
            )
    medians = {
        name: {key: statistics.median(each[key] for each in rounds) for key in rounds[0]}
        for name, rounds in measured.items()
    }
    for name, values in medians.items():
        print(f"{name:<16}" + "  ".join(f"{key} {value:8.1f}" for key, value in values.items()))
    one, each = medians["one process"], medians["a process each"]
    ratios = {key: one[key] / each[key] for key in one}
    print("ratio           " + "  ".join(f"{key} {value:8.2f}" for key, value in ratios.items()))
    if arguments.out is not None:
        table = {"cameras": arguments.cameras, "medians": medians, "ratios": ratios, "rounds": measured}
        arguments.out.write_text(json.dumps(table, indent=2) + "\n")


def _made_clip(folder: Path) -> Path:
    import cv2

    from edge.sources.demo import DemoSource

    path = folder / "demo.mp4"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"mp4v"), 30, (640, 480))
    for frame in DemoSource(paced=False):
        if frame.index == FRAMES:
            break
        writer.write(frame.image_bgr)
    writer.release()
    return path


def _together(work: Path, clip: Path, cameras: int) -> list[str]:
    config = work / "mien.toml"
    tables = [
        f'[[camera]]\nname = "c{camera}"\nsource = {json.dumps(str(clip))}\n'
        f"sink = {json.dumps(f'jsonl:{work}/one-{camera}')}\n"
        for camera in range(cameras)
    ]
    config.write_text("\n".join(tables))
    return ["--config", str(config), "--report", str(work / "one.json")]


def _alone(work: Path, clip: Path, camera: int) -> list[str]:
    report = str(work / f"each-{camera}.json")
    return ["--source", str(clip), "--sink", f"jsonl:{work}/each-{camera}", "--report", report]


def _measure(commands: list[list[str]]) -> dict[str, float]:
    """Return frames per second of all cameras together, from the reports, and the highest memory in MiB."""
    processes = [
        subprocess.Popen([sys.executable, "-P", "-m", "edge", "run", *command], stderr=subprocess.DEVNULL)
        for command in commands
    ]
    highest_mb = 0.0
    while any(process.poll() is None for process in processes):
        highest_mb = max(highest_mb, sum(_pss_mb(process.pid) for process in processes))
        time.sleep(0.1)
    assert all(process.returncode == 0 for process in processes)
    reports = [json.loads(Path(command[command.index("--report") + 1]).read_text()) for command in commands]
    frames = sum(report["frames_processed"] for report in reports)
    return {"fps": frames / max(report["seconds"] for report in reports), "mb": highest_mb}


def _pss_mb(pid: int) -> float:
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0.0
    return sum(int(line.split()[1]) for line in lines if line.startswith("Pss:")) / 1024


if __name__ == "__main__":
    main()
