"""The engineer with an int8 number to defend: a conversion, its proof, a benchmark."""

from tests.walks.steps import output, run

_DRAWN = "630 drawn faces of Training, and of 140 faces one is 0.7 points"
_SHORT = "drawn faces, and as few rounds as show that it works"
_GATE = "--samples 140 --max-drop 5 --max-class-drop 30 --min-agreement 90"
_FEW = "--limit 70 --rounds 3"
#: What the page's other model files are here.
_FILES = {
    "old": "fer.tflite", "new": "cnn-int8.tflite", "old2": "fer2013.csv.bz2", "new2": "fer2013.csv",
    "old3": "mien-small-float32.tflite", "new3": "out/cnn-float16.tflite",
    "old4": "mien-small-dynamic.tflite", "new4": "mien-nano-int8",
}  # fmt: skip

WALK = {
    "docs/tutorial/prove-an-int8-model.md": [
        run(
            "mien convert quantize", "float operations: none", "same answer on", "McNemar's p",
            "layers with the most noise", because=_DRAWN, more=_GATE,
        ),
        run("mien convert verify", "float operations: none", "same answer on"),
        run(
            "mien convert inspect", "work        ", "arena       ", "floats      none", because="the file just made",
            old="anybodys.tflite", new="cnn-int8.tflite",
        ),
        run(
            "mien benchmark", "cnn-int8 ", "bench: wrote results.json, results.csv, pareto.png",
            because=_SHORT, more=_FEW,
        ),
        run("mien models pull"),
        run(
            "mien run --model cnn-int8.tflite", "+ face 1",
            because="no camera is there: the demo source, which has to be ended",
            old="camera:0", new="demo", more="--max-frames 60",
        ),
        run("mien convert quantize", "out/cnn-int8.tflite: ", "out/cnn-float16.tflite: ", because=_DRAWN, more=_GATE),
        run("pip install 'mien[onnx]'", because="mien is not on PyPI yet", old="'mien[", new="'{checkout}["),
        run("mien convert export", "cnn-int8.onnx"),
    ],
    "docs/explanation/conversion.md": [
        run(
            "mien convert verify mien-small-int8", "mien-small-int8.tflite is intact",
            because="drawn faces, which the shipped model hardly reads, and a folder that is not the checkout",
            more="--min-above-chance -100 --max-drop 5",
            old="fer2013.csv.bz2", new="fer2013.csv", old2="train/records", new2="{checkout}/train/records",
        ),
    ],
    "docs/explanation/benchmark.md": [
        run(
            "mien benchmark mien-nano-int8 mien-small-int8 fer.tflite --data", "mien-small-int8 ",
            because=_SHORT + "; the lesson has a folder of this name", more=_FEW,
            old="--out bench", new="--out four", old2=_FILES["old"], new2=_FILES["new"],
            old3=_FILES["old2"], new3=_FILES["new2"],
        ),
        output(
            "3,589 faces", " faces of PublicTest (fer2013.csv", "threads", "accuracy", "macro-F1", "ECE", "agrees",
            "p50 ms", "p95", "p99", "network", "faces/s", "memory", "size", "GMAC/s", "of peak",
            "p50, p95: from a frame and a box in it to scores; network: p50 of invoke; ±: half the 95 % interval",
            " against ", ": it alone is correct on ", " faces, the other alone on ", ", p = ",
        ),
        run("mien benchmark", because=_SHORT, more=_FEW, **_FILES),
        run("mien benchmark", because=_SHORT, more=_FEW, **_FILES),
        run("mien benchmark compare", "cnn-int8"),
    ],
}  # fmt: skip
