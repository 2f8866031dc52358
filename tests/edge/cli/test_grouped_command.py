import re

from click.testing import CliRunner

from edge.cli.run import run


def test_the_help_of_run_has_every_option_once_in_a_group():
    text = CliRunner().invoke(run, ["--help"]).output
    assert re.findall(r"^(\w+):$", text, re.MULTILINE) == [*run.groups, "Other"]
    listed = re.findall(r"^  (?:-\w, )?(--[\w-]+)", text, re.MULTILINE)
    assert sorted(listed) == sorted([*(parameter.opts[0] for parameter in run.params), "--help"])
    assert listed[0] == "--source"
    assert listed[-1] == "--help"
