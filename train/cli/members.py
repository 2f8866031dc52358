"""The finished runs from which a command makes one network."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from edge.errors import ModelError, WrongUseError
from edge.system.hashing import sha256_of
from train.run_folder import RunFolder, recorded_metrics

Member = dict[str, Any]
runs_argument = click.argument("runs", nargs=-1, required=True, metavar="RUN...", type=click.Path(path_type=Path))
out_option = click.option(
    "--out", type=click.Path(path_type=Path), required=True, metavar="DIR", help="Run folder to create."
)


def finished_run(run: Path) -> Member:
    """Return the recorded metrics of a finished run.

    Raises:
        ModelError: the folder holds none.
    """
    table = recorded_metrics(RunFolder(run).model_keras) if run.is_dir() else {}
    if not {"recipe", "seed", "seconds", "data", "labels", "scores"} <= set(table):
        raise ModelError(f"{run} is not a finished run: expected a folder that `mien train fit` made")
    return table


def read_members(runs: Sequence[Path]) -> list[Member]:
    """The recorded metrics of finished runs.

    Raises:
        ModelError: a folder holds no finished run.
        WrongUseError: two runs have different classes or data.
    """
    members = [finished_run(run) for run in runs]
    for run, member in zip(runs, members, strict=True):
        if member["labels"] != members[0]["labels"] or member["data"]["sha256"] != members[0]["data"]["sha256"]:
            raise WrongUseError(f"{run} has other classes, or was trained on other data, than {runs[0]}")
    return members


def members_table(runs: Sequence[Path], members: Sequence[Member]) -> list[Member]:
    """What `metrics.json` keeps of each member."""
    return [
        {
            **{key: member[key] for key in ("recipe", "seed", "seconds", "data")},
            "accuracy": member["scores"]["accuracy"],
            "sha256": sha256_of(RunFolder(run).model_keras),
        }
        for run, member in zip(runs, members, strict=True)
    ]


def trained_on(members: Sequence[Member], source: dict[str, Any]) -> dict[str, Any]:
    """Return the data set of the command, with the votes and the teachers of all members."""
    votes = [member["data"]["votes_sha256"] for member in members if "votes_sha256" in member["data"]]
    teachers = [teacher for member in members for teacher in member["data"].get("teachers", [])]
    return {
        **source,
        **({"votes_sha256": votes[0]} if votes else {}),
        **({"teachers": list({teacher["sha256"]: teacher for teacher in teachers}.values())} if teachers else {}),
    }
