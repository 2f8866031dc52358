"""A recipe: everything that decides a training run but the data. Named, committed, plain TOML."""

from __future__ import annotations

import difflib
import tomllib
from dataclasses import MISSING, asdict, dataclass, field, fields, replace
from importlib import resources
from pathlib import Path
from typing import Any

from edge.errors import DataError, WrongUseError
from edge.inference.contract import INPUT_SIZE
from train.models import ENLARGING
from train.training.backend import PRECISIONS

SCHEDULES = ("constant", "cosine", "plateau")
OPTIMIZERS = ("adam", "sgd")
IMAGENET, NO_WEIGHTS = "imagenet", "none"
#: The architecture of recipes that name others, in `[model] members`, and train nothing.
ENSEMBLE = "ensemble"
#: Of `[fit]`, what each stage says for itself where there are stages.
_STAGE_KEYS = ("epochs", "learning_rate")

#: What a recipe's numbers may be, ends included; a NaN is in no range.
_RANGES: dict[str, tuple[float, float]] = {
    "epochs": (1, 100_000),
    "batch_size": (1, 100_000),
    "learning_rate": (1e-12, 1e3),
    "warmup_epochs": (0, 100_000),
    "weight_decay": (0, 1e3),
    "label_smoothing": (0, 1),
    "soft_labels": (0, 1),
    "teacher_share": (0, 1),
    "ema": (0, 1),
    "balance": (0, 1),
    "patience": (0, 100_000),
    "plateau_patience": (1, 100_000),
    "plateau_factor": (1e-6, 0.999),
    "seed": (0, 2**31),
    "rotation_deg": (0, 180),
    "zoom": (0, 0.9),
    "shift": (0, 1),
    "brightness": (0, 1),
    "contrast": (0, 1),
    "blur": (0, 10),
    "noise": (0, 1),
    "erasing": (0, 1),
    "mixup": (0, 100),
}


@dataclass(frozen=True)
class Augment:
    """Random changes to each Training face, drawn anew each epoch.

    Attributes:
        enabled: whether any of it happens.
        flip: mirror left and right, half of the time.
        rotation_deg: turn by up to this many degrees either way.
        zoom: enlarge or shrink by up to this share.
        shift: move by up to this share of the width and height.
        brightness: add up to this share of the full range.
        contrast: stretch or flatten by up to this share.
        blur: smooth by a Gaussian of up to this standard deviation, in pixels.
        noise: add to each pixel a normal number of up to this standard deviation, as a share of the full range.
        erasing: share of faces of which a rectangle is painted grey (Zhong et al., 2017).
        mixup: alpha of the Beta distribution by which each face and its label are blended with another's of the
            batch (Zhang et al., 2017); 0 for none.
    """

    enabled: bool = False
    flip: bool = True
    rotation_deg: float = 10.0
    zoom: float = 0.1
    shift: float = 0.1
    brightness: float = 0.0
    contrast: float = 0.0
    blur: float = 0.0
    noise: float = 0.0
    erasing: float = 0.0
    mixup: float = 0.0


@dataclass(frozen=True)
class Fit:
    """How the weights are found.

    Attributes:
        epochs: passes over Training.
        batch_size: faces a step.
        optimizer: one of `OPTIMIZERS`; sgd is with Nesterov momentum 0.9.
        learning_rate: at its peak.
        schedule: `constant`; `cosine` down to zero after a linear warm-up; or `plateau`: times `plateau_factor`
            after `plateau_patience` epochs without a lower PublicTest loss.
        warmup_epochs: length of the cosine's warm-up.
        plateau_patience, plateau_factor: see `schedule`.
        weight_decay: decoupled (Loshchilov & Hutter, 2019), on kernels only; with SGD's momentum of 0.9, ten
            times the figure of frameworks that add it to the gradient does the same.
        label_smoothing: share of each target spread over all classes.
        soft_labels: share of each Training face's target that FER+'s votes decide, in FER-2013's labels
            (`train.data.soft_labels`); 0 to do without votes.
        teacher_share: share of each Training face's target that teachers decide (`train.training.distillation`); 0 to
            do without.
        ema: momentum of the running average of the weights that is evaluated and kept, with batch-normalisation
            statistics of its own; 0 for none.
        balance: how far, at the end, the last layer's biases go to answers that are as frequent on Training as the
            labels (`train.training.logit_adjustment`); 0 for not at all.
        class_weights: whether a face counts the more, the rarer its class is in Training (scikit-learn's
            `balanced`: faces / (classes x faces of the class)).
        patience: stop after so many epochs without a better PublicTest accuracy; 0 to never stop early.
        precision: one of `train.training.backend.PRECISIONS`.
        seed: of the initial weights, the order of the faces and the augmentation.
    """

    epochs: int = 30
    batch_size: int = 128
    optimizer: str = "adam"
    learning_rate: float = 1e-3
    schedule: str = "constant"
    warmup_epochs: float = 0.0
    plateau_patience: int = 3
    plateau_factor: float = 0.5
    weight_decay: float = 0.0
    label_smoothing: float = 0.0
    soft_labels: float = 0.0
    teacher_share: float = 0.0
    ema: float = 0.0
    balance: float = 0.0
    class_weights: bool = False
    patience: int = 0
    precision: str = "auto"
    seed: int = 0


