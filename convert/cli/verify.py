"""`mien convert verify`."""

from __future__ import annotations

from pathlib import Path

import click

from convert.cli.options import gate
from edge.cli.options import data, progress, split, votes
from edge.errors import ModelError


@click.command()
@click.argument("model", type=click.Path(path_type=Path))
@data
@split
@votes
@click.option(
    "--reference",
    type=click.Path(path_type=Path),
    required=True,
    help="The .keras, .h5, SavedModel or .tflite it came from.",
)
@click.option("--limit", type=click.IntRange(1), help="Score at most so many faces.")
@gate
@click.option("--json", "json_path", type=click.Path(path_type=Path), help="Write the proof as JSON too.")
@click.option("--html", "html_path", type=click.Path(path_type=Path), help="Write the proof as a page too.")
def verify(
    model: Path,
    data: Path,
    split: str,
    votes: Path | None,
    reference: Path,
    limit: int | None,
    max_drop: float,
    min_agreement: float,
    max_class_drop: float,
    json_path: Path | None,
    html_path: Path | None,
) -> None:
    """Prove that a .tflite MODEL is what its card says, and how well it agrees with its float self.

    Exits 1 if the file is damaged, not of the scheme that its card names, or past a limit.
    """
    from convert.analysis.inspection import inspect
    from convert.analysis.layer_noise import layer_noise
    from convert.analysis.proof import Proof
    from convert.analysis.proof_page import write_page
    from convert.analysis.verification import check_file, compare
    from convert.calibration import LAYER_RUNS, evenly_spaced, network_inputs
    from convert.float_model import load_float_model
    from convert.labeled_faces import read_labeled_faces
    from convert.quality_gate import Limits
    from convert.tensorflow_import import import_tensorflow
    from edge.system.atomic_files import write_json

    if reference.suffix != ".tflite":
        import_tensorflow()
    checked = check_file(model)
    card = checked.model.card
    click.echo(
        f"{model} is whole: {len(checked.graph.operations)} operations, "
        f"{len(checked.graph.float_tensors())} float tensors"
    )
    source = load_float_model(reference)
    source, splits = read_labeled_faces(source, data, (split,), votes)
    faces = splits[split].sample(limit, 0)
    if card.labels != faces.labels:
        raise ModelError(f"{model} answers {', '.join(card.labels)}; {data} has {', '.join(faces.labels)}")
    with progress(f"scoring on {split}") as advance:
        comparison = compare(checked.classifier, source.scores(faces.images), faces, split, advance)
    some = evenly_spaced(faces.images, LAYER_RUNS)
    layers = []
    if source.input_shape == checked.graph.inputs[0].shape:
        inputs = network_inputs(source.resized(some), source.input_range)
        layers = layer_noise(source.graph, checked.model.graph, inputs)
    limits = Limits(max_drop, min_agreement, max_class_drop)
    proof = Proof(
        model=card.identity,
        scheme=card.scheme,
        source=reference.name,
        source_bytes=len(source.graph),
        inspection=inspect(model),
        comparison=comparison,
        layers=layers,
        layers_over=f"{len(some)} faces of {split}",
        folding_error=source.check_folding(some),
        calibration=card.calibration,
        keep_float=card.keep_float,
        limits=limits,
        violations=limits.violations(comparison),
    )
    click.echo(proof.as_text())
    if json_path is not None:
        write_json(json_path, proof.as_dict())
    if html_path is not None:
        write_page(html_path, proof)
    if proof.violations:
        raise ModelError(f"{model} is past the gate: {'; '.join(proof.violations)}")
