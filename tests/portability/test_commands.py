"""The commands of Windows and macOS, each for real, in processes that are without what these systems do not have."""

import json
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request

import jsonschema
import pytest

from tests.conftest import PORTRAIT, ROOT, SHIPPED
from tests.portability.elsewhere import environment, run_code, run_elsewhere

pytestmark = pytest.mark.slow
IS_LINUX = sys.platform == "linux"


def free_port():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


def lines(path):
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


@pytest.mark.skipif(not IS_LINUX, reason="nothing is taken away here: it is not there")
@pytest.mark.parametrize(
    "statement",
    [
        "import fcntl",
        "import resource",
        "from os import memfd_create",
        "from os import geteuid, getpid",
        "import os; os.O_NOFOLLOW",
        "import signal; signal.SIGHUP",
        "import socket; socket.AF_UNIX",
        "import importlib; importlib.import_module('pwd')",
        "import ctypes; ctypes.CDLL(None)",
        "from pathlib import Path; Path('/proc/self/status').read_text()",
        "import sys; assert sys.platform == 'linux'",
    ],
)
def test_mien_is_without_what_linux_alone_has(tmp_path, statement):
    (tmp_path / "convert.py").write_text(f"{statement}\n")
    code = f"import sys; sys.path.insert(0, {str(tmp_path)!r}); import convert"
    done = run_code(code)
    assert done.code == 1
    error = done.err.strip().splitlines()[-1].partition(":")[0]
    assert error in {
        "ModuleNotFoundError", "ImportError", "AttributeError", "TypeError", "FileNotFoundError", "AssertionError",
    }  # fmt: skip


def test_every_module_of_the_device_can_be_imported():
    from tests.imports import modules_of

    # picamera2, gpiozero and the extras are imported on use.
    linux = ("edge.capture.shared_frames", "edge.capture.socket_process", "edge.capture.socket_channel")
    names = [name for name in (*modules_of("edge"), *modules_of("mien")) if name not in linux]
    done = run_code(f"import importlib\nfor name in {names!r}: importlib.import_module(name)\nprint(len({names!r}))")
    assert done.code == 0, done.err
    assert int(done.out) == len(names) > 100


def test_help():
    assert "classify" in run_elsewhere("--help").out
    for command in ("run", "classify", "benchmark", "train", "convert", "service", "deploy", "deploy install"):
        done = run_elsewhere(*command.split(), "--help")
        assert (done.code, done.err) == (0, "")
        assert "Usage: mien" in done.out


def test_classify(weights):
    done = run_elsewhere("classify", PORTRAIT, "--detector", "blazeface", "--json")
    assert (done.code, done.err) == (0, "")
    assert '"happy"' in done.out


def test_run_on_the_demo_with_a_preview(weights, tmp_path):
    port, events = free_port(), tmp_path / "events.jsonl"
    command = [sys.executable, "-P", "-m", "edge", "run", "--source", "demo", "--max-frames", "150"]
    command += ["--sink", f"jsonl:{events}?rotate=10kB&keep=100", "--emit", "frame", "--preview", f"127.0.0.1:{port}"]
    command += ["--report", str(tmp_path / "report.json")]
    variables = {**os.environ, **environment()}
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=variables) as process:
        page = ""
        while not page:
            assert process.poll() is None, process.stderr.read()
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{port}/") as answer:
                    page = answer.read().decode()
            except urllib.error.URLError:
                time.sleep(0.05)
        _, stderr = process.communicate()
    assert process.returncode == 0, stderr
    assert "<title>" in page
    assert "Traceback" not in stderr
    assert json.loads((tmp_path / "report.json").read_text("utf-8"))["frames_processed"] == 150
    # It was rotated, which on Windows an open file could not be.
    whole = [*lines(events), *(event for old in tmp_path.glob("events.jsonl.*") for event in lines(old))]
    assert len(list(tmp_path.glob("events.jsonl*"))) > 1
    assert {event["frame"] for event in whole} == set(range(150))


def test_run_on_a_clip(weights, demo_clip, tmp_path):
    events = tmp_path / "events.jsonl"
    done = run_elsewhere(
        "run", "--source", demo_clip, "--sink", f"jsonl:{events}", "--sink", f"sqlite:{tmp_path / 'history.db'}",
        "--record", tmp_path / "seen.mp4", "--debug-frames", tmp_path / "frames", "--emit", "frame",
    )  # fmt: skip
    assert done.code == 0, done.err
    assert "90 frames" in done.err
    assert {event["emotion"] for event in lines(events)} >= {"happy"}
    assert (tmp_path / "seen.mp4").stat().st_size > 10_000
    assert (tmp_path / "frames" / "00000000.jpg").is_file()
    shown = run_elsewhere("history", tmp_path / "history.db")
    assert shown.code == 0, shown.err


def test_run_on_a_live_source(weights, tmp_path):
    script, events = tmp_path / "script", tmp_path / "events.jsonl"
    script.write_text("work")
    # The portrait is away for a moment in every ten seconds.
    done = run_elsewhere(
        "run", "--source", f"scripted:{script}", "--max-frames", 150, "--sink", f"jsonl:{events}", "--emit", "frame"
    )
    assert done.code == 0, done.err
    assert "Traceback" not in done.err
    assert {event["emotion"] for event in lines(events) if "emotion" in event} == {"happy"}


