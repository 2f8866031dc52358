"""What `mien run` shows on a terminal, and in a browser."""

import os
import pty
import re
import subprocess
import sys
import threading

import pytest

from tests.conftest import ROOT
from tests.edge.waiting import wait_until

pytestmark = pytest.mark.usefixtures("weights")
COMMAND = [sys.executable, "-P", "-m", "mien", "run", "--source", "demo"]


class Terminal:
    """Runs `mien run` with standard error on a terminal of its own."""

    def __init__(self, *options, **environment):
        self._master, slave = pty.openpty()
        variables = {**os.environ, "PYTHONPATH": str(ROOT), "COLUMNS": "160", **environment}
        arguments = [*COMMAND, *map(str, options)]
        self._process = subprocess.Popen(arguments, stdout=subprocess.DEVNULL, stderr=slave, env=variables)
        os.close(slave)

    def read(self, seconds=0.0):
        """Return everything that was written until the end of the process, which is asked to end after a while."""
        if seconds:
            threading.Timer(seconds, self._process.terminate).start()
        written = b""
        while True:
            try:
                written += os.read(self._master, 1 << 16)
            # What Linux reports when no process has the terminal open.
            except OSError:
                break
        os.close(self._master)
        assert self._process.wait(60) == 0, written.decode()
        return written.decode()


@pytest.mark.slow
def test_without_a_console_sink_a_line_states_how_the_run_is_going(tmp_path):
    text = Terminal("--sink", f"jsonl:{tmp_path / 'out.jsonl'}").read(8)
    lines = re.findall(r"\r\x1b\[2K([^\r\n]+)\r(?!\n)", text)
    assert lines
    for line in lines:
        assert re.fullmatch(r"\d+\.\d frames/s, \d faces?, jsonl:\S+/out\.jsonl: \d+ delivered", line)
    # It is erased before the summary.
    assert re.search(r"\x1b\[2K\d+ frames in", text)


@pytest.mark.slow
def test_with_a_console_sink_there_is_no_such_line():
    assert "frames/s" not in Terminal("--sink", "console").read(4)


@pytest.mark.slow
def test_show_opens_the_page_of_the_preview(tmp_path):
    pytest.importorskip("uvicorn", reason="pip install 'mien[preview]'")
    browser, opened = tmp_path / "browser", tmp_path / "opened"
    browser.write_text(f'#!/bin/sh\necho "$1" >> {opened}\n')
    browser.chmod(0o755)
    terminal = Terminal("--max-frames", 30, "--show", BROWSER=str(browser))
    wait_until(opened.exists, "the browser")
    text = terminal.read()
    (url,) = opened.read_text().split()
    assert re.fullmatch(r"http://127\.0\.0\.1:\d+/", url)
    assert f"preview at {url}" in text


@pytest.mark.slow
def test_show_without_a_desktop_names_the_address():
    pytest.importorskip("uvicorn", reason="pip install 'mien[preview]'")
    text = Terminal("--max-frames", 5, "--show", BROWSER="", DISPLAY="", WAYLAND_DISPLAY="").read()
    assert re.search(r"no browser was found on this machine: open http://127\.0\.0\.1:\d+/ in one", text)
