"""The student, who trains two textbook models and compares them."""

from tests.walks.steps import run

#: Made data has no room for the published settings.
_SHORT = "drawn faces: a few epochs are enough to recognize them"

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
]  # fmt: skip

WALK = {"docs/tutorial/train-and-compare.md": LESSON}
