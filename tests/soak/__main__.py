"""`python -m tests.soak --minutes 20`: run the daemon while faults are injected into everything that it depends on.

Needs Mosquitto, GStreamer's RTSP server, and the right to mount a tmpfs: the small disk that fills up. What is missing
is reported before anything starts, with exit status 2.
"""

import argparse
import contextlib
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
from tests.soak.daemon import DaemonProcess
from tests.soak.requirements import missing_requirements

STALL_TIMEOUT_S = 3.0


def main(arguments=None):
    parser = argparse.ArgumentParser(prog="python -m tests.soak", description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=20, help="how long to inject faults (default: 20)")
    parser.add_argument("--seed", type=int, default=0, help="of the random generator that chooses the faults")
    parser.add_argument("--out", type=Path, help="write the figures as JSON")
    parser.add_argument("--folder", type=Path, help="keep the log and the events in this empty folder")
    parser.add_argument("--no-small-disk", action="store_true", help="leave out the faults that need a mounted tmpfs")
    options = parser.parse_args(arguments)
    missing = missing_requirements(with_small_disk=not options.no_small_disk)
    if missing:
        print(f"soak: {'; '.join(missing)}", file=sys.stderr)
        sys.exit(2)
    # A plain kill must clean up like Ctrl-C does.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with tempfile.TemporaryDirectory(prefix="mien-soak-") as temporary:
        folder = options.folder or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        if any(folder.iterdir()):
            parser.error(f"{folder} is not empty")
        try:
            verdict = soak(folder, options.minutes, options.seed, with_small_disk=not options.no_small_disk)
        except (pytest.skip.Exception, pytest.fail.Exception) as error:
            sys.exit(f"soak: {error}")
        except KeyboardInterrupt:
            sys.exit("soak: stopped; an incomplete run proves nothing")
    figures = {"minutes": options.minutes, "seed": options.seed, "cpu": platform.processor() or platform.machine()}
    figures |= {"cores": os.cpu_count()} | verdict.figures
    for name, value in figures.items():
        print(f"{name}: {json.dumps(value)}")
    for line in verdict.failures:
        print(f"FAILED  {line}", file=sys.stderr)
    for traceback in verdict.tracebacks:
        print(traceback, file=sys.stderr)
    if options.out:
        options.out.write_text(
            json.dumps(figures | {"failures": verdict.failures, "tracebacks": verdict.tracebacks}, indent=2) + "\n"
        )
    sys.exit(1 if verdict.failures else 0)


def soak(folder, minutes, seed, *, with_small_disk):
    """Run the daemon for `minutes` with injected faults, clean up whatever happens, and return the verdict."""
    # Here, because they import packages that may be missing, which was checked before.
    from tests.soak.attackers import Attackers
    from tests.soak.faults import BrokerFaults, CameraFaults, ClientFaults, DiskFaults, OperatorFaults
    from tests.soak.monitor import Monitor
    from tests.soak.subscriber import Subscriber
    from tests.soak.verdict import evaluate
    from tests.soak.viewer import Viewer

    broker_lines = ("allow_anonymous true", "persistence true", f"persistence_location {folder}/")
    ending = threading.Event()
    with contextlib.ExitStack() as cleanup:
        broker = Mosquitto(folder, (*broker_lines, "max_queued_messages 0", "max_inflight_messages 0"))
        cleanup.callback(broker.stop)
        daemon = DaemonProcess(folder, broker.port, [free_port() for _ in range(3)], STALL_TIMEOUT_S)
        if with_small_disk:
            cleanup.enter_context(mounted_tmpfs(daemon.rotated.parent))
        rtsp = Server("rtsp")
        cleanup.callback(rtsp.stop)
        subscriber = Subscriber(broker.port, "mien/soak/events")
        cleanup.callback(subscriber.close)
        viewer = Viewer(daemon)
        injectors = [
            CameraFaults(seed, ending, daemon),
            BrokerFaults(seed, ending, broker),
            OperatorFaults(seed, ending, daemon, rtsp),
            ClientFaults(seed, ending, daemon, viewer),
            Attackers(seed, ending, daemon, broker, viewer),
            *([DiskFaults(seed, ending, daemon)] if with_small_disk else []),
        ]
        cleanup.callback(daemon.kill)
        daemon.start()
        monitor = Monitor(daemon, injectors, ending)
        # First of all the threads end: they use everything else.
        for thread in (monitor, *injectors):
            cleanup.callback(thread.join)
        cleanup.callback(ending.set)
        monitor.start()
        wait_for_frames(daemon, monitor)
        viewer.served_s()
        before = daemon.usage()
        for injector in injectors:
            injector.start()
        show_progress(minutes, daemon, injectors, monitor)
        ending.set()
        for thread in (*injectors, monitor):
            thread.join()
        # The last messages may still be queued for a broker that has just come back.
        time.sleep(8)
        # It collects what a former connection to the broker has left.
        daemon.reload()
        time.sleep(1)
        usage = before, daemon.usage()
        stopped_s = daemon.stop()
        time.sleep(2)
        return evaluate(daemon, injectors, monitor, subscriber, usage, stopped_s, STALL_TIMEOUT_S, round(10 * minutes))


@contextlib.contextmanager
def mounted_tmpfs(folder):
    """Mount a disk of 2 MB at `folder`; unmount it at the end."""
    command = ["mount", "-t", "tmpfs", "-o", "size=2m", "mien-soak", str(folder)]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"soak: cannot mount a small disk: {done.stderr.strip()}; pass --no-small-disk to leave it out")
    try:
        yield
    finally:
        # Lazy: a process may still have a file open there.
        subprocess.run(["umount", "--lazy", str(folder)], check=False)


def wait_for_frames(daemon, monitor):
    deadline_s = time.monotonic() + 60
    while len(monitor.frames) < 5:
        if daemon.status is not None or time.monotonic() > deadline_s:
            sys.exit(f"soak: the daemon does not start:\n{daemon.errors.read_text()}")
        time.sleep(0.1)


def show_progress(minutes, daemon, injectors, monitor):
    """Wait until the time is over, and print a line a minute."""
    begin_s = time.monotonic()
    lines = 0
    while (elapsed_s := time.monotonic() - begin_s) < minutes * 60:
        if daemon.status is not None:
            print(f"the daemon ended after {elapsed_s:.0f} s:\n{daemon.errors.read_text()}", file=sys.stderr)
            return
        if elapsed_s >= lines * 60:
            faults = sum(len(injector.faults) for injector in injectors)
            frames, usage = monitor.frames[-1][1], daemon.usage()
            used = f"{usage.memory_mb:.1f} MB, {usage.descriptors} descriptors"
            print(f"{lines} min: {faults} faults, {frames:.0f} frames, {used}", file=sys.stderr, flush=True)
            lines += 1
        time.sleep(0.5)


if __name__ == "__main__":
    main()
