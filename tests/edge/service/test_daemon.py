"""`mien run` as a daemon, in a process of its own: signals, reloading, and failures in a run."""

import json
import logging
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from contextlib import contextmanager
from urllib.error import HTTPError

import numpy as np
import pytest

from edge.detection.weights import WEIGHTS
from edge.errors import FrameError
from edge.inference.classifier import Classifier
from edge.pipeline import Components, Dispatcher, Pipeline
from edge.recognizer import Recognizer
from edge.system.cache import cache_folder
from edge.testing import RecordingSink, ScriptedClassifier, ScriptedDetector, ScriptedSource
from edge.types import Detection, SourceEvent
from tests.conftest import SHIPPED
from tests.edge.json_lines import complete_lines
from tests.edge.mosquitto import Mosquitto, free_port
from tests.edge.waiting import wait_until

HAPPY = 3
FACE = [Detection((10, 10, 20, 20), 0.9)]


class Broken(ScriptedClassifier):
    """Raises an error, or returns NaN, for faces of given brightness."""

    def __init__(self, raises=(), nan=()):
        super().__init__()
        self._raises, self._nan = raises, nan

    def scores(self, face_gray):
        brightness = int(face_gray.mean())
        if brightness in self._raises:
            raise RuntimeError("Invoke failed\nNode number 3")
        return np.full(7, np.nan, np.float32) if brightness in self._nan else super().scores(face_gray)


def pipeline_of(brightness, classifier, sink):
    recognizer = Recognizer(classifier, detector=ScriptedDetector([FACE] * len(brightness)))
    return Pipeline(Components.build(ScriptedSource(brightness), recognizer, Dispatcher(sink)))


def test_frames_that_fail_are_counted_and_skipped(caplog):
    sink = RecordingSink()
    brightness = [3, 3, 5, 6, 3, 3]
    report = pipeline_of(brightness, Broken(raises=(5,), nan=(6,)), sink).run()
    assert (report.frames_processed, report.frames_failed, report.frames_dropped, report.frames_seen) == (4, 2, 2, 6)
    assert [event.state for event in sink.events] == ["started", "ended"]
    assert [report.dropped for report in sink.reports] == [0, 0, 2, 0]
    # One line, at most once a minute.
    (line,) = [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]
    assert line == "frame skipped, 1 so far: RuntimeError: Invoke failed"


def test_a_clip_without_a_processable_frame_is_an_error():
    with pytest.raises(FrameError, match=r"none of 3 frames could be processed: ValueError: .* not finite numbers"):
        pipeline_of([6] * 3, Broken(nan=(6,)), RecordingSink()).run()


def test_a_run_in_which_every_frame_fails_ends_with_an_error(monkeypatch):
    monkeypatch.setattr("edge.pipeline.failure_policy.MAX_FAILING_S", 0.0)
    with pytest.raises(FrameError, match="no frame could be processed for 0 s"):
        pipeline_of([3, 6, 6, 6, 3], Broken(nan=(6,)), RecordingSink()).run()


def test_faces_end_with_the_source_and_sinks_receive_the_reason():
    sink = RecordingSink()
    source = ScriptedSource([HAPPY] * 6)
    recognizer = Recognizer(ScriptedClassifier(), detector=ScriptedDetector([FACE] * 6))
    pipeline = Pipeline(Components.build(source, recognizer, Dispatcher(sink)))

    def after(frame):
        if frame.index == 2:
            source.change_state(SourceEvent("scripted", "stalled", "no frame for 20 s"))
        if frame.index == 3:
            # The faces ended with the source, before the next frame was processed.
            assert [event.state for event in sink.events] == ["started", "ended", "started"]

    pipeline.run(after_step=after)
    assert [event.state for event in sink.events] == ["started", "ended", "started", "ended"]
    assert [(event.state, event.reason) for event in sink.source_events] == [("stalled", "no frame for 20 s")]


