"""The student, who trains two textbook models and compares them."""

from tests.walks.pages import Piece
from tests.walks.shell import Shell
from tests.walks.steps import checked, run

#: Made data has no room for the published settings.
_SHORT = "drawn faces: a few epochs are enough to recognize them"


def search_in(shell: Shell, piece: Piece, text: str) -> None:
    """Search the values of a block of TOML."""
    (shell.folder / "space.toml").write_text(text)
    line = "mien train search --arch cnn --data fer2013.csv --space space.toml --trials 1 --epochs 1 --out runs/space"
    assert "1 trial: 1 complete" in shell.run(line, 0, piece.place)


LESSON = [
    run("python3 -m venv"),
    run("pip install 'mien[train]'", because="mien is not on PyPI yet", old="'mien[train]'", new="'{checkout}[train]'"),
    # From a stand-in for Kaggle.
    run("mien train fetch fer2013", "msambare/fer2013 is in fer2013", "mien train explore --data fer2013"),
    run("mien train explore", "look/classes.png", "look/samples.png", "look/means.png", "look/duplicates.png"),
    run("mien train list", "simple-nn", "cnn"),
    run(
        "mien train fit --arch simple-nn", "on PublicTest", "images per second", because=_SHORT, more="--epochs 2",
    ),
    run(
        "mien train fit --arch cnn", "on PublicTest", "images per second", because=_SHORT,
        more="--epochs 8 --batch-size 16",
    ),
    run("mien train evaluate", *(f"report/{name}" for name in (
        "confusion.png", "roc.png", "reliability.png", "mistakes.png", "predictions.png", "classification_report.txt",
        "metrics.json",
    ))),
    run("mien train compare", "runs/cnn", "runs/simple-nn", "compared/compare.png"),
    run("mien train robustness", "blur", "box too large", because=_SHORT, more="--limit 35"),
    run(
        "mien train find-lr", "as the peak of a schedule: --learning-rate", "range/learning-rates.png", because=_SHORT,
        more="--batch-size 64",
    ),
    run(
        "pip install 'mien[search]'", because="mien is not on PyPI yet", old="'mien[search]'",
        new="'{checkout}[search]'",
    ),
    run(
        "mien train search", "3 trials: 3 complete", "runs/search/best.toml", because=_SHORT,
        more="--epochs 2 --trials 3 --batch-size 16",
    ),
    checked("[fit]", search_in, because="the page names no command: --space with one trial"),
]  # fmt: skip

WALK = {"docs/tutorial/train-and-compare.md": LESSON}
