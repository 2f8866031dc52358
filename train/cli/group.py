"""`mien train`: the names of its commands, which are imported when they are called."""

from __future__ import annotations

import click

from edge.cli.main import LazyGroup


@click.group(
    cls=LazyGroup,
    lazy={
        "list": ("train.cli.list:list_recipes", "List the recipes that `fit --arch` takes."),
        "fetch": ("train.cli.fetch:fetch", "Download FER-2013 or AffectNet from Kaggle."),
        "explore": ("train.cli.explore:explore", "Show what is in a data set, with charts."),
        "fit": ("train.cli.fit:fit", "Train a recipe into a run folder."),
        "distill": ("train.cli.distill:distill", "Train with knowledge distillation from other models."),
        "find-lr": ("train.cli.find_lr:find_lr", "Find a learning rate for a recipe: a few minutes, with a chart."),
        "search": ("train.cli.search:search_recipe", "Search values of a recipe by many trials (Optuna)."),
        "ensemble": ("train.cli.ensemble:ensemble", "Merge finished runs into one network."),
        "average": ("train.cli.average:average", "Average the weights of finished runs."),
        "adjust": ("train.cli.adjust:adjust", "Fold a temperature and a logit adjustment into a finished run."),
        "drop-class": ("train.cli.drop_class:drop_class", "Remove classes from a finished run."),
        "evaluate": ("train.cli.evaluate:evaluate", "Score a model on a split, with charts."),
        "robustness": ("train.cli.robustness:robustness", "Score a model on corrupted faces."),
        "compare": ("train.cli.compare:compare", "Compare runs: a table and a chart."),
        "export": ("train.cli.export:export", "Save a trained model as .keras or .h5."),
    },
)
def train() -> None:
    """Train and evaluate models. Needs the extra 'train'."""
