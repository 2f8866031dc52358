"""`mien train`: explore, fit, distill, ensemble, evaluate, robustness, compare, export, fetch, list."""

from __future__ import annotations

import click

from edge.cli.main import LazyGroup


@click.group(
    cls=LazyGroup,
    lazy={
        "list": ("train.cli.list:list_recipes", "The recipes: what `fit --arch` takes."),
        "fetch": ("train.cli.fetch:fetch", "FER-2013 or AffectNet from Kaggle, with your own credentials."),
        "explore": ("train.cli.explore:explore", "What is in a data set, as pictures."),
        "fit": ("train.cli.fit:fit", "Train a recipe into a run folder."),
        "distill": ("train.cli.distill:distill", "The same, learning from other models too."),
        "ensemble": ("train.cli.ensemble:ensemble", "Make one network of several finished runs."),
        "evaluate": ("train.cli.evaluate:evaluate", "Score a model on a split, with every chart."),
        "robustness": ("train.cli.robustness:robustness", "Score a model on faces that a camera made worse."),
        "compare": ("train.cli.compare:compare", "Runs side by side: a table and a chart."),
        "export": ("train.cli.export:export", "A trained model as .keras or .h5."),
    },
)
def train() -> None:
    """Train and evaluate models. Needs the extra 'train'."""
