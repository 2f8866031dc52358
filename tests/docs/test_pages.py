"""The pages of the site and the README: commands that exist, links that lead somewhere, a short README."""

import re
import shlex

import click
import pytest

from edge.cli.benchmark import benchmark_commands
from edge.cli.main import cli
from tests.conftest import ROOT

PAGES = sorted([*(ROOT / "docs").rglob("*.md"), ROOT / "README.md", ROOT / "CONTRIBUTING.md"])


def walk(group, path=("mien",)):
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        yield " ".join((*path, name)), command
        if isinstance(command, click.Group):
            yield from walk(command, (*path, name))


COMMANDS = {
    **dict(walk(cli)),
    **{f"mien benchmark {name}": command for name, command in benchmark_commands().items()},
}


def shell_lines(text):
    """Commands in the code blocks and inline code of a page; continued lines are joined."""
    blocks = re.findall(r"^ *```(?:sh|text|)\n(.*?)^ *```$", text, re.MULTILINE | re.DOTALL)
    lines = [line for block in blocks for line in block.replace("\\\n", " ").splitlines()]
    lines += [" ".join(code.split()) for code in re.findall(r"`(mien [^`]+)`", text)]
    for line in lines:
        for part in re.split(r" && |; |\| ", line):
            part = part.strip().removeprefix("$ ").removeprefix("sudo ")
            part = re.sub(r"^(\.venv/bin/|/opt/mien/current/venv/bin/|/opt/mien-venv/bin/)", "", part)
            if part.startswith("mien "):
                yield part


def test_every_command_is_in_the_reference():
    text = (ROOT / "docs" / "reference" / "cli.md").read_text()
    helped = re.findall(r"^\{\{ help (mien[^}]*?) \}\}$", text, re.MULTILINE)
    headed = re.findall(r"^### (mien.*)$", text, re.MULTILINE)
    assert sorted(helped) == sorted(["mien", *COMMANDS])
    assert sorted(headed) == sorted(COMMANDS)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_commands_on_a_page_exist(page):
    for line in shell_lines(page.read_text()):
        words = shlex.split(line, comments=True)
        path = " ".join(words[:1])
        while len(words) > (count := path.count(" ") + 1) and f"{path} {words[count]}" in COMMANDS:
            path = f"{path} {words[count]}"
        if path == "mien":
            # `mien` alone, an option of its own, or a placeholder.
            assert len(words) == 1 or not re.fullmatch(r"[a-z]+", words[1]), line
            continue
        options = {name for parameter in COMMANDS[path].params for name in (*parameter.opts, *parameter.secondary_opts)}
        for word in words:
            if word.startswith("--") and word != "--help":
                assert word.partition("=")[0] in options, f"{line}: {path} has no {word}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page):
    text = re.sub(r"^ *```.*?^ *```$", "", page.read_text(), flags=re.MULTILINE | re.DOTALL)
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if "://" in target or target.startswith("#"):
            continue
        if "pictures/curves-" in target:
            run = re.search(r"curves-(.*)\.png", target)[1]
            assert (ROOT / "train" / "records" / run / "curves.png").is_file(), target
        else:
            assert (page.parent / target.partition("#")[0]).exists(), target


def test_every_page_is_in_the_navigation():
    text = (ROOT / "mkdocs.yml").read_text()
    named = set(re.findall(r"^ *- (?:Home: )?(\S+\.md)$", text, re.MULTILINE))
    assert named == {str(path.relative_to(ROOT / "docs")) for path in (ROOT / "docs").rglob("*.md")}


def test_the_readme_is_short_and_names_the_two_commands():
    text = (ROOT / "README.md").read_text()
    assert len(text.split()) < 900
    assert "make demo" in text
    assert "make test" in text
    first_screen = text.split("\n## ")[0]
    for part in (
        "docs/pictures/preview-desktop.png", "pip install mien", "import mien", "mien run --source",
        "The default, `mien-small-ferplus-int8`", "An expression is not a feeling", "Article 5(1)(f)", "Article 50(3)",
    ):  # fmt: skip
        assert part in first_screen


def test_figures_of_another_version_are_gone():
    # Version 2 of mien-small had 68.65 %.
    assert not [page for page in PAGES if "68.65" in page.read_text()]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_files_that_a_page_names_exist(page):
    named = re.findall(
        r"(?<![\w/])(?:edge|train|convert|deploy|tests|docs)/[\w./-]+\.(?:py|md|toml|json|lock|yml|conf|service)\b",
        page.read_text(),
    )
    for path in named:
        assert (ROOT / path).is_file(), path
