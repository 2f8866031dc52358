import json
import sys

import pytest

from edge.doctor.configuration import Configuration
from edge.own_package import extra_command
from edge.service.settings import RunSettings

pytestmark = pytest.mark.usefixtures("weights")


def configuration(**changed):
    return Configuration(RunSettings(**{"detector": "blazeface", **changed}))


def states(**changed):
    return {finding.subject: finding.state for finding in configuration(**changed).examine()}


def test_what_is_there_is_ok():
    expected = {"source": "ok", "model": "ok", "detector": "ok", "sink": "ok"}
    assert states() == expected
    assert states(preview="127.0.0.1:0") == {**expected, "preview": "ok"}


@pytest.mark.parametrize(
    ("changed", "module", "extra"),
    [
        ({"sink": ["mqtt://broker.example"]}, "paho.mqtt.client", "mqtt"),
        ({"sink": ["metrics:9108"]}, "prometheus_client", "metrics"),
        ({"preview": "127.0.0.1:0"}, "uvicorn", "preview"),
    ],
)
def test_an_extra_that_is_missing_is_named(monkeypatch, changed, module, extra):
    for name in [name for name in sys.modules if name.startswith("edge.preview.server")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, module, None)
    (broken,) = [finding for finding in configuration(**changed).examine() if finding.state == "broken"]
    assert "which is not installed" in broken.message
    assert broken.fix == extra_command(extra)


@pytest.mark.parametrize(
    ("changed", "subject", "complaint"),
    [
        ({"source": "missing.mp4"}, "source", "no such file or folder"),
        ({"model": "mien-smal"}, "model", "no model 'mien-smal'"),
        ({"detector": "yolo"}, "detector", "no detector 'yolo'"),
        ({"sink": ["rabbit:x"]}, "sink", "no sink 'rabbit:x'"),
        ({"preview": "0.0.0.0:8080"}, "preview", "expected a token"),
    ],
)
def test_what_is_wrong_is_broken_and_the_others_are_still_checked(changed, subject, complaint):
    found = list(configuration(**changed).examine())
    (broken,) = [finding for finding in found if finding.state == "broken"]
    assert broken.subject == subject
    assert complaint in broken.message
    assert broken.fix == f"correct {subject!r} in the configuration"
    assert {finding.subject for finding in found} >= {"source", "model", "detector", "sink"}


def test_the_command_reads_a_configuration_as_run_does(mien, tmp_path):
    file = tmp_path / "mien.toml"
    file.write_text('source = "nothing.mp4"\nsink = ["jsonl:-"]\n')
    done = mien("doctor", "--config", file, "--json")
    assert done.code == 1
    found = [json.loads(line) for line in done.out.splitlines()]
    assert [each["subject"] for each in found[-4:]] == ["source", "model", "detector", "sink"]
    assert found[-4]["state"] == "broken"
    file.write_text("sorce = 1")
    done = mien("doctor", "--config", file)
    assert (done.code, done.out) == (2, "")
    assert "did you mean source" in done.error_line()
