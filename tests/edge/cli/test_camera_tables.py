"""The tables `[[camera]]` of a configuration file."""

import tomllib

import pytest
from click.testing import CliRunner

from edge.cli.run import run, run_settings
from edge.errors import WrongUseError

TWO = """
model = "mien-nano-int8"
prior = "none"
sink = "jsonl:all.jsonl"
min-hold = 2

[[camera]]
name = "hall"
source = "camera:0"

[[camera]]
name = "kitchen"
source = "rtsp://u:geheim@camera.example/1"
detector = "blazeface"
prior = ["sad=0.5"]
sink = ["mqtt://broker.example/home/kitchen"]
stall-timeout = "1m"
cadence = 5
"""


def settings_of(tmp_path, text, *arguments):
    path = tmp_path / "mien.toml"
    path.write_text(text)
    return run_settings(run.make_context("mien run", ["--config", str(path), *arguments]))


def test_a_table_for_each_camera_and_the_rest_from_above_the_tables(tmp_path):
    settings = settings_of(tmp_path, TWO)
    hall, kitchen = settings.cameras
    assert (hall.name, hall.source, hall.prior, hall.detector) == ("hall", "camera:0", ("none",), "auto")
    assert (hall.sink, hall.has_own_sinks, hall.min_hold) == (("jsonl:all.jsonl",), False, 2)
    assert (kitchen.prior, kitchen.detector, kitchen.cadence) == (("sad=0.5",), "blazeface", 5)
    assert (kitchen.sink, kitchen.has_own_sinks) == (("mqtt://broker.example/home/kitchen",), True)
    assert (kitchen.stall_timeout, kitchen.min_hold, settings.model) == (60, 2, "mien-nano-int8")


def test_without_tables_there_is_one_camera_without_a_name(tmp_path):
    (camera,) = settings_of(tmp_path, 'source = "camera:1"\nrecord = "a.mp4"').cameras
    assert (camera.name, camera.source, str(camera.record)) == ("", "camera:1", "a.mp4")


def test_the_command_line_precedes_the_tables(tmp_path):
    cameras = settings_of(tmp_path, TWO, "--detector", "haar", "--sink", "console").cameras
    assert [camera.detector for camera in cameras] == ["haar", "haar"]
    assert [(camera.sink, camera.has_own_sinks) for camera in cameras] == [(("console",), False)] * 2


def test_the_printed_file_has_the_tables_without_passwords_and_can_be_read_again(tmp_path):
    path = tmp_path / "mien.toml"
    path.write_text(TWO)
    printed = CliRunner().invoke(run, ["--config", str(path), "--show-config"]).output
    assert "geheim" not in printed
    assert [camera["name"] for camera in tomllib.loads(printed)["camera"]] == ["hall", "kitchen"]
    again = settings_of(tmp_path, printed.replace("rtsp://", "rtsp://u:geheim@")).cameras
    path.write_text(TWO)
    assert again == settings_of(tmp_path, TWO).cameras


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("camera = 3", r"expected tables \[\[camera\]\]"),
        ("camera = []", r"expected tables \[\[camera\]\]"),
        ("[camera]\nname = 'a'", r"expected tables \[\[camera\]\]"),
        ("[[camera]]\nsource = 'demo'", "camera 1: expected a name of letters, digits"),
        ("[[camera]]\nname = 'a/b'\nsource = 'demo'", "camera 1: expected a name .* Got 'a/b'"),
        ("[[camera]]\nname = 7\nsource = 'demo'", "camera 1: expected a name"),
        ("[[camera]]\nname = 'a'", "camera a: expected a source"),
        ("[[camera]]\nname = 'a'\nsource = 'demo'\nmodel = 'x'", "camera a: model is for all cameras"),
        ("[[camera]]\nname = 'a'\nsource = 'demo'\ndetecter = 'haar'", "unknown key 'detecter'.*did you mean"),
        ("[[camera]]\nname = 'a'\nsource = 'demo'\nmin-hold = 'soon'", "camera a: min-hold: "),
        ("[[camera]]\nname = 'a'\nsource = 'x'\n[[camera]]\nname = 'A'\nsource = 'y'", "two cameras are called 'A'"),
        (
            "[[camera]]\nname = 'a'\nsource = 'camera:0'\n[[camera]]\nname = 'b'\nsource = 'camera:0'",
            "the cameras a and b have the same source",
        ),
        ("source = 'demo'\n[[camera]]\nname = 'a'\nsource = 'x'", "source is given, and the configuration has tables"),
        ("record = 'a.mp4'\n[[camera]]\nname = 'a'\nsource = 'x'", "record is given, and the configuration has tables"),
        ("".join(f"[[camera]]\nname = 'c{n}'\nsource = 'demo'\n" for n in range(17)), "17 cameras: expected 16"),
    ],
)
def test_what_is_wrong_with_a_table_is_named(text, message, tmp_path):
    with pytest.raises(WrongUseError, match=message):
        settings_of(tmp_path, text)


def test_a_source_on_the_command_line_contradicts_the_tables(tmp_path):
    with pytest.raises(WrongUseError, match="source is given, and the configuration has tables"):
        settings_of(tmp_path, TWO, "--source", "demo")