def test_a_live_source_has_a_process_that_dies_and_is_replaced(tmp_path):
    script = tmp_path / "script"
    script.write_text("work")
    code = (
        "import os, signal, sys\n"
        "from edge.capture.captured_source import CapturedSource\n"
        "from edge.testing import read_number\n"
        "with CapturedSource('scripted:' + sys.argv[1], open_timeout_s=60, stall_timeout_s=30) as source:\n"
        "    stream, killed = iter(source), None\n"
        "    for _ in range(2):\n"
        "        frame = None\n"
        "        while frame is None or source.pid == killed:\n"
        "            frame = next(stream)\n"
        "        assert read_number(frame.image) is not None\n"
        "        killed = source.pid\n"
        "        os.kill(killed, signal.SIGTERM if sys.platform == 'win32' else signal.SIGKILL)\n"
        "    print(type(source._transport).__name__, [event.state for event in source.state_events()])\n"
    )
    done = run_code(code, script)
    assert done.code == 0, done.err
    assert done.out.startswith("PipedTransport ['online', 'offline'")


def test_the_sandboxed_load_accepts_a_model_and_rejects_a_damaged_one(tmp_path):
    foreign, damaged = tmp_path / "theirs.tflite", tmp_path / "damaged.tflite"
    content = SHIPPED.read_bytes()
    foreign.write_bytes(content + b"\0")
    damaged.write_bytes(content[:2000] + bytes(5000) + content[7000:])
    code = (
        "import sys; from pathlib import Path; from edge.inference.sandbox import run_in_sandbox\n"
        "path = Path(sys.argv[1]); run_in_sandbox(path.read_bytes(), path.name)"
    )
    assert run_code(code, foreign).err == ""
    assert "ModelError" in run_code(code, damaged).err.splitlines()[-1]


@pytest.mark.skipif(not IS_LINUX, reason="a shell script")
def test_the_command_sink(tmp_path, weights):
    script = tmp_path / "script"
    script.write_text(f"#!/bin/sh\ncat >> {tmp_path / 'messages'}\necho done >&2\n")
    script.chmod(0o755)
    done = run_elsewhere("run", "--source", "demo", "--max-frames", 20, "--sink", f"exec:{script}")
    assert done.code == 0, done.err
    assert lines(tmp_path / "messages")[0]["state"] == "started"
    script.write_text("#!/bin/sh\necho broken >&2\nexit 3\n")
    done = run_elsewhere("run", "--source", "demo", "--max-frames", 20, "--sink", f"exec:{script}")
    assert "failed with exit status 3: broken" in done.err
    script.write_text("#!/bin/sh\nsleep 300\n")
    begin_s = time.monotonic()
    done = run_elsewhere("run", "--source", "demo", "--max-frames", 60, "--sink", f"exec:{script}?timeout=0.5")
    assert "was ended after 0.5 s" in done.err
    assert time.monotonic() - begin_s < 200


def test_benchmark(made_csv, tmp_path):
    done = run_elsewhere(
        "benchmark", SHIPPED.stem, "--data", made_csv, "--limit", 14, "--rounds", 1, "--out", tmp_path / "out"
    )
    assert done.code == 0, done.err
    results = json.loads((tmp_path / "out" / "results.json").read_text("utf-8"))
    schema = json.loads((ROOT / "edge" / "benchmark" / "results.schema.json").read_text("utf-8"))
    jsonschema.validate(results, schema)
    assert (tmp_path / "out" / "report.html").is_file()
    assert [model["name"] for model in results["models"]] == [SHIPPED.stem]
    if IS_LINUX:
        conditions = results["conditions"]
        assert (conditions["before"]["load"], conditions["machine"]["memory_mb"]) == (None, None)


def test_doctor_and_models(weights):
    done = run_elsewhere("doctor")
    assert (done.code, done.err) == (0, "")
    assert "LiteRT" in done.out
    listed = run_elsewhere("models", "list")
    assert (listed.code, SHIPPED.stem in listed.out) == (0, True)


@pytest.mark.parametrize(
    "command",
    [
        "service install", "service uninstall", "service status", "deploy install some.bundle", "deploy rollback",
        "deploy status",
    ],
)  # fmt: skip
def test_what_needs_linux_is_one_line(command):
    done = run_elsewhere(*command.split())
    assert done.code == 2
    words = command.split()
    assert done.error_line().startswith(f"mien: mien {words[0]} {words[1]} needs Linux, and this is ")


@pytest.mark.long
def test_train_and_convert(made_csv, tmp_path):
    recipe = tmp_path / "cnn.toml"
    recipe.write_text(
        'name = "cnn"\narchitecture = "cnn"\n[model]\nwidths = [8, 8, 8]\n'
        '[fit]\nepochs = 1\nbatch_size = 16\nprecision = "float32"\n'
    )
    trained = run_elsewhere("train", "fit", "--recipe", recipe, "--data", made_csv, "--out", tmp_path / "cnn")
    assert trained.code == 0, trained.err
    assert "on PublicTest" in trained.out
    int8 = tmp_path / "cnn-int8.tflite"
    done = run_elsewhere(
        "convert", "quantize", tmp_path / "cnn" / "model.keras", "--data", made_csv, "--out", int8, "--samples", 28,
        "--max-drop", 100, "--max-class-drop", 100, "--min-agreement", 0, "--min-above-chance", -100,
    )  # fmt: skip
    assert done.code == 0, done.err
    read = run_elsewhere("classify", PORTRAIT, "--model", int8)
    assert read.code == 0, read.err
