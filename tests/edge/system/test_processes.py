import os
import signal
import subprocess
import sys
import time

import pytest

from edge.system.native_logs import quiet_native_logs
from edge.system.processes import describe_exit, last_line, python_command, python_environment


@pytest.mark.parametrize(
    ("output", "preferred", "line"),
    [
        ("one\ntwo\n\n  \n", (), "two"),
        (b"one\n  t\xffwo  \n", (), "t\ufffdwo"),
        ("ERROR: no such wheel\nsee the log\n", ("ERROR",), "ERROR: no such wheel"),
        ("one\ntwo\n", ("ERROR",), "two"),
        ("x" * 500, (), "x" * 200),
        (" \n", (), ""),
    ],
)
def test_last_line_of_an_output(output, preferred, line):
    assert last_line(output, preferred) == line


def test_exit_descriptions_name_signals_and_the_last_line():
    assert describe_exit(3) == "exit status 3"
    assert describe_exit(-11, b"Fatal Python error\n") == "signal 11 (SIGSEGV), Fatal Python error"


def test_a_child_finds_mien_from_a_folder_that_holds_modules_of_the_same_names(tmp_path):
    for name in ("edge", "train", "convert", "deploy"):
        (tmp_path / f"{name}.py").write_text("raise SystemExit('not this one')")
    command = python_command("edge", "--version")
    assert "-P" in command
    done = subprocess.run(command, cwd=tmp_path, env=python_environment(), capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


def test_log_levels_of_the_environment_stay_as_they_are():
    environment = {"OPENCV_LOG_LEVEL": "DEBUG"}
    quiet_native_logs(environment)
    assert environment == {"OPENCV_LOG_LEVEL": "DEBUG", "OPENCV_FFMPEG_LOGLEVEL": "-8"}
    assert python_environment(OPENCV_FFMPEG_LOGLEVEL="24")["OPENCV_FFMPEG_LOGLEVEL"] == "24"


def test_importing_the_library_leaves_the_environment_alone():
    # OpenCV changes the environment itself when it is imported.
    code = "import cv2, os; before = dict(os.environ); import edge.capture, edge.sources; assert os.environ == before"
    environment = {name: value for name, value in python_environment().items() if not name.startswith("OPENCV_")}
    subprocess.run([sys.executable, "-P", "-c", code], env=environment, check=True)


#: Starts a child that dies with it, and prints the child's process id.
PARENT = """
import os, subprocess, sys, time
code = "import sys; from edge.system.processes import die_with_parent; die_with_parent(int(sys.argv[1])); print('ready', flush=True); import time; time.sleep(600)"
child = subprocess.Popen([sys.executable, "-c", code, str(os.getpid())], stdout=subprocess.PIPE)
child.stdout.readline()
print(child.pid, flush=True)
time.sleep(600)
"""  # noqa: E501


def test_a_child_dies_with_its_parent():
    command = [sys.executable, "-P", "-c", PARENT]
    with subprocess.Popen(command, env=python_environment(), stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        parent.send_signal(signal.SIGKILL)
    deadline_s = time.monotonic() + 60
    while _is_alive(child):
        assert time.monotonic() < deadline_s
        time.sleep(0.02)


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
        with open(f"/proc/{pid}/stat") as stat:  # noqa: PTH123 - it may vanish meanwhile
            return stat.read().rpartition(")")[2].split()[0] not in "ZX"
    except (ProcessLookupError, FileNotFoundError):
        return False
