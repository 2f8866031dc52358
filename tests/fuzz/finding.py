"""A finding: an input that was neither accepted nor rejected as it should be, saved so that it can be replayed."""

import hashlib
import shlex
from dataclasses import dataclass
from pathlib import Path

from tests.fuzz.outcome import Outcome

FOLDER = Path("build/fuzz")


@dataclass(frozen=True)
class Finding:
    """What was wrong, and the input that shows it.

    Attributes:
        target: name of the target.
        kind: type of the error, or `crash`, `hang`, `memory` or `message`.
        text: what happened, one line.
        file: the saved input.
    """

    target: str
    kind: str
    text: str
    file: str

    @property
    def command(self) -> str:
        """The command that runs the input once more."""
        return f"python -m tests.fuzz --replay {shlex.quote(self.file)} --target {self.target}"


def save(folder: Path, target: str, outcome: Outcome, data: bytes) -> Finding:
    """Save an input below a folder, with a text that describes it. The same mistake replaces the same file.

    Args:
        folder: of all findings, such as `FOLDER`.
        target: name of the target.
        outcome: with the ending `finding`.
        data: the input.
    """
    digest = hashlib.sha256(f"{target} {outcome.kind} {outcome.place}".encode()).hexdigest()[:8]
    path = folder / target / f"{outcome.kind}-{digest}.input"
    path.parent.mkdir(parents=True, exist_ok=True)
    finding = Finding(target, outcome.kind, outcome.text, str(path))
    if not path.exists() or path.stat().st_size >= len(data):
        path.write_bytes(data)
        lines = (f"{outcome.kind}: {outcome.text}", outcome.place, finding.command, "", outcome.trace)
        path.with_suffix(".txt").write_text("\n".join(lines), "utf-8", "backslashreplace")
    return finding
