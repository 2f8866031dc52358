"""Find words that mien does not use, in names, help texts, messages, docstrings, comments and pages.

    python tests/words.py [PATH ...]

prints a line for each: where it is, the word, and what to write in its place. PATHs are files or folders of the
repository; without one, all are searched. The exit status is 1 if any is found.

The words come from a table of the project's vocabulary: private metaphors, archaisms, and second spellings.
"""

from __future__ import annotations

import ast
import io
import re
import subprocess
import sys
import tokenize
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
#: History, the words themselves, and what other projects wrote.
EXCLUDED = ("CHANGELOG.md", "LICENSE", "tests/words.py", "tests/test_words.py", "docs/proofs/", "tests/fuzz/corpus/")

#: Parts of a name (`detector_looks` has two, `SinkOutlet` too), and what to write.
IN_NAMES = {
    "look looks looked": "detection, detector run",
    "stretch": "detection interval",
    "lean leans leaning lean_deg": "roll, in-plane rotation",
    "upright": "align, alignment",
    "carried": "propagated",
    "glance": "thumbnail",
    "harm harms": "corruption",
    "governor": "load control",
    "ladder rung rungs": "degradation levels",
    "audience": "dispatcher",
    "outlet outlets": "sink worker, sink group",
    "probe probed": "sandbox",
    "rewrite rewrites rewritten": "graph edit",
    "taught pupil pupils": "distillation, student",
    "mend mends": "fix",
    "tell tells told said say says": "report, publish, emit, message",
    "refuse refused refuses": "reject",
    "heed heeds bury buried judge obey obeys": "a plain verb",
    "seldom": "rate-limited",
    "looseness": "box scale",
    "shrink shrinks shrunk": "downscale",
    "contender contenders": "candidate",
    "restless wish wishes": "a plain noun",
    "durable": "atomic",
}
#: Whole names of the old vocabulary.
WHOLE_NAMES = {
    "Kept", "LeftOut", "Rung", "Governor", "Glance", "Carried", "Audience", "Seldom", "Parts", "Outlet", "Outlets",
    "Moment", "Broker", "Spec", "Door", "Answer", "Attempts", "Guard", "Minutes", "Freeze", "Contender", "Child",
    "Wish", "crop_upright", "_heed", "_bury", "_judge", "_look", "_obey", "left_out", "wanted", "bell",
}  # fmt: skip
#: Patterns in prose, and what to write.
IN_PROSE = {
    r"so many|so much (?!that|as)": "how many, exactly",
    r"told|tell|tells|telling": "report, publish, show",
    r"say|says|saying|said": "state, show, report",
    r"mend|mends|mended|mending": "fix",
    r"harm|harms|harmed": "corruption, damage",
    r"lean|leans|leaned|leaning": "roll, in-plane rotation",
    r"upright": "aligned",
    r"refus(?:e|es|ed|ing|al)": "reject",
    r"taught|pupils?": "trained, distilled, student",
    r"glances?": "thumbnail",
    r"governors?": "load control",
    r"ladders?|rungs?": "degradation levels",
    r"audiences?": "dispatcher",
    r"outlets?": "sink worker, sink group",
    r"probes?|probed|probing": "sandboxed load",
    r"(?<!quality )(?<!health )gates?": "quality gate",
    r"(?:detectors?|it|they) (?:looks?|looked)(?! like)|looks of|(?:two|fewer) looks|looks? more": "detector run",
    r"seldom|more seldom": "less often",
    r"heed|heeds|obeys?|buri(?:ed|es)|bury": "a plain verb",
    r"is to be had|of its own accord|nobody's": "a plain phrase",
    r"by itself|by themselves": "automatically, alone",
    r"balanc(?:e|es|ing)(?! of)": "logit adjustment",
    r"weeks without|a hand on it|worse faces|the house|the board tells": "a plain phrase",
    r"dearest|dearer": "most expensive",
    r"thereof|wherefrom|hither|thither|lest|whilst|amongst|ere|naught|nought": "a plain word",
    # One spelling, the libraries'.
    r"\w*(?:quanti|normali|equali|initiali|optimi|recogni)s(?:e|es|ed|ing|er|ation|ations)": "-ize",
    r"\w*(?:seriali|summari|organi|reali|minimi|maximi)s(?:e|es|ed|ing|er|ation|ations)": "-ize",
    r"(?:un)?labell\w+|behaviour\w*|colour\w*|grey\w*|neighbour\w*|centred?|licences?|artefacts?": "American spelling",
}  # fmt: skip
#: Where a word stands for a reason: a path, a pattern of the line, and the reason.
ALLOWED = (
    ("", r"scaling_governor|frequency governor|processor's clock", "the kernel's word for what sets the clock"),
    ("", r"`?(governor|detector_looks)`?[\"`]", "a field of the run report that readers have"),
    ("", r"\bneighbours\b[\"`'\]]", "a field of results.json that readers have"),
    ("", r"--?licence|licences/|\blicences?\b[\"'`=:]|\.licence", "an option, a field of the card, a folder"),
    ("", r"keep.refused|-refused", "an option that users have"),
    ("", r"health[_ ]gate|quality[_ ]gate|HealthGate|QualityGate", "the name of a check"),
    ("", r"\bbalance = |\"balance\"", "a key of recipes that users have"),
    ("", r"white balance|class.balance|balanced", "the field's own words"),
    ("", r"ECONNREFUSED|ConnectionRefused|[Cc]onnection refused|refus\w+ the connection|_is_refused", "networking"),
    ("", r"COLOR_|colour-science", "a library's name"),
    ("tests/train/recipes/", r"balance", "a former key of recipes, in its tests"),
    ("", r"told apart|tells? .*apart|told to (?:close|end|stop)", "ordinary English"),
    ("", r"(?:says?|said) (?:nothing|otherwise|so itself)|does no harm|tags in balance", "ordinary English"),
    ("pyproject.toml", r"Intended Audience", "a classifier of the package index"),
    ("tests/mien", r"Recogniser", "a name that is not there"),
)  # fmt: skip


