"""`mien train`: explore, fit, distill, ensemble, evaluate, robustness, compare, export, fetch, list."""

from __future__ import annotations

import click

from edge.cli import LazyGroup


@click.group(
    cls=LazyGroup,
    lazy={
        "list": ("train.commands.list:list_recipes", "The recipes: what `fit --arch` takes."),
        "fetch": ("train.commands.fetch:fetch", "FER-2013 or AffectNet from Kaggle, with your own credentials."),
        "explore": ("train.commands.explore:explore", "What is in a data set, as pictures."),
        "fit": ("train.commands.fit:fit", "Train a recipe into a run folder."),
        "distill": ("train.commands.distill:distill", "The same, learning from other models too."),
        "ensemble": ("train.commands.ensemble:ensemble", "Make one network of several finished runs."),
        "evaluate": ("train.commands.evaluate:evaluate", "Score a model on a split, with every chart."),
        "robustness": ("train.commands.robustness:robustness", "Score a model on faces that a camera made worse."),
        "compare": ("train.commands.compare:compare", "Runs side by side: a table and a chart."),
        "export": ("train.commands.export:export", "A trained model as .keras or .h5."),
    },
)
def train() -> None:
    """Train and score models. Needs the extra 'train'."""
