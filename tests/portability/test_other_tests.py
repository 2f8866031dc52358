"""Tests of Linux that hold on other systems as well, run again without what those systems do not have."""

import os
import subprocess
import sys

import pytest

from tests.portability.elsewhere import ROOT, environment

FILES = (
    "tests/edge/sources/test_opening.py", "tests/edge/sinks/test_files.py", "tests/edge/sinks/test_rotation.py",
    "tests/edge/sinks/test_history_sink.py", "tests/edge/inference/test_classifier.py",
    "tests/edge/inference/test_threads.py", "tests/edge/inference/test_model_card.py",
    "tests/edge/pipeline/test_debug_frames.py", "tests/edge/pipeline/test_video_recording.py",
    "tests/edge/cli/test_classify.py", "tests/edge/cli/test_config_file.py", "tests/edge/datasets",
    "tests/edge/history",
)  # fmt: skip
#: Of named pipes without a reader, and of owners and modes of files.
OF_LINUX = (
    "tests/edge/sinks/test_rotation.py::test_a_pipe_without_a_reader_is_waited_for",
    "tests/edge/pipeline/test_debug_frames.py::test_the_folder_of_another_user_is_rejected",
    "tests/edge/pipeline/test_debug_frames.py::test_images_are_readable_by_their_owner_alone",
)


@pytest.mark.long
@pytest.mark.skipif(sys.platform != "linux", reason="takes away what is there on Linux")
def test_they_pass():
    command = [sys.executable, "-P", "-m", "pytest", "-q", "-p", "no:xdist", "-p", "no:cacheprovider"]
    command += ["-m", "not slow and not real_part", *FILES, *(f"--deselect={name}" for name in OF_LINUX)]
    variables = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, env={**variables, **environment()})
    assert done.returncode == 0, done.stdout[-4000:]
    assert int(done.stdout.rpartition(" passed")[0].split()[-1]) > 200
