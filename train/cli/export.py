"""`mien train export`."""

from __future__ import annotations

from pathlib import Path

import click

from edge.errors import WrongUseError
from edge.system.atomic_files import replacing
from train.backend import import_keras
from train.run_folder import recorded_metrics

FORMATS = (".keras", ".h5")


@click.command()
@click.argument("model", type=click.Path(path_type=Path))
@click.option("--out", type=click.Path(path_type=Path), required=True, help="The .keras or .h5 file to write.")
def export(model: Path, out: Path) -> None:
    """Save a trained MODEL as .keras or .h5: both load with plain keras.saving.load_model, without mien."""
    if out.suffix not in FORMATS:
        raise WrongUseError(f"--out is {out}: expected a name that ends in {' or '.join(FORMATS)}")
    keras = import_keras()

    from train.models.keras_files import load_keras_model

    loaded = load_keras_model(model)
    with replacing(out) as temporary:
        keras.saving.save_model(loaded, temporary)
    classes = recorded_metrics(model).get("labels")
    # Beside a file that stands alone no metrics.json names the classes.
    named = f"; classes, in order: {', '.join(classes)}" if classes else ""
    click.echo(f"{out}: {loaded.count_params():,} parameters, {out.stat().st_size / 1e6:.1f} MB{named}")
