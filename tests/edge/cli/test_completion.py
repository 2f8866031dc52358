"""Completion in a real shell, by the script that click generates."""

import shutil
import subprocess
import sys

import pytest

from edge.inference import shipped_models
from tests.conftest import ROOT

BASH = shutil.which("bash")
SCRIPT = r"""
eval "$(_MIEN_COMPLETE=bash_source "$1")"
shift
PATH="$1:$PATH" COMP_WORDS=("${@:2}") COMP_CWORD=$(($# - 2))
_mien_completion mien
printf '%s\n' "${COMPREPLY[@]}"
"""


@pytest.fixture
def complete(tmp_path):
    """Returns what bash offers for the last of these words."""
    program = tmp_path / "mien"
    program.write_text(
        f"#!/bin/sh\nPYTHONPATH={ROOT} exec {sys.executable} -P -c 'from edge.cli.main import main; main()' \"$@\"\n"
    )
    program.chmod(0o755)

    def complete(*words):
        arguments = [BASH, "-c", SCRIPT, "bash", program, tmp_path, "mien", *words]
        return subprocess.run(arguments, capture_output=True, text=True, cwd=tmp_path, check=True).stdout.split()

    return complete


@pytest.mark.slow
@pytest.mark.skipif(BASH is None, reason="no bash: apt-get install bash")
def test_bash_completes_commands_options_and_values(complete):
    assert complete("cl") == ["classify"]
    assert "--sink" in complete("run", "--si")
    assert complete("run", "--model", "") == [path.stem for path in shipped_models()]
    assert complete("run", "--detector", "yu") == ["yunet", "yunet-640"]
    assert complete("run", "--source", "") == ["demo", "picamera2", "camera:", "rtsp:", "rtsps:", "http:", "https:"]
    assert complete("profile", "--source", "d") == ["demo"]
    assert complete("run", "--sink", "m") == ["mqtt:", "mqtts:", "metrics:"]
    assert complete("train", "fit", "--arch", "mien-n") == ["mien-nano", "mien-nano-ferplus"]


@pytest.mark.slow
@pytest.mark.skipif(BASH is None, reason="no bash: apt-get install bash")
def test_a_text_that_is_no_name_is_left_to_the_names_of_files(complete, tmp_path):
    (tmp_path / "walk.mp4").touch()
    # bash completes it itself (compopt -o default).
    assert complete("run", "--source", "wal") == []
