"""Opening sinks by URI, and the sinks of other packages."""

import sys

import pytest

from edge.errors import MissingExtraError, WrongUseError
from edge.service.daemon import Daemon
from edge.service.settings import RunSettings
from edge.sinks import SINKS, open_sink, open_sink_group, prepare_sink
from edge.sinks.sink_opening import REGISTRY
from tests.conftest import PORTRAIT
from tests.edge.made_events import made_event

MODULE = """
from edge.sinks import Requirement, Sink

class LampSink(Sink):
    usage = "lamp:PIN"
    options = ("color",)
    shown = []

    def __init__(self, uri):
        self.uri = uri

    def write(self, message):
        self.shown.append((self.uri.target, self.uri.options.get("color"), message.emotion))

class Stranger: ...

class NeedySink(Sink):
    usage = "needy:"
    requirement = Requirement("needs", "some-package", "no_such_module")

    def write(self, message): ...
"""
ENTRY_POINTS = """
[mien.sinks]
lamp = lamp_plugin:LampSink
needy = lamp_plugin:NeedySink
broken = lamp_plugin:NoSuchSink
stranger = lamp_plugin:Stranger
csv = lamp_plugin:LampSink
"""


@pytest.fixture
def plugin(tmp_path, monkeypatch):
    """An installed package with sinks of its own."""
    (tmp_path / "lamp_plugin.py").write_text(MODULE)
    metadata = tmp_path / "lamp_plugin-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: lamp-plugin\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text(ENTRY_POINTS)
    monkeypatch.syspath_prepend(tmp_path)
    yield
    sys.modules.pop("lamp_plugin", None)


def test_usage_lists_every_builtin_sink_once():
    assert SINKS == (
        "console, jsonl:PATH[?rotate=10MB&keep=5], jsonl:-, csv:PATH, mqtt://[USER@]HOST[:PORT][/TOPIC], mqtts://..., "
        "webhook:URL, exec:COMMAND, sqlite:PATH, gpio:PIN?when=happy or metrics:[HOST:]PORT"
    )


def test_a_plugin_sink_is_opened_by_its_name(plugin):
    with open_sink("lamp:17?color=red") as sink:
        sink.write(made_event())
    with open_sink_group(["lamp://17", "console"]) as group:
        group.put(made_event(emotion="sad"))
    assert sink.shown == [("17", "red", "happy"), ("//17", None, "sad")]
    assert prepare_sink("lamp:17?queue=5").capacity == 5


def test_the_daemon_writes_to_a_plugin_sink(plugin, weights):
    settings = RunSettings(source=str(PORTRAIT), sink=("lamp:18",), emit="frame")
    with Daemon(settings) as daemon:
        assert len(list(daemon.steps())) == 1
    assert [target for target, _, _ in REGISTRY.get("lamp").shown] == ["18"]


def test_errors_name_plugin_sinks_and_their_options(plugin):
    with pytest.raises(WrongUseError, match=r"expected console, .*; installed plug-ins: broken:\.\.\., lamp:\.\.\., "):
        prepare_sink("smoke:signals")
    with pytest.raises(WrongUseError, match="did you mean 'color'"):
        prepare_sink("lamp:17?colour=red")
    with pytest.raises(WrongUseError, match=r"the sink broken .* cannot be imported"):
        prepare_sink("broken:")
    with pytest.raises(WrongUseError, match=r"Stranger is no subclass of edge.sinks.Sink"):
        prepare_sink("stranger:")
    with pytest.raises(MissingExtraError, match="this needs some-package"):
        prepare_sink("needy:")


def test_a_plugin_cannot_replace_a_builtin_sink(plugin):
    assert REGISTRY.get("csv").usage == "csv:PATH"


def test_open_sink_writes_without_a_worker(tmp_path):
    with open_sink(f"jsonl:{tmp_path / 'events'}") as sink:
        sink.write(made_event())
    assert len((tmp_path / "events").read_text().splitlines()) == 1