@dataclass(frozen=True)
class Finding:
    """One word that does not belong there."""

    path: str
    line: int
    kind: str
    word: str
    instead: str
    text: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.kind}: {self.word!r}: {self.instead} | {self.text.strip()[:100]}"


_NAME_PARTS = {word: instead for words, instead in IN_NAMES.items() for word in words.split()}
_PROSE = [
    (re.compile(rf"(?<![\w`-])(?:{pattern})(?![\w`-])", re.IGNORECASE), instead)
    for pattern, instead in IN_PROSE.items()
]
#: Whether a text has any of them: most have none, and this is several times as fast.
_ANY_PROSE = re.compile(rf"(?<![\w`-])(?:{'|'.join(IN_PROSE)})(?![\w`-])", re.IGNORECASE)
#: What is no prose on a page.
_NO_PROSE = (
    r"(?ms)^ *```.*?^ *```$", r"(?m)^    [^-*\s].*$", r"`[^`]*`", r"\{\{.*?\}\}", r"\]\([^)]*\)", r"<[^>]*>",
)  # fmt: skip
_OTHER_FILES = (".toml", ".html", ".js", ".css", ".json", ".service", ".yml", ".conf", ".j2", ".sh")


def in_name(name: str) -> Iterator[tuple[str, str]]:
    """The words of a Python name that do not belong there, with what to write."""
    if name in WHOLE_NAMES:
        yield name, "a name of the field"
        return
    for part in re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+", name):
        if part.lower() in _NAME_PARTS:
            yield name, _NAME_PARTS[part.lower()]


def in_prose(text: str) -> Iterator[tuple[int, str, str]]:
    """The words of a text that do not belong there: offset, word, what to write."""
    if _ANY_PROSE.search(text):
        for pattern, instead in _PROSE:
            for match in pattern.finditer(text):
                yield match.start(), match[0], instead


