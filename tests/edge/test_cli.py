import re
import subprocess
import sys

import click
import pytest

from edge import __version__
from edge.cli import cli
from tests.conftest import ROOT


def commands(group: click.Group, path=()):
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        if isinstance(command, click.Group):
            yield from commands(command, (*path, name))
        else:
            yield (*path, name), command


ALL = list(commands(cli))


@pytest.mark.parametrize(("path", "command"), ALL, ids=[" ".join(path) for path, _ in ALL])
def test_every_command_and_option_has_help_and_stands_in_the_readme(path, command):
    assert command.help
    for parameter in command.params:
        if isinstance(parameter, click.Option):
            assert parameter.help, f"{parameter.opts} of {path} has no help"
    assert f"mien {' '.join(path)}" in (ROOT / "README.md").read_text()


def test_the_readme_names_no_command_that_is_not_there():
    known = {" ".join(path) for path, _ in ALL}
    groups = {path.split()[0] for path in known if " " in path}
    text = (ROOT / "README.md").read_text()
    for first, second in re.findall(r"`?mien ([a-z]+)(?: ([a-z]+))?", text):
        if first in groups:
            assert f"{first} {second}" in known or not second, f"mien {first} {second}"


def test_the_list_of_commands_says_what_each_one_says_of_itself():
    context = click.Context(cli)
    for name, (_, text) in cli.lazy.items():
        assert cli.get_command(context, name).help.startswith(text.rstrip(".").split(",")[0])


def test_help_and_version(mien):
    done = mien("--help")
    assert done.code == 0
    assert "classify" in done.out
    assert mien("--version").out.strip().endswith(__version__)


def test_help_loads_neither_numpy_nor_opencv():
    code = (
        "import sys; sys.argv = ['mien', '--help']\n"
        "try:\n    import edge.__main__\nexcept SystemExit:\n    pass\n"
        "print(sorted({'numpy', 'cv2', 'ai_edge_litert'} & set(sys.modules)))"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout
    assert out.strip().endswith("[]")


def test_wrong_use_exits_2(mien):
    assert mien("nonsense").code == 2
    assert mien("run", "--nonsense").code == 2
    assert mien("run", "--detector", "nonsense").code == 2
    assert mien("run", "--sink", "nonsense").code == 2
    assert mien("run", "--source", "ftp://nowhere").code == 2


def test_an_error_is_one_line_and_a_traceback_only_with_debug(mien, tmp_path):
    missing = tmp_path / "no.mp4"
    assert "no source" in mien("run", "--source", missing).error_line()
    assert "Traceback" in mien("--debug", "run", "--source", missing).err


def test_python_m_runs_the_rooms(mien):
    assert "fit" in mien("--help", module="train").out
    assert "quantize" in mien("--help", module="convert").out
    assert "the data has" not in mien("list", module="train").err
