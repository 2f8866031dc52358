"""What a walk does with each command and block of a page, and nothing else: a page with more, or with less, fails."""

import itertools
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import pytest

from tests.conftest import ROOT
from tests.walks.pages import Piece, pieces
from tests.walks.shell import Shell


@dataclass(frozen=True)
class Step:
    """A command or block of a page, in the page's order.

    Attributes:
        begins: how it begins there.
        action: does it in the shell of the user; None: it is not done.
        because: why it is not done, or not as it stands.
        replaced: what stands in place of parts of it that need what is not here: a camera, a host, the real data.
            Names in braces are those of the shell.
        covered: a file of tests that does it, and words in which it does so.
    """

    begins: str
    action: Callable[[Shell, Piece, str], None] | None = None
    because: str = ""
    replaced: Mapping[str, str] = field(default_factory=dict)
    covered: tuple[str, str] | None = None


Walk = Mapping[str, list[Step]]


def run(begins: str, *shows: str, code: int = 0, because: str = "", more: str = "", **replaced: str) -> Step:
    """Run a command, as it stands or with parts replaced, and find words in what it prints.

    Args:
        begins: how the command begins.
        *shows: words that it prints.
        code: the exit status.
        because: why parts are replaced or added.
        more: options that are added.
        **replaced: see `Step`; `old` and `new`, `old2` and `new2` and so on.
    """

    def action(shell: Shell, piece: Piece, command: str) -> None:
        output = shell.run(f"{command} {more.format(**shell.names)}" if more else command, code, piece.place)
        for words in shows:
            assert words.format(**shell.names) in output, f"{piece.place}: no {words!r} in the output:\n{output}"

    pairs = {replaced[name]: replaced[name.replace("old", "new")] for name in replaced if name.startswith("old")}
    assert bool(because) == bool(pairs or more or code), f"{begins}: a reason if anything is changed, else none"
    return Step(begins, action, because, pairs)


def once(begins: str, *shows: str) -> Step:
    """Run a command as it stands, unless a page before has run it: then find the words in what it printed there."""
    step = run(begins, *shows)

    def action(shell: Shell, piece: Piece, command: str) -> None:
        assert step.action is not None
        step.action(shell, piece, command)
        shell.done[command] = shell.output

    return Step(begins, action)


def leave(begins: str, because: str, covered: tuple[str, str] | None = None) -> Step:
    """Do not run a command, or only read a block.

    Args:
        begins: how it begins.
        because: why.
        covered: a file of tests that does it, and words in which it does so.
    """
    return Step(begins, None, because, covered=covered)


def output(begins: str, *words: str) -> Step:
    """Find words of a block that shows output in what the last command has printed."""

    def action(shell: Shell, piece: Piece, text: str) -> None:
        for shown in words:
            assert shown in text, f"{piece.place}: the page does not show {shown!r}"
            assert shown in shell.output, f"{piece.place}: the page shows {shown!r}, the command not:\n{shell.output}"

    return Step(begins, action)


def configuration(begins: str, because: str = "", **replaced: str) -> Step:
    """Have `mien run --show-config` accept a block of TOML, and show it."""

    def action(shell: Shell, piece: Piece, text: str) -> None:
        (shell.folder / "mien.toml").write_text(text)
        shown = tomllib.loads(shell.run("mien run --show-config --config mien.toml 2>/dev/null", 0, piece.place))
        for key, value in tomllib.loads(text).items():
            assert shown.get(key) == value, f"{piece.place}: {key} is {shown.get(key)!r}"

    return Step(begins, action, because, {replaced["old"]: replaced["new"]} if replaced else {})


def python(
    begins: str,
    *shows: str,
    before: str = "",
    after: str = "",
    because: str = "",
    interpreter: str = "python",
    **replaced: str,
) -> Step:
    """Run a block of Python by the environment's interpreter, and find words in what it prints.

    Args:
        begins: how it begins.
        *shows: words that it prints.
        before, after: lines around it.
        because: why lines are added or parts replaced.
        interpreter: of the environment.
        **replaced: `old` and `new`.
    """

    def action(shell: Shell, piece: Piece, text: str) -> None:
        (shell.folder / "block.py").write_text(f"{before.format(**shell.names)}\n{text}{after}")
        printed = shell.run(f"{interpreter} -P block.py", 0, piece.place)
        for words in shows:
            assert words in printed, f"{piece.place}: no {words!r} in the output:\n{printed}"

    return Step(begins, action, because, {replaced["old"]: replaced["new"]} if replaced else {})


def checked(begins: str, action: Callable[[Shell, Piece, str], None], because: str = "") -> Step:
    """Do something else with a command or block: `action(shell, piece, text)`."""
    return Step(begins, action, because)


def accounted(page: str, steps: list[Step]) -> list[tuple[Piece, Step]]:
    """Match a page with the steps of a walk.

    Raises:
        AssertionError: the page has a command or block that no step is for, or lacks one.
    """
    pairs = []
    for piece, step in itertools.zip_longest(pieces(page), steps):
        assert piece is not None, (
            f"{page}: the walk goes on with {step.begins!r}, and the page does not: remove that step"
        )
        assert step is not None, f"{piece.place}: no step of the walk is for\n{piece.text}"
        assert piece.text.startswith(step.begins), (
            f"{piece.place}: the walk expects {step.begins!r}, the page has\n{piece.text}\nchange the page's steps"
        )
        for old in step.replaced:
            assert old in piece.text, f"{piece.place}: no {old!r} to replace in\n{piece.text}"
        if step.covered is not None:
            path, words = step.covered
            assert words in (ROOT / path).read_text(), f"{piece.place}: {path} no longer has {words!r}"
        pairs.append((piece, step))
    return pairs


def follow(page: str, steps: list[Step], shell: Shell) -> None:
    """Walk through a page."""
    for piece, step in accounted(page, steps):
        if step.action is not None:
            text = piece.text
            for old, new in step.replaced.items():
                text = text.replace(old, new.format(**shell.names))
            step.action(shell, piece, text)


def pages_of(walk: Walk) -> list:
    """The pages of a walk, as parameters of a test."""
    return [pytest.param(page, steps, id=page) for page, steps in walk.items()]
