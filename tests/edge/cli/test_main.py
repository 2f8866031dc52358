import json
import subprocess
import sys

import click
import pytest

from edge import __version__
from edge.cli.benchmark import benchmark_commands
from edge.cli.main import cli
from edge.own_package import extra_command
from tests.conftest import Outcome


def commands(group: click.Group, path=()):
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        if isinstance(command, click.Group):
            yield from commands(command, (*path, name))
        else:
            yield (*path, name), command


ALL = [
    *commands(cli),
    *((("benchmark", name), command) for name, command in benchmark_commands().items()),
]


@pytest.mark.parametrize(("path", "command"), ALL, ids=[" ".join(path) for path, _ in ALL])
def test_every_command_and_option_has_help(path, command):
    assert command.help
    for parameter in command.params:
        if isinstance(parameter, click.Option):
            assert parameter.help, f"{parameter.opts} of {path} has no help"


def test_the_list_of_commands_has_the_first_line_of_each_command():
    context = click.Context(cli)
    for name, (_, text) in cli.lazy.items():
        assert cli.get_command(context, name).help.startswith(text.rstrip(".").split(",")[0])


def test_help_and_version(invoke):
    done = invoke("--help")
    assert done.code == 0
    assert "classify" in done.out
    assert invoke("--version").out.strip().endswith(__version__)


def test_help_loads_neither_numpy_nor_opencv():
    code = (
        "import sys; sys.argv = ['mien', '--help']\n"
        "try:\n    import edge.__main__\nexcept SystemExit:\n    pass\n"
        "print(sorted({'numpy', 'cv2', 'ai_edge_litert'} & set(sys.modules)))"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout
    assert out.strip().endswith("[]")


def test_wrong_use_exits_2(invoke):
    for arguments in (
        ("nonsense",),
        ("run", "--nonsense"),
        ("run", "--threads", -1),
        ("run", "--detector", "nonsense"),
        ("run", "--sink", "nonsense"),
        ("run", "--source", "ftp://nowhere"),
        ("run", "--source", ""),
    ):
        done = invoke(*arguments)
        assert done.code == 2
        assert "expected" in done.error_line() or "--help" in done.error_line()


def test_without_a_command_the_help_is_printed(invoke):
    for arguments in ((), ("models",), ("train",)):
        done = invoke(*arguments)
        assert done.code == 2
        assert "Commands:" in done.err


def without_the_training_stack(*arguments):
    code = (
        "import sys\n"
        "for name in ('tensorflow', 'keras', 'sklearn', 'tomli_w'):\n    sys.modules[name] = None\n"
        f"sys.argv = ['mien', *{arguments!r}]\n"
        "from edge.cli.main import main\nmain()"
    )
    return Outcome.of(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True))


def test_a_base_install_reports_which_extra_is_missing(tmp_path, made_csv):
    for arguments in (("train", "list"), ("train", "--help"), ("convert", "--help"), ("convert", "quantize", "--help")):
        assert without_the_training_stack(*arguments).code == 0
    data, x = ("--data", str(made_csv)), str(tmp_path / "x.tflite")
    for arguments in (
        ("train", "fit", "--arch", "cnn", *data, "--out", str(tmp_path / "run")),
        ("train", "evaluate", "x.keras", *data),
        ("convert", "quantize", "x.keras", *data, "--out", x),
        ("convert", "verify", x, *data, "--reference", "x.keras"),
    ):
        done = without_the_training_stack(*arguments)
        assert done.code == 2, done.err
        assert extra_command("train") in done.error_line()
    assert list(tmp_path.iterdir()) == []


def test_an_error_is_one_line_and_a_traceback_only_with_debug(invoke, tmp_path):
    missing = tmp_path / "no.mp4"
    assert "no source" in invoke("run", "--source", missing).error_line()
    assert "Traceback" in invoke("--debug", "run", "--source", missing).err


def test_python_m_runs_the_packages(invoke):
    assert "fit" in invoke("--help", module="train").out
    assert "quantize" in invoke("--help", module="convert").out
    listed = invoke("list", module="train")
    assert listed.code == 0
    assert "mien-small" in listed.out
    as_json = [json.loads(line) for line in invoke("list", "--json", module="train").out.splitlines()]
    assert {"cnn", "mien-small"} <= {recipe["name"] for recipe in as_json}
