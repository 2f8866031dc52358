"""Sources are found by their names, those of plug-ins too."""

import sys
import types
from importlib.metadata import EntryPoint
from pathlib import Path

import numpy as np
import pytest

from edge.capture import open_watched
from edge.errors import SourceError, WrongUseError
from edge.sources import REGISTRY, SOURCES, BaseSource, open_source, source_class
from edge.types import Frame


class ThermalSource(BaseSource):
    """A source as a third party writes it."""

    usage = "thermal:N"

    def __init__(self, number):
        self.name = f"thermal:{number}"

    @classmethod
    def from_spec(cls, spec, downscale=1):
        return cls(int(spec.partition(":")[2].removeprefix("//")))

    def __iter__(self):
        yield Frame(np.zeros((4, 6), np.uint8), 0, 0.0, 0.0, 0.0)


@pytest.fixture
def plugin(monkeypatch):
    """Installs a package with two sources, one of which cannot be imported, and one that has a name of mien's."""
    module = types.ModuleType("thermal_plugin")
    module.ThermalSource = ThermalSource
    monkeypatch.setitem(sys.modules, "thermal_plugin", module)
    entries = [
        EntryPoint("thermal", "thermal_plugin:ThermalSource", "mien.sources"),
        EntryPoint("broken", "thermal_plugin:Missing", "mien.sources"),
        EntryPoint("demo", "thermal_plugin:ThermalSource", "mien.sources"),
    ]
    monkeypatch.setattr("edge.system.registry.entry_points", lambda group: entries if group == "mien.sources" else [])


@pytest.mark.parametrize("spec", ["thermal:3", "thermal://3"])
def test_a_plugin_source_is_opened_by_its_name(plugin, spec):
    with open_source(spec) as source:
        assert source.name == "thermal:3"
        assert [frame.size_wh for frame in source] == [(6, 4)]
    with open_watched(spec) as source:
        assert isinstance(source, ThermalSource)
    assert source_class("thermal:x").event_name("thermal://anna:secret@host") == "thermal://host"


def test_a_plugin_is_named_among_the_expected_sources(plugin):
    with pytest.raises(SourceError, match=r"a folder of images, broken:\.\.\., thermal:\.\.\."):
        open_source("/missing")
    with pytest.raises(WrongUseError, match=r"the source broken \(thermal_plugin:Missing\) cannot be imported"):
        open_source("broken:1")


def test_a_plugin_does_not_replace_a_source_of_mien(plugin):
    assert source_class("demo").__name__ == "DemoSource"


def test_the_name_of_a_plugin_alone_is_wrong_use(plugin, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(WrongUseError, match=r"no source 'thermal'.*thermal:\.\.\."):
        open_source("thermal")


@pytest.mark.parametrize(
    ("spec", "name", "event_name"),
    [
        ("demo", "DemoSource", "demo"),
        ("camera", "CameraSource", "camera:0"),
        ("camera:07", "CameraSource", "camera:7"),
        ("/dev/video2", "CameraSource", "camera:2"),
        ("0", "CameraSource", "camera:0"),
        ("12", "CameraSource", "camera:12"),
        ("camera:/dev/video3", "CameraSource", "camera:3"),
        ("/dev/v4l/by-id/usb-c920-index0", "CameraSource", "camera:/dev/v4l/by-id/usb-c920-index0"),
        ("camera:/dev/v4l/by-path/pci-0", "CameraSource", "camera:/dev/v4l/by-path/pci-0"),
        ("picamera2", "Picamera2Source", "picamera2:0"),
        ("picamera2:1", "Picamera2Source", "picamera2:1"),
        ("picamera2:id=/base/i2c@1/imx708@1a", "Picamera2Source", "picamera2:/base/i2c@1/imx708@1a"),
        ("rtsp://anna:secret@host/1", "StreamSource", "rtsp://host/1"),
        ("rtsps://host/1", "StreamSource", "rtsps://host/1"),
        ("HTTPS://host/1", "StreamSource", "HTTPS://host/1"),
        ("scripted:7", "ScriptedCamera", "scripted:7"),
    ],
)
def test_the_class_of_a_spec_and_its_name_in_events(spec, name, event_name):
    found = source_class(spec)
    assert found.__name__ == name
    assert found.event_name(spec) == event_name


def test_the_capabilities_of_a_source_are_attributes_of_its_class():
    cameras = ["camera:0", "picamera2", "scripted:7"]
    assert all(source_class(spec).can_downscale and source_class(spec).needs_own_process for spec in cameras)
    stream = source_class("rtsp://host/1")
    assert (stream.live, stream.can_downscale, stream.needs_own_process) == (True, False, True)
    demo = source_class("demo")
    assert (demo.live, demo.can_downscale, demo.needs_own_process) == (True, False, False)


@pytest.mark.parametrize("spec", ["camera:x", "camera:1234", "demo:", "picamera2:", "picamera2:id=", "scripted"])
def test_a_spec_that_is_not_well_formed_is_taken_for_a_path_if_something_is_there(
    spec, demo_clip, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(WrongUseError, match="no source"):
        open_source(spec)
    Path(spec).symlink_to(demo_clip)
    with open_source(spec) as source:
        assert source.total == 90


def test_a_number_is_a_camera_unless_something_has_that_name(demo_clip, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert source_class("3").__name__ == "CameraSource"
    Path("3").symlink_to(demo_clip)
    assert source_class("3").__name__ == "VideoSource"


@pytest.mark.parametrize("path", ["clip.mp4", "clips/", "/missing"])
def test_a_missing_path_is_named_as_such(path, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SourceError, match=f"no source '{path}': no such file or folder; expected demo, camera:N"):
        open_source(path)


def test_a_misspelled_source_gets_a_suggestion():
    with pytest.raises(WrongUseError, match=r"did you mean picamera2\?$"):
        open_source("picamera")
    with pytest.raises(WrongUseError, match=r"did you mean camera\?$"):
        open_source("camra:0")


def test_a_path_object_is_a_path_even_if_it_has_the_form_of_a_spec(demo_clip, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("demo").symlink_to(demo_clip)
    with open_source(Path("demo")) as source:
        assert (source.name, source.total) == ("demo", 90)
    with open_source(demo_clip) as source:
        assert source.name == demo_clip.name


def test_the_help_text_names_the_sources_of_users():
    expected = "demo, camera:N, picamera2[:N], rtsp://..., http://..., a video file or a folder of images"
    assert expected == SOURCES
    assert "scripted" in REGISTRY
