import tomllib

import click
import pytest

from edge.cli.config_file import ELSEWHERE
from edge.cli.run import _DEFAULT, run, run_settings
from edge.errors import WrongUseError


def context(*arguments):
    return run.make_context("mien run", [str(each) for each in arguments])


def settings_of(tmp_path, text, *arguments):
    path = tmp_path / "mien.toml"
    path.write_text(text)
    return run_settings(context("--config", path, *arguments))


def test_without_options_everything_is_the_default():
    assert run_settings(context()) == _DEFAULT


def test_the_command_line_precedes_the_file_and_the_file_precedes_the_defaults(tmp_path):
    text = 'source = "camera:1"\nthreads = 2\nstall-timeout = "5m"\nsink = ["jsonl:a", "csv:b"]\n'
    text += "wait-for-source = true\n"
    settings = settings_of(tmp_path, text, "--threads", 3)
    assert (settings.source, settings.threads, settings.stall_timeout) == ("camera:1", 3, 300)
    assert settings.sink == ("jsonl:a", "csv:b")
    assert settings.wait_for_source
    assert settings_of(tmp_path, 'sink = "console"').sink == ("console",)
    assert not settings_of(tmp_path, text, "--no-wait-for-source").wait_for_source


def test_the_printed_file_has_every_option_and_can_be_read_again(tmp_path):
    from click.testing import CliRunner

    arguments = ("--source", 'a "b" \\ c', "--prior", "sad=0.5", "--aggregate", "1m", "--wait-for-source")
    printed = CliRunner().invoke(run, [*arguments, "--show-config"]).output
    for option in run.params:
        if option.name not in ELSEWHERE:
            assert f"\n{option.opts[0][2:]} = " in printed.replace("\n# ", "\n")
    assert settings_of(tmp_path, printed) == run_settings(context(*arguments))
    # With every option set, nothing is left as a comment.
    assert len(tomllib.loads(CliRunner().invoke(run, ["--show-config"]).output)) >= 12


def test_passwords_are_not_shown():
    from click.testing import CliRunner

    secret = ("--source", "rtsp://u:geheim@h/1", "--sink", "mqtt://u:geheim@h", "--show-config")
    assert "geheim" not in CliRunner().invoke(run, secret).output


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("sourse = 'demo'", "unknown key 'sourse': did you mean source?"),
        ("stall_timeout = 5", "did you mean stall-timeout?"),
        ("[mqtt]\nhost = 'x'", "unknown key 'mqtt': expected one of source"),
        ("config = 'x'", "unknown key 'config'"),
        ("threads = 0", "threads: 0 threads are out of range"),
        ("threads = true", "threads: expected a string or number, got True"),
        ("wait-for-source = 'yes'", "expected true or false, got 'yes'"),
        ("sink = [1]", "sink: expected a list of strings"),
        ("source = ['rtsp://u:geheim@h']", "source: expected a string or number"),
        ("emit = 'never'", "'never' is not one of"),
        ("aggregate = 'soon'", "is not a valid duration"),
        ("x = ", "is not valid TOML"),
    ],
)
def test_invalid_keys_and_values_are_rejected(tmp_path, text, message):
    with pytest.raises(WrongUseError) as caught:
        settings_of(tmp_path, text)
    assert message in str(caught.value)
    assert str(tmp_path / "mien.toml") in str(caught.value)
    assert "geheim" not in str(caught.value)


def test_unreadable_files_are_reported(tmp_path, invoke):
    for path, message in ((tmp_path / "none.toml", "cannot read the configuration"), (tmp_path, "Is a directory")):
        done = invoke("run", "--config", path)
        assert done.code == 2
        assert message in done.error_line()
    (tmp_path / "b.toml").write_bytes(b"\xff")
    assert "is not valid TOML" in invoke("run", "--config", tmp_path / "b.toml").error_line()


@pytest.mark.parametrize("text", ["-1", "1w", "", "inf", "1e9", "8d"])
def test_invalid_durations_are_rejected(text):
    with pytest.raises(click.BadParameter, match="not a valid duration"):
        context("--stall-timeout", text)