def _python(path: str, source: str) -> Iterator[Finding]:
    lines = source.splitlines()
    tree = ast.parse(source)
    for node in ast.walk(tree):
        for name in _defined(node):
            for word, instead in in_name(name):
                yield Finding(path, node.lineno, "name", word, instead, lines[node.lineno - 1])
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and " " in node.value.strip():
            # What stands in backticks is a name or a command.
            text = re.sub(r"`[^`]*`", lambda match: "`" + "\n" * match[0].count("\n") + "`", node.value)
            for offset, word, instead in in_prose(text):
                line = min(node.lineno + text.count("\n", 0, offset), node.end_lineno or node.lineno)
                yield Finding(path, line, "text", word, instead, lines[line - 1])
    if not any("#" in line and _ANY_PROSE.search(line.partition("#")[2]) for line in lines):
        return
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            for _, word, instead in in_prose(re.sub(r"`[^`]*`", "``", token.string)):
                yield Finding(path, token.start[0], "comment", word, instead, token.string)


def _defined(node: ast.AST) -> Iterator[str]:
    """Names that a node defines: what is only used is defined elsewhere, perhaps in a library."""
    if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
        yield node.name
    elif isinstance(node, ast.arg):
        yield node.arg
    elif isinstance(node, (ast.Name, ast.Attribute)) and isinstance(node.ctx, ast.Store):
        yield node.id if isinstance(node, ast.Name) else node.attr


def _page(path: str, source: str) -> Iterator[Finding]:
    """The prose of a page; code blocks, inline code, directives and addresses are left alone."""
    text = source
    for pattern in _NO_PROSE:
        text = re.sub(pattern, lambda match: re.sub(r"[^\n]", " ", match[0]), text)
    lines = source.splitlines()
    for offset, word, instead in in_prose(text):
        line = text.count("\n", 0, offset)
        yield Finding(path, line + 1, "page", word, instead, lines[line])


def _other(path: str, source: str) -> Iterator[Finding]:
    """Comments and texts of other files, line by line."""
    for number, line in enumerate(source.splitlines(), 1):
        for _, word, instead in in_prose(re.sub(r"`[^`]*`", "``", line)):
            yield Finding(path, number, "text", word, instead, line)


def help_texts() -> Iterator[Finding]:
    """Words in what `--help` of every command prints, which may be put together from several places."""
    import click

    from edge.cli.benchmark import benchmark_commands
    from edge.cli.main import cli

    def walk(group: click.Group, path: str) -> Iterator[tuple[str, click.Command]]:
        context = click.Context(group)
        for name in group.list_commands(context):
            command = group.get_command(context, name)
            assert command is not None
            yield f"{path} {name}", command
            if isinstance(command, click.Group):
                yield from walk(command, f"{path} {name}")

    of_benchmark = [(f"mien benchmark {name}", command) for name, command in benchmark_commands().items()]
    for path, command in (*walk(cli, "mien"), *of_benchmark):
        texts = [command.help or "", *(getattr(parameter, "help", "") or "" for parameter in command.params)]
        for text in texts:
            for _, word, instead in in_prose(re.sub(r"`[^`]*`", "``", text)):
                yield Finding(f"{path} --help", 0, "help", word, instead, text)


def findings(paths: list[str]) -> list[Finding]:
    """All findings in the files below `paths`, by path and line."""
    listed = subprocess.run(["git", "ls-files", "--", *paths], cwd=ROOT, capture_output=True, text=True, check=True)
    found: list[Finding] = []
    for path in listed.stdout.splitlines():
        suffix = Path(path).suffix
        # What a run wrote is a record; the page about the runs is not.
        record = path.startswith("train/records/") and suffix != ".md"
        if record or path.startswith(EXCLUDED) or not (ROOT / path).is_file():
            continue
        search = {".py": _python, ".md": _page}.get(suffix)
        if search is None and suffix in _OTHER_FILES:
            search = _other
        if search is not None:
            found += search(path, (ROOT / path).read_text("utf-8"))
    return sorted({f for f in found if not _allowed(f)}, key=lambda f: (f.path, f.line, f.word))


def _allowed(finding: Finding) -> bool:
    return any(finding.path.startswith(path) and re.search(line, finding.text) for path, line, _ in ALLOWED)


def main(paths: list[str]) -> int:
    """Print what is found."""
    found = findings(paths)
    for finding in found:
        print(finding)
    rooms = Counter("/".join(Path(finding.path).parts[:2]) for finding in found)
    print(f"{len(found)} words: " + ", ".join(f"{room} {count}" for room, count in rooms.most_common()))
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