@dataclass(frozen=True)
class Stage:
    """One part of a run: what it trains, how long and how fast. The next goes on from the best epoch so far.

    Attributes:
        name: what the history and the charts call it.
        train: `all` layers; the `head` alone, above the pretrained backbone; or from the backbone's layer of this
            name upwards.
        epochs: passes over Training.
        learning_rate: at its peak.
        batch_norm: whether the backbone's batch normalisation learns; it keeps what it was pretrained to, statistics
            included, where not.
    """

    name: str
    train: str = "all"
    epochs: int = 30
    learning_rate: float = 1e-3
    batch_norm: bool = False


@dataclass(frozen=True)
class Recipe:
    """One way to train one architecture.

    Attributes:
        model: keyword arguments of the architecture's builder.
        weights: where the backbone's first weights come from: `imagenet`, `none` (random), or a file's path.
        stages: the parts of a run in order; none for one part that trains all, as `[fit]` says.
    """

    name: str
    architecture: str
    description: str = ""
    weights: str = NO_WEIGHTS
    model: dict[str, Any] = field(default_factory=dict)
    augment: Augment = field(default_factory=Augment)
    fit: Fit = field(default_factory=Fit)
    stages: tuple[Stage, ...] = ()

    def plan(self) -> tuple[Stage, ...]:
        """The stages as they are run. Random weights have nothing to keep: no stage freezes them then.

        Raises:
            WrongUseError: every stage would keep random weights as they are.
        """
        if not self.stages:
            return (Stage("all", "all", self.fit.epochs, self.fit.learning_rate, batch_norm=True),)
        if self.weights != NO_WEIGHTS:
            return self.stages
        stages = tuple(replace(s, train="all", batch_norm=True) for s in self.stages if s.train != "head")
        if not stages:
            raise WrongUseError(
                f"{self.name} trains a head on a frozen backbone: give --weights imagenet or --weights PATH"
            )
        return stages

    def with_changes(
        self,
        fit: dict[str, Any] | None = None,
        *,
        augment: bool | None = None,
        weights: str | None = None,
        input_size: int | None = None,
    ) -> Recipe:
        """This recipe with the options that a command line gave; None leaves a value as it is."""
        changed = {key: value for key, value in (fit or {}).items() if value is not None}
        stages = self.stages
        if stages and "learning_rate" in changed:
            raise WrongUseError(f"{self.name} has stages, each with its learning_rate: copy the recipe and change them")
        if stages and "epochs" in changed:
            epochs = changed.pop("epochs")
            stages = tuple(replace(stage, epochs=epochs) for stage in stages)
        recipe = replace(self, fit=replace(self.fit, **changed), stages=stages)
        if augment is not None:
            recipe = replace(recipe, augment=replace(recipe.augment, enabled=augment))
        weights = recipe.weights if weights is None else weights
        if weights not in (IMAGENET, NO_WEIGHTS):
            # The run may be resumed from elsewhere.
            weights = str(Path(weights).absolute())
        recipe = replace(recipe, weights=weights)
        if input_size is not None:
            if recipe.architecture not in ENLARGING:
                raise WrongUseError(f"--input-size is for {', '.join(ENLARGING)}, not for {recipe.architecture}")
            if input_size % INPUT_SIZE:
                raise WrongUseError(f"--input-size is {input_size}: expected a multiple of {INPUT_SIZE}")
            recipe = replace(recipe, model={**recipe.model, "input_size": input_size})
        try:
            _check(recipe, "the command line")
        except DataError as error:
            raise WrongUseError(str(error)) from error
        return recipe

    def as_dict(self) -> dict[str, Any]:
        """As plain tables, for TOML and JSON."""
        table = asdict(self)
        if self.stages:
            table["fit"] = {key: value for key, value in table["fit"].items() if key not in _STAGE_KEYS}
        return table


def recipe_names() -> list[str]:
    """Names of the recipes that ship with mien."""
    folder = resources.files("train") / "recipes"
    return sorted(Path(p.name).stem for p in folder.iterdir() if p.name.endswith(".toml"))


