"""The commands and code blocks of a page, in the order in which a reader meets them."""

import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass

from tests.conftest import ROOT

_BLOCK = re.compile(r"^( *)```(\w*)[^\n]*\n(.*?)^\1```$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Piece:
    """A command, or a whole block in another language.

    Attributes:
        place: `page:line`, for messages.
        language: of the block; `sh` for a command.
        text: as the page has it; of a command without its comment, on one line if it is one.
    """

    place: str
    language: str
    text: str


def pieces(page: str) -> list[Piece]:
    """Read a page.

    Args:
        page: relative to the checkout.
    """
    text, found = (ROOT / page).read_text(), []
    for block in _BLOCK.finditer(text):
        indent, language, content = block.groups()
        content = re.sub(f"^{indent}", "", content, flags=re.MULTILINE)
        number = text.count("\n", 0, block.start()) + 2
        place = f"{page}:{number}"
        if language == "sh":
            found += [Piece(f"{page}:{number + offset}", "sh", command) for offset, command in _commands(content)]
        elif content.startswith("$ "):
            # A command and what it prints.
            command, _, output = content.partition("\n")
            found += [Piece(place, "sh", command.removeprefix("$ ")), Piece(f"{page}:{number + 1}", language, output)]
        else:
            found.append(Piece(place, language, content))
    return found


def _commands(block: str) -> Iterator[tuple[int, str]]:
    """The commands of a block, with the number of the line in it: a loop or a quoted text may take several."""
    waiting, begin = "", 0
    for number, line in enumerate(block.splitlines()):
        begin = begin if waiting else number
        waiting = f"{waiting}\n{line}" if waiting else line
        if _is_complete(waiting):
            command = _without_comment(re.sub(r" *\\\n *", " ", waiting).strip())
            waiting = ""
            if command:
                yield begin, command
    assert not waiting, f"bash cannot read the end of a block: {waiting}"


def _is_complete(text: str) -> bool:
    return not text.endswith("\\") and subprocess.run(["bash", "-n", "-c", text], capture_output=True).returncode == 0


def _without_comment(command: str) -> str:
    return "\n".join(re.sub(r"(^|\s+)#(\s.*)?$", "", line) for line in command.splitlines())
