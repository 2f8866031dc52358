"""Each command of a page has a step in a walk, and each step a command: without running any."""

import pytest

from tests.walks import developer, engineer, home_assistant, operator, pages, student
from tests.walks.shell import Shell
from tests.walks.steps import accounted, follow, leave, pages_of, run

PAGES = {
    "README.md": developer.README,
    "docs/tutorial/pi-in-an-evening.md": home_assistant.TUTORIAL,
    **developer.WALK,
    **home_assistant.WALK,
    **student.WALK,
    **engineer.WALK,
    **operator.WALK,
}


@pytest.mark.parametrize(("page", "steps"), pages_of(PAGES))
def test_a_page_and_its_walk_agree(page, steps):
    assert len(accounted(page, steps)) == len(steps)


@pytest.fixture
def page(tmp_path, monkeypatch):
    """A page in place of the checkout's."""
    monkeypatch.setattr(pages, "ROOT", tmp_path)

    def write(text):
        (tmp_path / "page.md").write_text(text)
        return "page.md"

    return write


def test_the_pieces_of_a_page(page):
    text = (
        "```sh\n# a remark\necho one \\\n  two    # why\nfor x in a b; do\n  echo $x\ndone\n```\n\n"
        "1. in a list\n\n   ```python\n   if x:\n       y\n   ```\n\n```text\n$ mien run\nhello\n```\n`echo inline`\n"
    )
    assert [(piece.place, piece.language, piece.text) for piece in pages.pieces(page(text))] == [
        ("page.md:3", "sh", "echo one two"),
        ("page.md:5", "sh", "for x in a b; do\n  echo $x\ndone"),
        ("page.md:13", "python", "if x:\n    y\n"),
        ("page.md:18", "sh", "mien run"),
        ("page.md:19", "text", "hello\n"),
    ]


@pytest.mark.parametrize(
    ("steps", "message"),
    [
        ([run("echo one")], "page.md:3: no step of the walk is for\necho two"),
        ([run("echo one"), run("echo two"), run("echo three")], "goes on with 'echo three', and the page does not"),
        ([run("echo one"), leave("echo 2", "too long")], "the walk expects 'echo 2', the page has\necho two"),
        ([run("echo one"), run("echo two", because="x", old="3", new="4")], "page.md:3: no '3' to replace in"),
        ([run("echo one"), leave("echo two", "x", ("Makefile", "no such words"))], "Makefile no longer has"),
    ],
)
def test_a_page_that_has_changed_fails_its_walk(page, tmp_path, monkeypatch, steps, message):
    (tmp_path / "Makefile").touch()
    monkeypatch.setattr("tests.walks.steps.ROOT", tmp_path)
    with pytest.raises(AssertionError) as raised:
        accounted(page("```sh\necho one\necho two\n```\n"), steps)
    assert message in str(raised.value)


def test_a_walk_runs_what_the_page_has(page, tmp_path):
    text = page("```sh\ncd ..; export WORD='a word'\necho camera:0 $WORD >here\ncat here; false\ncat here\n```\n")
    shell = Shell(tmp_path / "home")
    steps = [
        run("cd"),
        run("echo", because="no camera", old="camera:0", new="demo"),
        run("cat", "demo a word", because="it fails", code=1),
        run("cat", "camera"),
    ]
    with pytest.raises(AssertionError, match=r"page\.md:5: no 'camera' in the output"):
        follow(text, steps, shell)
    assert (tmp_path / "here").read_text() == "demo a word\n"
    with pytest.raises(AssertionError, match=r"page\.md:2: exit status 3"):
        follow(page("```sh\nexit 3\n```\n"), [run("exit")], shell)


def test_what_is_changed_has_a_reason():
    with pytest.raises(AssertionError, match="a reason if anything is changed"):
        run("mien run", more="--max-frames 60")