def load_recipe(name_or_path: str | Path) -> Recipe:
    """Read a shipped recipe by its name, or any recipe by its path.

    Raises:
        WrongUseError: no such recipe.
        DataError: the file is not a recipe.
    """
    path = Path(name_or_path)
    if isinstance(name_or_path, str) and path.suffix != ".toml":
        if name_or_path not in recipe_names():
            raise WrongUseError(f"no recipe {name_or_path!r}: expected one of {', '.join(recipe_names())}")
        text = (resources.files("train") / "recipes" / f"{name_or_path}.toml").read_text("utf-8")
    else:
        try:
            text = path.read_text("utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise DataError(f"cannot read the recipe {path}: {error}") from error
    try:
        return parse_recipe(tomllib.loads(text), str(name_or_path))
    except tomllib.TOMLDecodeError as error:
        raise DataError(f"the recipe {name_or_path} is not TOML: {error}") from error


def parse_recipe(table: dict[str, Any], where: str) -> Recipe:
    """A recipe from the tables of a TOML file that is named `where`.

    Raises:
        DataError: a key is unknown or missing, or a value is of the wrong kind.
    """
    # A run folder's recipe.toml names its data too: it is a recipe all the same.
    table = {key: value for key, value in table.items() if key != "data"}
    _check_effects(table, where)
    for key, kind in (("augment", Augment), ("fit", Fit)):
        if key in table:
            table[key] = _fill(kind, table[key], f"{where}, [{key}]")
    if "stages" in table:
        stages = table["stages"]
        if not isinstance(stages, (list, tuple)):
            raise DataError(f"stages in {where} is {stages!r}: expected tables, each headed [[stages]]")
        table["stages"] = tuple(_fill(Stage, stage, f"{where}, [[stages]]") for stage in stages)
    recipe: Recipe = _fill(Recipe, table, where)
    _check(recipe, where)
    return recipe


def _fill(kind: Any, table: Any, where: str) -> Any:
    if not isinstance(table, dict):
        raise DataError(f"{where} is {table!r}: expected a table")
    known = {f.name: f for f in fields(kind)}
    for key, value in table.items():
        if key not in known:
            near = difflib.get_close_matches(key, known, 1)
            hint = f": did you mean {near[0]!r}?" if near else f": expected one of {', '.join(known)}"
            raise DataError(f"unknown key {key!r} in {where}{hint}")
        if known[key].type == "str" and not isinstance(value, str):
            raise DataError(f"{key} in {where} is {value!r}: expected a string")
        default = known[key].default
        numeric = isinstance(default, float) and isinstance(value, int) and not isinstance(value, bool)
        if isinstance(default, (bool, int, float, str)) and not numeric and type(value) is not type(default):
            raise DataError(f"{key} in {where} is {value!r}: expected {type(default).__name__}")
    for key, known_field in known.items():
        if known_field.default is MISSING and known_field.default_factory is MISSING and key not in table:
            raise DataError(f"{where} lacks {key}")
    return kind(**table)


def _check_effects(table: dict[str, Any], where: str) -> None:
    """Refuse keys that would do nothing, which a reader would think did something."""
    augment, fit = table.get("augment"), table.get("fit")
    if isinstance(augment, dict) and augment and "enabled" not in augment:
        raise DataError(f"{where}, [augment], lacks enabled: expected true or false")
    if isinstance(fit, dict) and table.get("stages"):
        idle = [key for key in _STAGE_KEYS if key in fit]
        if idle:
            raise DataError(f"{where}, [fit], has {' and '.join(idle)} beside stages: expected them in each [[stages]]")


def _check(recipe: Recipe, where: str) -> None:
    fit = recipe.fit
    for key, allowed in (("optimizer", OPTIMIZERS), ("schedule", SCHEDULES), ("precision", PRECISIONS)):
        if getattr(fit, key) not in allowed:
            raise DataError(f"{key} in {where} is {getattr(fit, key)!r}: expected one of {', '.join(allowed)}")
    if not isinstance(recipe.model, dict):
        raise DataError(f"model in {where} is {recipe.model!r}: expected a table")
    members = recipe.model.get("members")
    if recipe.architecture == ENSEMBLE and not (isinstance(members, list) and len(members) > 1):
        raise DataError(f"members in {where}, [model], is {members!r}: expected names of two recipes or more")
    for table in (fit, recipe.augment, *recipe.stages):
        for key, (low, high) in _RANGES.items():
            value = getattr(table, key, low)
            if not low <= value <= high:
                raise DataError(f"{key} in {where} is {value}: expected {low} to {high}")
