"""What a configuration asks for and this environment lacks: modules that no import finds, in a process of its own."""

import json
import subprocess
import sys

import pytest

from edge.own_package import extra_command
from edge.system.processes import python_environment

#: Each way to ask for an extra: a line of the configuration, a module of the extra, the extra, and who reports it.
EXTRAS = [
    ('sink = ["mqtt://broker.example"]', "paho", "mqtt", "sink"),
    ('sink = ["metrics:9108"]', "prometheus_client", "metrics", "sink"),
    ('sink = ["gpio:17?when=happy"]', "gpiozero", "gpio", "sink"),
    ('preview = "127.0.0.1:0"', "uvicorn", "preview", "preview"),
    ('preview = "127.0.0.1:0"', "starlette", "preview", "preview"),
    ('preview = "127.0.0.1:0"', "websockets", "preview", "preview"),
]
#: Runs `mien doctor`, without its checks of the machine, where some modules cannot be imported.
CODE = """
import json, sys

absent, file = json.loads(sys.argv[1]), sys.argv[2]

class Finder:
    def __init__(self, finder):
        self._finder = finder

    def find_spec(self, name, path=None, target=None):
        return None if name.partition(".")[0] in absent else self._finder.find_spec(name, path, target)

    def __getattr__(self, name):
        return getattr(self._finder, name)

sys.meta_path[:] = map(Finder, sys.meta_path)
import edge.doctor
edge.doctor.CHECKS = ()
from edge.cli.main import main
sys.argv = ["mien", "doctor", "--config", file, "--json"]
main()
"""

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("weights")]


def doctor(folder, configuration, absent):
    """The findings on a configuration, where some modules are absent, and the exit status."""
    file = folder / "mien.toml"
    file.write_text(configuration if "source" in configuration else f'source = "demo"\n{configuration}')
    done = subprocess.run(
        [sys.executable, "-P", "-c", CODE, json.dumps(absent), str(file)],
        capture_output=True, text=True, env=python_environment(), timeout=300,
    )  # fmt: skip
    assert "Traceback" not in done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()], done.returncode


@pytest.mark.parametrize(("line", "module", "extra", "subject"), EXTRAS, ids=[module for _, module, _, _ in EXTRAS])
def test_the_extra_of_a_module_that_is_not_installed_is_named(tmp_path, line, module, extra, subject):
    found, status = doctor(tmp_path, line, [module])
    (broken,) = [finding for finding in found if finding["state"] == "broken"]
    assert (broken["subject"], broken["fix"], status) == (subject, extra_command(extra), 1)
    assert "which is not installed" in broken["message"]


def test_everything_that_is_missing_is_named_at_once(tmp_path):
    sinks = [json.loads(line.partition("=")[2])[0] for line, *_ in EXTRAS[:3]]
    text = f'source = "picamera2"\nsink = {json.dumps(sinks)}\npreview = "127.0.0.1:0"\n'
    found, status = doctor(tmp_path, text, [*(module for _, module, _, _ in EXTRAS), "picamera2"])
    fixes = {finding["message"].partition(":")[0]: finding["fix"] for finding in found if finding["state"] == "broken"}
    assert status == 1
    assert "apt install python3-picamera2" in fixes.pop("picamera2")
    assert list(fixes.values()) == [extra_command(extra) for extra in ("mqtt", "metrics", "gpio", "preview")]


def test_the_other_sinks_and_detectors_need_no_extra(tmp_path):
    sinks = ["console", "jsonl:a.jsonl", "csv:b.csv", "sqlite:c.db", "webhook:http://127.0.0.1:9/", "exec:true"]
    absent = [*(module for _, module, _, _ in EXTRAS), "picamera2", "tensorflow", "keras", "jinja2", "matplotlib"]
    for detector in ("auto", "blazeface", "blazeface-short", "haar"):
        found, status = doctor(tmp_path, f"sink = {json.dumps(sinks)}\ndetector = {json.dumps(detector)}", absent)
        assert {finding["state"] for finding in found} == {"ok"}
        assert (len(found), status) == (3 + len(sinks), 0)


def test_weights_that_are_missing_are_to_be_pulled(tmp_path, monkeypatch):
    monkeypatch.setenv("MIEN_WEIGHTS", str(tmp_path / "empty"))
    found, status = doctor(tmp_path, 'detector = "blazeface"', [])
    (broken,) = [finding for finding in found if finding["state"] == "broken"]
    assert (broken["subject"], broken["fix"], status) == ("detector", "mien models pull", 1)
