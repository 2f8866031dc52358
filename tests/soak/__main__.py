"""`python -m tests.soak --minutes 20`: run the daemon for so long, and let everything happen to it.

Needs Mosquitto, and GStreamer's RTSP server for one of the faults; the small disk that runs full is a tmpfs, which
only root can mount.
"""

import argparse
import json
import os
import platform
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import pytest

from tests.edge.capture.test_stream import Server
from tests.edge.mosquitto import Mosquitto, free_port
from tests.soak import lanes as lane
from tests.soak.daemon import Daemon
from tests.soak.subscriber import Subscriber
from tests.soak.verdict import judge
from tests.soak.watch import Watch

STALL_TIMEOUT_S = 3.0


def main():
    parser = argparse.ArgumentParser(prog="python -m tests.soak", description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=20)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, help="write the figures as JSON")
    parser.add_argument("--folder", type=Path, help="where the log and the events stay, to look at")
    options = parser.parse_args()
    # What it has started ends with it, also by a plain kill.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with tempfile.TemporaryDirectory(prefix="mien-soak-") as temporary:
        folder = options.folder or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        if any(folder.iterdir()):
            parser.error(f"{folder} is not empty")
        try:
            verdict = soak(folder, options.minutes, options.seed)
        except pytest.skip.Exception as missing:
            sys.exit(f"soak: {missing}")
        except KeyboardInterrupt:
            sys.exit("soak: stopped; a part of a run says nothing")
    figures = {"minutes": options.minutes, "seed": options.seed, "cpu": platform.processor() or platform.machine()}
    figures |= {"cores": os.cpu_count()} | verdict.figures
    for name, value in figures.items():
        print(f"{name}: {json.dumps(value)}")
    for line in verdict.wrong:
        print(f"WRONG  {line}", file=sys.stderr)
    if options.out:
        options.out.write_text(json.dumps(figures | {"wrong": verdict.wrong}, indent=2) + "\n")
    sys.exit(1 if verdict.wrong else 0)


def soak(folder, minutes, seed):
    broker_lines = ("allow_anonymous true", "persistence true", f"persistence_location {folder}/")
    broker = Mosquitto(folder, (*broker_lines, "max_queued_messages 0", "max_inflight_messages 0"))
    daemon = Daemon(folder, broker.port, free_port(), free_port(), STALL_TIMEOUT_S)
    is_disk = mounted(daemon.rotated.parent)
    rtsp, ending, subscriber = Server("rtsp"), threading.Event(), None
    try:
        subscriber = Subscriber(broker.port, "mien/soak/events")
        lanes = [
            lane.Camera(seed, ending, daemon),
            lane.Broker(seed, ending, broker),
            lane.Operator(seed, ending, daemon, rtsp),
            lane.Visitors(seed, ending, daemon),
            *([lane.Disk(seed, ending, daemon)] if is_disk else []),
        ]
        daemon.start()
        watch = Watch(daemon, lanes, ending)
        watch.start()
        wait_for_frames(daemon, watch)
        for each in lanes:
            each.start()
        show(minutes, daemon, lanes, watch)
        ending.set()
        for each in (*lanes, watch):
            each.join()
        # The last messages may still wait for a broker that has just come back.
        time.sleep(8)
        stopped_s = daemon.stop()
        time.sleep(2)
        return judge(daemon, lanes, watch, subscriber, stopped_s, STALL_TIMEOUT_S, round(10 * minutes))
    finally:
        ending.set()
        daemon.kill()
        if subscriber is not None:
            subscriber.close()
        broker.stop()
        rtsp.stop()
        if is_disk:
            subprocess.run(["umount", "--lazy", daemon.rotated.parent], check=False)


def mounted(folder):
    """A small disk of its own at `folder`, where that is allowed."""
    command = ["mount", "-t", "tmpfs", "-o", "size=2m", "mien-soak", str(folder)]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        print(f"no disk that runs full: {done.stderr.strip()}", file=sys.stderr)
    return not done.returncode


def wait_for_frames(daemon, watch):
    end_s = time.monotonic() + 60
    while len(watch.frames) < 5:
        if daemon.status is not None or time.monotonic() > end_s:
            sys.exit(f"soak: the daemon does not begin:\n{daemon.errors.read_text()}")
        time.sleep(0.1)


def show(minutes, daemon, lanes, watch):
    """Wait; a line a minute says how it goes."""
    begin_s = time.monotonic()
    told = 0
    while (lasted_s := time.monotonic() - begin_s) < minutes * 60:
        if daemon.status is not None:
            print(f"the daemon ended after {lasted_s:.0f} s:\n{daemon.errors.read_text()}", file=sys.stderr)
            return
        if lasted_s >= told * 60:
            told += 1
            faults = sum(len(each.faults) for each in lanes)
            frames, memory = watch.frames[-1][1], f"{daemon.rss_mb():.1f} MB, {daemon.descriptors()} descriptors"
            print(f"{told - 1} min: {faults} faults, {frames:.0f} frames, {memory}", file=sys.stderr, flush=True)
        time.sleep(0.5)


if __name__ == "__main__":
    main()