def test_new_components_continue_the_counts_of_the_old_ones():
    sinks = RecordingSink(), RecordingSink()
    components = [
        Components.build(
            ScriptedSource([HAPPY] * 5),
            Recognizer(ScriptedClassifier(), detector=ScriptedDetector([FACE] * 5)),
            Dispatcher(sink),
        )
        for sink in sinks
    ]
    pipeline = Pipeline(components[0])

    def after(frame):
        if frame.index == 2 and not sinks[1].events:
            pipeline.change(components[1])

    report = pipeline.run(after_step=after)
    assert [[event.state for event in sink.events] for sink in sinks] == [["started", "ended"]] * 2
    # Three frames of the first source, five of the second.
    assert (report.frames_processed, report.events, report.faces) == (8, 4, 8)


# --- in a process of its own ------------------------------------------------------------------------------


@contextmanager
def running(*arguments, hang_up=signal.SIG_DFL):
    """Run a daemon, which is killed at the end if it is still running; `hang_up` is its initial handler of SIGHUP."""
    command = [sys.executable, "-m", "edge", "run", *map(str, arguments)]
    with subprocess.Popen(
        command,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        # The tests themselves may run under nohup.
        preexec_fn=lambda: signal.signal(signal.SIGHUP, hang_up),
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def wait_for_line(process, text):
    while text not in (line := process.stderr.readline()):
        assert line, "the daemon ended"
    return line


pytestmark = pytest.mark.usefixtures("weights")


def test_sighup_reads_the_configuration_again(tmp_path):
    config, first, second = tmp_path / "mien.toml", tmp_path / "1.jsonl", tmp_path / "2.jsonl"
    config.write_text(f'sink = "jsonl:{first}"\n')
    report = tmp_path / "r.json"
    with running("--config", config, "--report", report) as process:
        wait_until(lambda: complete_lines(first), "an event")
        config.write_text(f'sink = "jsonl:{second}"\nemit = "frame"\n')
        process.send_signal(signal.SIGHUP)
        wait_for_line(process, "configuration was read again")
        wait_until(lambda: complete_lines(second), "an event in the other file")
        # An invalid configuration is rejected, and the old one stays.
        for bad, message in (
            ("sourse = 'x'", "did you mean source?"),
            ("model = 'nothing'", "no model"),
            (f"source = '{tmp_path / 'none.mp4'}'", "no source"),
            (f"sink = 'jsonl:{tmp_path / 'no' / 'x.jsonl'}'", "cannot write"),
            ("preview = '0.0.0.0:0'", "expected a token"),
            ("aggregate = 60\npreview = '127.0.0.1:0'", "expected one of the two options"),
        ):
            config.write_text(bad + "\n")
            process.send_signal(signal.SIGHUP)
            line = wait_for_line(process, "rejected, the old one stays")
            assert message in line
            n = len(complete_lines(second))
            wait_until(lambda n=n: len(complete_lines(second)) > n + 5, f"more events after {bad!r}")
        process.send_signal(signal.SIGTERM)
        _, err = process.communicate(timeout=30)
    assert process.returncode == 0, err
    assert [event["state"] for event in complete_lines(first)] == ["started", "ended"]
    assert {event["state"] for event in complete_lines(second)} == {"frame"}
    # The counts include both configurations.
    assert json.loads(report.read_text())["events"] == 2 + len(complete_lines(second))


def test_whatever_a_configuration_holds_the_run_goes_on_with_its_camera(tmp_path):
    """The camera is not even opened again: the other source is opened, and has to give a frame, before it is closed."""
    config, out, camera, gone = (tmp_path / name for name in ("mien.toml", "e.jsonl", "camera", "gone"))
    camera.write_text("work")
    gone.write_text("vanish")
    settings = f'sink = "jsonl:{out}"\nemit = "frame"\n'
    config.write_text(f'source = "scripted:{camera}"\n{settings}')
    with running("--config", config) as process:
        wait_for_line(process, "is online")
        for bad in (
            f"prior = {'[' * 3000}{']' * 3000}",
            f"min-faces = {'9' * 5000}",
            'source = "a\\u0000b.mp4"',
            'report = "a\\u0000b"',
            f'source = "rtsp://{"h" * 70}.example/1"',
            f'preview = "{"h" * 70}.example:8080"\npreview-token-file = "{tmp_path / "no"}"',
            f'sink = "metrics:{"h" * 70}.example:9108?token_file={camera}"',
            f'sink = "mqtt://{"h" * 300}/x"',
            'source = "camera:63"',
            'source = "picamera2"',
            'source = "picamera2"\nwait-for-source = true',
            f'source = "scripted:{gone}"',
            'model = "a\\u0000b"',
            'detector = "blazeface:a\\u0000b"',
        ):
            config.write_text(bad + "\n" + ("" if "sink" in bad else settings))
            process.send_signal(signal.SIGHUP)
            skipped = []
            while "the old one stays" not in (line := process.stderr.readline()):
                assert line, f"the daemon ended after {bad[:60]!r}: {skipped}"
                skipped.append(line)
            assert not [line for line in skipped if "Traceback" in line or "online" in line or "offline" in line], bad[
                :60
            ]
            n = len(complete_lines(out))
            wait_until(lambda n=n: len(complete_lines(out)) > n + 5, f"more events after {bad[:60]!r}")
        process.send_signal(signal.SIGTERM)
        _, err = process.communicate(timeout=30)
    assert process.returncode == 0, err


def test_sighup_reads_tokens_again(tmp_path):
    config, out, token = tmp_path / "mien.toml", tmp_path / "e.jsonl", tmp_path / "token"
    token.write_text("the-first-token-of-two")
    preview, metrics = free_port(), free_port()
    config.write_text(
        f'sink = ["jsonl:{out}", "metrics:{metrics}?token_file={token}"]\n'
        f'preview = "127.0.0.1:{preview}"\npreview-token-file = "{token}"\n'
    )

    def status(port, path="", **headers):
        request = urllib.request.Request(f"http://127.0.0.1:{port}/{path}", headers=headers)
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return answer.status
        except HTTPError as error:
            return error.code

    def statuses(text):
        return status(preview, f"?token={text}"), status(metrics, "metrics", Authorization=f"Bearer {text}")

    with running("--config", config) as process:
        wait_until(lambda: complete_lines(out), "an event")
        assert statuses("the-first-token-of-two") == (200, 200)
        token.write_text("the-second-token-of-two")
        process.send_signal(signal.SIGHUP)
        wait_for_line(process, "configuration was read again")
        assert statuses("the-second-token-of-two") == (200, 200)
        assert statuses("the-first-token-of-two") == (403, 401)
        # A file that is just being written, or holds anything else: the token that was read before stays.
        token.write_text("")
        process.send_signal(signal.SIGHUP)
        assert "contains no valid token" in wait_for_line(process, "rejected, the old one stays")
        assert statuses("the-second-token-of-two") == (200, 200)


@pytest.mark.real_part
def test_a_reload_while_the_broker_is_away_loses_no_event(tmp_path):
    """Neither one that concerns another sink, nor one that changes the broker's, nor one that is rejected."""
    pytest.importorskip("paho.mqtt.client")
    broker = Mosquitto(tmp_path)
    config, out, report = tmp_path / "mien.toml", tmp_path / "e.jsonl", tmp_path / "r.json"
    mqtt, metrics = f"mqtt://127.0.0.1:{broker.port}/mien/test", f"metrics:{free_port()}?token_file={tmp_path}/token"

    def configure(*sinks, token="the-first-token-of-two"):
        (tmp_path / "token").write_text(token)
        config.write_text(f'emit = "frame"\nsink = {json.dumps([f"jsonl:{out}", metrics, *sinks])}\n')

    configure(mqtt)
    with running("--config", config, "--report", report) as process:
        wait_until(lambda: complete_lines(out), "an event")
        broker.stop()
        for sinks, answer in (
            ([mqtt], "the configuration was read again"),
            ([f"{mqtt}?queue=5000"], "the configuration was read again"),
            ([f"{mqtt}?queue=6000", f"jsonl:{tmp_path}/no/file"], "rejected, the old one stays"),
        ):
            configure(*sinks, token="the-second-token-of-two")
            process.send_signal(signal.SIGHUP)
            wait_for_line(process, answer)
            count = len(complete_lines(out))
            wait_until(lambda count=count: len(complete_lines(out)) > count + 5, "more events")
        broker.start()
        wait_for_line(process, f"sink {mqtt}: works again")
        process.send_signal(signal.SIGTERM)
        _, err = process.communicate(timeout=30)
    broker.stop()
    assert process.returncode == 0, err
    counts = json.loads(report.read_text())["sinks"][mqtt]
    assert counts["failures"]
    assert (counts["delivered"], counts["dropped"]) == (len(complete_lines(out)), 0)


def test_sighup_can_change_to_measured_threads(tmp_path, monkeypatch):
    for weights in WEIGHTS.values():
        shutil.copy(cache_folder() / weights.file, tmp_path)
    monkeypatch.setenv("MIEN_CACHE", str(tmp_path))
    config, out = tmp_path / "mien.toml", tmp_path / "e.jsonl"
    settings = f'sink = "jsonl:{out}"\nemit = "frame"\n'
    config.write_text(settings)
    with running("--config", config) as process:
        wait_until(lambda: complete_lines(out), "an event")
        assert not (tmp_path / "threads.json").exists()
        config.write_text(settings + 'threads = "auto"\n')
        process.send_signal(signal.SIGHUP)
        wait_for_line(process, "configuration was read again")
        n = len(complete_lines(out))
        wait_until(lambda: len(complete_lines(out)) > n + 5, "more events")
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0
    # With one core, nothing is measured.
    assert (tmp_path / "threads.json").exists() == (len(os.sched_getaffinity(0)) > 1)


def test_sighup_without_a_configuration_ends_the_run(tmp_path):
    with running("--sink", f"jsonl:{tmp_path / 'e.jsonl'}") as process:
        wait_until(lambda: complete_lines(tmp_path / "e.jsonl"), "an event")
        process.send_signal(signal.SIGHUP)
        assert process.wait(30) == 0


def test_under_nohup_sighup_does_nothing(tmp_path):
    out = tmp_path / "e.jsonl"
    with running("--sink", f"jsonl:{out}", "--emit", "frame", hang_up=signal.SIG_IGN) as process:
        n = len(wait_until(lambda: complete_lines(out), "an event"))
        process.send_signal(signal.SIGHUP)
        wait_until(lambda: len(complete_lines(out)) > n + 10, "more events")
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0


def test_sigterm_ends_the_run_within_5_s_even_if_a_sink_hangs(tmp_path):
    """One sink is a full pipe that nobody reads, the other a broker that is not there."""
    arguments = ("--sink", "jsonl:-", "--sink", "mqtt://127.0.0.1:1", "--emit", "frame", "--max-frames", 10_000)
    (tmp_path / "camera").write_text("work")
    command = [sys.executable, "-m", "edge", "run", "--source", f"scripted:{tmp_path / 'camera'}", *map(str, arguments)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        wait_for_line(process, "is online")
        time.sleep(4)
        begin_s = time.monotonic()
        process.send_signal(signal.SIGTERM)
        # Not communicate(): the pipe stays full.
        assert process.wait(30) == 0
        took_s = time.monotonic() - begin_s
        err = process.stderr.read()
        process.stdout.close()
    # The limit is 5 s; a run without one would not end at all, so the margin for a busy machine is wide.
    assert took_s < 20, err
    assert "could not be delivered" in err


@pytest.mark.parametrize("waits", [False, True])
def test_sigterm_ends_a_reload_that_waits_for_another_source(tmp_path, waits):
    config, out = tmp_path / "mien.toml", tmp_path / "e.jsonl"
    config.write_text(f'sink = "jsonl:{out}"\n')
    # It accepts a connection, and sends nothing.
    with socket.create_server(("127.0.0.1", 0)) as silent, running("--config", config) as process:
        silent.settimeout(30)
        wait_until(lambda: complete_lines(out), "an event")
        source = f"http://127.0.0.1:{silent.getsockname()[1]}/video"
        config.write_text(f'sink = "jsonl:{out}"\nsource = "{source}"\nwait-for-source = {str(waits).lower()}\n')
        process.send_signal(signal.SIGHUP)
        connection, _ = silent.accept()
        with connection:
            begin_s = time.monotonic()
            process.send_signal(signal.SIGTERM)
            _, err = process.communicate(timeout=60)
    # The documented 5 s, and a margin for a busy machine.
    assert time.monotonic() - begin_s < 8
    assert process.returncode == 0, err
    assert "the old one stays: the run ends" in err


def test_passwords_are_not_in_the_output(tmp_path):
    config = tmp_path / "mien.toml"
    config.write_text('source = "rtsp://user:geheim@127.0.0.1:1/x"\nsink = "jsonl:-"\n')
    command = [sys.executable, "-m", "edge", "run", "--config", str(config)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 1
    assert "rtsp://127.0.0.1:1/x" in done.stderr
    assert "geheim" not in done.stderr + done.stdout


def test_aggregates_in_every_kind_of_sink(invoke, demo_clip, tmp_path):
    done = invoke(
        "run", "--source", demo_clip, "--aggregate", "1s", "--min-faces", 1, "--sink", "console",
        "--sink", f"jsonl:{tmp_path / 'a.jsonl'}", "--sink", f"csv:{tmp_path / 'a.csv'}",
    )  # fmt: skip
    assert done.code == 0, done.err
    aggregates = complete_lines(tmp_path / "a.jsonl")
    assert len(aggregates) == 3
    assert set(aggregates[0]) == {"time", "source", "seconds", "faces", "shares", "model"}
    assert aggregates[0]["faces"] == 1
    assert "= 1 faces in 1 s: happy 100%" in done.out
    header, row = (tmp_path / "a.csv").read_text().splitlines()[:2]
    assert "share_happy" in header
    assert "box" not in header
    assert len(header.split(",")) == len(row.split(","))


def test_all_kinds_of_output_at_once(tmp_path):
    """The real command with a live source, a broker, Prometheus and a viewer; stored images are announced."""
    import struct
    import urllib.request

    pytest.importorskip("paho.mqtt.client", reason="pip install 'mien[mqtt]'")
    parser = pytest.importorskip("prometheus_client.parser", reason="pip install 'mien[metrics]'")
    sockets = pytest.importorskip("websockets.sync.client", reason="pip install 'mien[preview]'")
    from tests.edge.mosquitto import Mosquitto, connected_listener, free_port

    broker = Mosquitto(tmp_path)
    listener = connected_listener(broker)
    metrics, preview = free_port(), free_port()
    (tmp_path / "camera").write_text("work")
    arguments = ("--source", f"scripted:{tmp_path / 'camera'}", "--preview", f"127.0.0.1:{preview}")
    sinks = ("--sink", f"mqtt://127.0.0.1:{broker.port}/mien/all", "--sink", f"metrics:{metrics}")
    try:
        with running(*arguments, *sinks, "--debug-frames", tmp_path / "pictures") as process:
            wait_until(lambda: listener.payloads("mien/all/events"), "an event at the broker")
            assert json.loads(listener.payloads("mien/all/source")[-1])["state"] == "online"
            model = Classifier(SHIPPED).card.identity
            assert json.loads(listener.payloads("mien/all/state")[-1])["model"] == model
            assert "homeassistant/device/mien_all/config" in [topic for topic, _, _ in listener.received]
            with urllib.request.urlopen(f"http://127.0.0.1:{metrics}/metrics", timeout=30) as answer:
                families = list(parser.text_string_to_metric_families(answer.read().decode()))
            frames = next(family for family in families if family.name == "mien_frames")
            assert frames.samples[0].value > 0
            (info,) = next(family for family in families if family.name == "mien_model_info").samples
            assert f"{info.labels['model']}@{info.labels['version']}" == model
            with sockets.connect(f"ws://127.0.0.1:{preview}/live", compression=None, proxy=None) as viewer:
                texts, faces, until_s = [], [], time.monotonic() + 30
                # A busy machine may miss the moving face in one frame, and then it is not in that picture.
                while not faces and time.monotonic() < until_s:
                    message = viewer.recv(30)
                    if isinstance(message, str):
                        texts.append(message)
                        continue
                    (length,) = struct.unpack(">I", message[:4])
                    faces = json.loads(message[4 : 4 + length])["faces"]
                    assert message[4 + length :].startswith(b"\xff\xd8")
            assert [face["expression"] for face in faces] == ["happy"]
            assert any("PICTURES ARE BEING STORED" in text for text in texts)
            process.send_signal(signal.SIGTERM)
            _, err = process.communicate(timeout=30)
        assert process.returncode == 0, err
        assert f"preview at http://127.0.0.1:{preview}/" in err
        wait_until(lambda: "offline" in listener.payloads("mien/all/availability"), "the goodbye at the broker")
        assert list((tmp_path / "pictures").glob("*.jpg"))
    finally:
        listener.close()
        broker.stop()
