"""`mien classify`: photographs."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import click

from edge.cli import options
from edge.detection import Detector, open_detector
from edge.detection.alignment import align_face
from edge.errors import MienError
from edge.images import read_image
from edge.inference.classifier import Classifier
from edge.inference.shipped_models import find_model
from edge.inference.threads import Threads
from edge.pipeline.loop import crop_margin
from edge.types import Detection, Frame


@click.command()
@click.argument("images", nargs=-1, required=True, type=click.Path(path_type=Path))
@options.model
@options.detector
@options.threads
@click.option("--json", "as_json", is_flag=True, help="One JSON object an image, one image a line.")
def classify(images: tuple[Path, ...], model: str, detector: str, threads: Threads, as_json: bool) -> None:
    """Name the expression on each face of photographs.

    An image that cannot be read is named, the others are still done, and the exit status is 1.
    """
    classifier = Classifier(find_model(model), threads)
    faces = open_detector(detector, threads)
    failed = 0
    for path in images:
        try:
            found = _faces(path, faces, classifier)
        except MienError as error:
            if len(images) == 1:
                raise
            failed += 1
            click.echo(f"mien: {error}", err=True)
            continue
        if as_json:
            click.echo(json.dumps({"image": str(path), "faces": found, "model": classifier.card.identity}))
            continue
        click.echo(f"{path}: {len(found) or 'no'} face{'' if len(found) == 1 else 's'}")
        for face in found:
            x, y, w, h = face["box"]
            click.echo(f"  {face['emotion']:<9}{face['score']:>5.0%}  at {x},{y} {w}x{h}")
    if failed:
        raise MienError(f"{failed} of {len(images)} images could not be read")


def _faces(path: Path, detector: Detector, classifier: Classifier) -> list[dict[str, Any]]:
    frame = Frame(read_image(path), 0, time.monotonic(), 0.0, 0.0)
    margin = crop_margin(detector, classifier)
    return [_face(frame, face, classifier, margin) for face in detector.detect(frame)]


def _face(frame: Frame, face: Detection, classifier: Classifier, margin: float) -> dict[str, Any]:
    scores = classifier.scores(align_face(frame.image, face, margin, classifier.size))
    best = int(scores.argmax())
    return {
        "box": [round(v) for v in face.box],
        "confidence": face.confidence,
        "emotion": classifier.labels[best],
        "score": float(scores[best]),
        "emotions": {label: float(v) for label, v in zip(classifier.labels, scores, strict=True)},
    }
