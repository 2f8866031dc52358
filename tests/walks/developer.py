"""The developer who types `import mien`. The README is where every other user begins, too."""

from tests.walks.steps import leave, once, output, python, run

_NO_CAMERA = "no camera is there: the demo source, which has to be ended"
_NOT_ON_PYPI = "mien is not on PyPI yet: the page states what to install in a checkout"
_IN_DEMO = "the page has made the environment of `make demo` so far"
_SHOWN_LATER = "the page has the same command again, where it states how to install"
_IMAGE = "import cv2\nimage = cv2.imread({portrait!r})"


_MAKE_DEMO = once(
    "make demo", "+ face 1   happy", "300 frames in", "p50     p95     p99     max", "capture", "detect", "classify",
    "track", "sink", "total",
)  # fmt: skip

README = [
    leave("pip install mien", _SHOWN_LATER),
    _MAKE_DEMO,
    python("import mien", "happy 0.", before=_IMAGE, because="any image will do", interpreter=".venv/bin/python"),
    run(
        "pip install 'mien[preview]'", because=_IN_DEMO, old="pip install 'mien", new=".venv/bin/pip install -e '.",
    ),
    run(
        "mien run --source camera:0 --preview", "preview at http://127.0.0.1:{preview_port}/", "60 frames",
        because=_NO_CAMERA, old="mien run", new=".venv/bin/mien run", old2="camera:0", new2="demo",
        old3="8080", new3="{preview_port}", more="--max-frames 60",
    ),
    run("python3 -m venv"),
    run("pip install mien", because=_NOT_ON_PYPI, old="install mien", new="install ."),
    run("mien models pull"),
    run("mien doctor", "ok       Python", "ok       LiteRT", "cameras"),
]  # fmt: skip

WALK = {
    "docs/index.md": [
        run("python3 -m venv"),
        run("pip install mien", because=_NOT_ON_PYPI, old="install mien", new="install ."),
        run("mien models pull"),
        run(
            "mien run --source camera:0", "+ face 1   happy", because=_NO_CAMERA, old="camera:0", new="demo",
            more="--max-frames 60",
        ),
        python("import mien", "happy 0.", before=_IMAGE, because="any image will do"),
    ],
    "docs/tutorial/index.md": [
        _MAKE_DEMO,
        output(
            "", "+ face 1   happy     100%  at ", "- face 1   happy     100%  at ", "300 frames in ", " per second), ",
            " dropped, 256 faces, 2 events, peak memory ",
            "the detector ran in 49 of them; in the others faces were propagated",
        ),
    ],
    "docs/reference/python-api.md": [
        python(
            "import mien", "happy 0.", "\n1 happy", before=_IMAGE, after="    break\n",
            because="any image will do; no camera is there, and the demo source does not end",
            old="camera:0", new="demo",
        ),
    ],
}  # fmt: skip
