"""The messages that a service manager receives from the real `mien run`, over a real socket."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from contextlib import contextmanager

import pytest

from edge.service.heartbeat import Heartbeat
from edge.service.sd_notify import NotifySocket, watchdog_s
from tests.edge.waiting import wait_until

DEMO = ("--source", "demo", "--sink", "jsonl:/dev/null")


class ServiceManager:
    """The receiving end: stores every message and the time of its arrival, by the monotonic clock."""

    def __init__(self, address):
        self.address = address
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind("\0" + address[1:] if address.startswith("@") else address)
        self._socket.setblocking(False)
        self._heard = []

    @property
    def heard(self):
        while True:
            try:
                message = self._socket.recv(65536)
            except BlockingIOError:
                return self._heard
            self._heard.append((time.monotonic(), message.decode().splitlines()))

    def times(self, line):
        return [when_s for when_s, message in self.heard if line in message]

    def lines(self, prefix):
        return [line for _, message in self.heard for line in message if line.startswith(prefix)]

    def close(self):
        self._socket.close()


@pytest.fixture(params=["path", "abstract"])
def service_manager(request, tmp_path):
    address = str(tmp_path / "notify") if request.param == "path" else f"@mien-test-{os.getpid()}-{time.monotonic_ns()}"
    listens = ServiceManager(address)
    yield listens
    listens.close()


@pytest.fixture
def by_path(tmp_path):
    listens = ServiceManager(str(tmp_path / "notify"))
    yield listens
    listens.close()


@contextmanager
def service(listens, *arguments, watchdog_usec=None):
    """Run `mien run` as a service manager starts it."""
    environment = {**os.environ, "NOTIFY_SOCKET": listens.address}
    # `exec` keeps the process id that the shell has stored, as with systemd.
    start = 'WATCHDOG_PID=$$ exec "$@"' if watchdog_usec else 'exec "$@"'
    if watchdog_usec:
        environment["WATCHDOG_USEC"] = str(watchdog_usec)
    command = ["sh", "-c", start, "sh", sys.executable, "-m", "edge", "run", *map(str, arguments)]
    with subprocess.Popen(
        command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def end(process):
    process.send_signal(signal.SIGTERM)
    _, err = process.communicate(timeout=30)
    assert process.returncode == 0, err


@pytest.mark.usefixtures("weights")
def test_ready_alive_and_stopping(service_manager):
    with service(service_manager, *DEMO, watchdog_usec=2_000_000) as process:
        wait_until(lambda: len(service_manager.times("WATCHDOG=1")) > 4, "five keep-alive messages")
        end(process)
    (ready_s,) = service_manager.times("READY=1")
    keep_alives = service_manager.times("WATCHDOG=1")
    assert ready_s <= keep_alives[0]
    # Sent after a quarter of the time, so that none is later than half of it even on a busy machine.
    assert (keep_alives[-1] - keep_alives[0]) / (len(keep_alives) - 1) > 0.4
    assert "demo" in service_manager.lines("STATUS=")[0]
    assert service_manager.heard[-1][1] == ["STOPPING=1", "STATUS=stopping"]


@pytest.mark.usefixtures("weights")
def test_a_source_without_faces_is_ready_too(by_path, tmp_path):
    import cv2
    import numpy as np

    for number in range(3):
        cv2.imwrite(str(tmp_path / f"{number}.png"), np.full((120, 160, 3), 96, np.uint8))
    report = tmp_path / "report.json"
    with service(by_path, "--source", tmp_path, "--sink", "console", "--report", report) as process:
        assert process.wait(60) == 0
    assert json.loads(report.read_text())["faces"] == 0
    assert len(by_path.times("READY=1")) == 1
    # Without a watchdog there are no keep-alive messages.
    assert not by_path.times("WATCHDOG=1")


@pytest.mark.usefixtures("weights")
def test_keep_alive_messages_stop_while_the_camera_hangs(by_path, tmp_path):
    camera = tmp_path / "camera"
    camera.write_text("work")
    arguments = ("--source", f"scripted:{camera}", "--stall-timeout", "1", "--sink", "jsonl:/dev/null")
    with service(by_path, *arguments, watchdog_usec=1_000_000) as process:
        wait_until(lambda: by_path.times("WATCHDOG=1"), "a keep-alive message")
        for fault in ("hang", "stall"):
            camera.write_text(fault)
            # Frames that were under way when the fault began still count. They are due twice a second.
            wait_until(lambda: time.monotonic() - by_path.times("WATCHDOG=1")[-1] > 1.5, f"no keep-alive in {fault}")
            before = len(by_path.times("WATCHDOG=1"))
            time.sleep(2)
            assert len(by_path.times("WATCHDOG=1")) == before, fault
            assert process.poll() is None
            camera.write_text("work")
            wait_until(lambda n=before: len(by_path.times("WATCHDOG=1")) > n, f"a keep-alive message after {fault}")
        end(process)
    assert len(by_path.times("READY=1")) == 1


@pytest.mark.usefixtures("weights")
def test_the_service_is_not_ready_before_the_camera_is_there(by_path, tmp_path):
    camera = tmp_path / "camera"
    camera.write_text("vanish")
    arguments = ("--source", f"scripted:{camera}", "--wait-for-source", "--sink", "jsonl:/dev/null")
    with service(by_path, *arguments, watchdog_usec=1_000_000) as process:
        wait_until(lambda: any("no frame" in line for line in by_path.lines("STATUS=")), "a status")
        assert not by_path.times("READY=1") + by_path.times("WATCHDOG=1")
        camera.write_text("work")
        wait_until(lambda: by_path.times("READY=1"), "ready once it is there")
        end(process)


@pytest.mark.usefixtures("weights")
def test_sighup_is_reported_as_a_reload_that_ends(by_path, tmp_path):
    config = tmp_path / "mien.toml"
    config.write_text('sink = "jsonl:/dev/null"\n')
    with service(by_path, "--config", config) as process:
        wait_until(lambda: by_path.times("READY=1"), "ready")
        for number, text in enumerate(('sink = "jsonl:/dev/null"\nemit = "frame"\n', "sourse = 1\n"), 1):
            config.write_text(text)
            before_us = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
            process.send_signal(signal.SIGHUP)
            wait_until(lambda n=number: len(by_path.times("READY=1")) == n + 1, "ready again")
            stamp = int(by_path.lines("MONOTONIC_USEC=")[-1].partition("=")[2])
            assert before_us <= stamp <= time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
        end(process)
    assert by_path.lines("RE") == ["READY=1", "RELOADING=1", "READY=1", "RELOADING=1", "READY=1"]


@pytest.mark.usefixtures("weights")
def test_a_failed_run_reports_the_reason(by_path, tmp_path):
    with service(by_path, "--source", f"scripted:{tmp_path / 'nothing'}", "--sink", "jsonl:/dev/null") as process:
        assert process.wait(60) == 1
    assert not by_path.times("READY=1")
    assert "No such file" in by_path.lines("STATUS=stopping: ")[0]


class Counting:
    """The part of a group of pipelines that a heartbeat reads."""

    processed = 0


class FlakySocket(NotifySocket):
    """Accepts messages only while `accepts` is true."""

    def __init__(self):
        super().__init__("/nowhere")
        self.accepts, self.heard = True, []

    def send(self, *lines):
        self.heard += lines if self.accepts else ()
        return self.accepts


def test_messages_that_were_not_delivered_are_sent_again():
    class Report:
        source, model = "made", "m@1"

    pipelines, notify = Counting(), FlakySocket()
    pipelines.report = Report
    heartbeat = Heartbeat(pipelines, notify, watchdog=0.0)
    heartbeat.beat()
    assert notify.heard == []
    pipelines.processed, notify.accepts = 1, False
    heartbeat.beat()
    notify.accepts = True
    # Before the service is ready, a reload is not reported.
    heartbeat.reloading()
    assert notify.heard == []
    heartbeat.beat()
    assert notify.heard == ["READY=1", "STATUS=made: running", "WATCHDOG=1"]
    heartbeat.beat()
    assert notify.heard[3:] == []
    notify.accepts = False
    heartbeat.reloaded()
    notify.accepts = True
    heartbeat.beat()
    assert notify.heard[3:] == ["READY=1", "STATUS=made: running"]


def test_without_a_service_manager_messages_are_dropped(tmp_path, caplog):
    assert not NotifySocket.from_environment({})
    assert NotifySocket.from_environment({}).send("READY=1")
    # The socket is not there, or it is not a socket.
    assert not NotifySocket(str(tmp_path / "none")).send("READY=1")
    assert not NotifySocket(str(tmp_path)).send("READY=1")
    assert not NotifySocket("vsock:2:1234")
    assert "expected a path or @NAME" in caplog.text


def test_a_full_socket_does_not_block(tmp_path):
    listens = ServiceManager(str(tmp_path / "full"))
    sender = NotifySocket(listens.address)
    assert [sender.send("STATUS=x" * 20) for _ in range(2000)][-1] is False
    assert listens.heard
    assert sender.send("READY=1")
    listens.close()


def test_the_watchdog_is_for_one_process():
    asked = {"WATCHDOG_USEC": "180000000", "WATCHDOG_PID": "7"}
    assert watchdog_s(asked, 7) == 180
    assert watchdog_s(asked, 8) is None
    assert watchdog_s({"WATCHDOG_USEC": "500000"}, 8) == 0.5
    for wrong in ({}, {"WATCHDOG_USEC": ""}, {"WATCHDOG_USEC": "0"}, {"WATCHDOG_USEC": "x"}):
        assert watchdog_s(wrong, 7) is None
