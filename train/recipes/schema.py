"""The schema of a recipe: everything that determines a training run except the data, as plain TOML.

pydantic validates the types and ranges below. A recipe is a frozen dataclass: two recipes with the same values are
equal, and `dataclasses.replace` makes a changed copy.
"""

from __future__ import annotations

import logging
from dataclasses import asdict, dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

from edge.errors import DataError, MissingExtraError, WrongUseError, first_line
from edge.system.regular_files import read_regular
from edge.system.toml_text import parse_toml
from train.recipes.catalog import DEFAULT_EPOCHS, ENSEMBLE, read_shipped_recipe

try:
    from pydantic import ConfigDict, Field, TypeAdapter, ValidationError

    from train.recipes.validation import describe
except ImportError as error:
    raise MissingExtraError("train", error.name or "pydantic") from error

log = logging.getLogger(__name__)

Optimizer = Literal["adam", "sgd"]
Schedule = Literal["constant", "cosine", "plateau"]
Precision = Literal["auto", "float32", "mixed_bfloat16", "mixed_float16"]
PRECISIONS: tuple[str, ...] = get_args(Precision)
#: Values of `weights`: the weights that Keras publishes, and random ones.
IMAGENET, NO_WEIGHTS = "imagenet", "none"
#: Keys of `[fit]` that belong to each stage where a recipe has stages.
_STAGE_KEYS = ("epochs", "learning_rate")
#: Of a recipe's file: many times what all keys need.
_MAX_BYTES = 1 << 20
#: Keys of `[fit]` under their former names.
_RENAMED = {"balance": "logit_adjustment"}

Flag = Annotated[bool, Field(strict=True)]
Share = Annotated[float, Field(strict=True, ge=0, le=1)]
Epochs = Annotated[int, Field(strict=True, ge=1, le=100_000)]
Rate = Annotated[float, Field(strict=True, ge=1e-12, le=1e3)]
_CONFIG = ConfigDict(extra="forbid", allow_inf_nan=False)


@dataclass(frozen=True)
class Augment:
    """Random changes to each Training face, drawn again in each epoch.

    Attributes:
        enabled: whether any of the changes is applied.
        flip: mirror left and right, with probability 0.5.
        rotation_deg: rotate by up to this many degrees in either direction.
        zoom: scale up or down by up to this share.
        shift: translate by up to this share of the width and height.
        brightness: add up to this share of the full range.
        contrast: scale the contrast up or down by up to this share.
        blur: smooth with a Gaussian of up to this standard deviation, in pixels.
        noise: add Gaussian noise of up to this standard deviation, as a share of the full range.
        gamma: raise the pixels, as shares of the full range, to a power between 1 / (1 + gamma) and 1 + gamma: darker
            or brighter in the middle, without clipping.
        equalize: share of the faces whose histogram is equalized, as if they stood in even light.
        low_resolution: share of the faces that are scaled down, to 20 pixels at the least, and up again.
        occlusion: share of the faces that wear drawn sunglasses or a drawn mask, each half of the time.
        glare: share of the faces on which a round light shines, from within the picture or beside it.
        compression: share of the faces that are compressed as JPEG, at a quality of 15 to 90.
        erasing: share of the faces of which a random rectangle is painted gray (Zhong et al., 2017).
        mixup: alpha of the Beta distribution by which each face and its target are blended with another's of the
            batch (Zhang et al., 2017); 0 turns it off.
    """

    __pydantic_config__ = _CONFIG

    enabled: Flag = False
    flip: Flag = True
    rotation_deg: Annotated[float, Field(strict=True, ge=0, le=180)] = 10.0
    zoom: Annotated[float, Field(strict=True, ge=0, le=0.9)] = 0.1
    shift: Share = 0.1
    brightness: Share = 0.0
    contrast: Share = 0.0
    blur: Annotated[float, Field(strict=True, ge=0, le=10)] = 0.0
    noise: Share = 0.0
    gamma: Annotated[float, Field(strict=True, ge=0, le=9)] = 0.0
    equalize: Share = 0.0
    low_resolution: Share = 0.0
    occlusion: Share = 0.0
    glare: Share = 0.0
    compression: Share = 0.0
    erasing: Share = 0.0
    mixup: Annotated[float, Field(strict=True, ge=0, le=100)] = 0.0


@dataclass(frozen=True)
class Fit:
    """How the network is optimized.

    Attributes:
        epochs: passes over the Training split.
        batch_size: faces in each batch.
        optimizer: `adam`, or `sgd` with Nesterov momentum 0.9.
        learning_rate: the learning rate at its peak.
        schedule: `constant`; `cosine` down to zero after a linear warm-up; or `plateau`: multiplied by
            `plateau_factor` after `plateau_patience` epochs without a lower PublicTest loss.
        warmup_epochs: length of the cosine schedule's warm-up.
        plateau_patience, plateau_factor: see `schedule`.
        weight_decay: decoupled weight decay (Loshchilov & Hutter, 2019), on kernels only; with SGD's momentum of 0.9,
            ten times the value of frameworks that add it to the gradient has the same effect.
        label_smoothing: share of each target that is spread over all classes.
        soft_labels: share of each Training face's target that FER+'s votes determine, as FER-2013 labels
            (`train.data.soft_labels`); 0 needs no votes.
        teacher_share: share of each Training face's target that the teachers determine
            (`train.training.distillation`); 0 needs no teachers.
        ema: momentum of the exponential moving average of the weights that is evaluated and saved, with
            batch-normalization statistics of its own; 0 turns it off.
        logit_adjustment: how far the last layer's biases are shifted after training towards predictions that are as
            frequent on Training as the labels (`train.training.logit_adjustment`); 0 turns it off, 1 goes all the way.
            Its former name, `balance`, is still accepted.
        class_weights: whether the loss of a face is weighted by the inverse frequency of its class in Training
            (scikit-learn's `balanced`: faces / (classes x faces of the class)).
        patience: stop after this many epochs without a better PublicTest accuracy; 0 never stops early.
        precision: `auto` chooses what the device has in hardware; the others are Keras dtype policies.
        seed: determines the initial weights, the order of the faces and the augmentation.
    """

    __pydantic_config__ = _CONFIG

    epochs: Epochs = DEFAULT_EPOCHS
    batch_size: Annotated[int, Field(strict=True, ge=1, le=100_000)] = 128
    optimizer: Optimizer = "adam"
    learning_rate: Rate = 1e-3
    schedule: Schedule = "constant"
    warmup_epochs: Annotated[float, Field(strict=True, ge=0, le=100_000)] = 0.0
    plateau_patience: Annotated[int, Field(strict=True, ge=1, le=100_000)] = 3
    plateau_factor: Annotated[float, Field(strict=True, ge=1e-6, le=0.999)] = 0.5
    weight_decay: Annotated[float, Field(strict=True, ge=0, le=1e3)] = 0.0
    label_smoothing: Share = 0.0
    soft_labels: Share = 0.0
    teacher_share: Share = 0.0
    ema: Share = 0.0
    logit_adjustment: Share = 0.0
    class_weights: Flag = False
    patience: Annotated[int, Field(strict=True, ge=0, le=100_000)] = 0
    precision: Precision = "auto"
    seed: Annotated[int, Field(strict=True, ge=0, le=2**31)] = 0


@dataclass(frozen=True)
class Stage:
    """One stage of a run: which layers it trains, for how long and how fast.

    The next stage continues from the best epoch so far.

    Attributes:
        name: what the history and the charts call the stage.
        train: `all` layers; only the `head` above the pretrained backbone; or the backbone from the layer of this
            name upwards.
        epochs: passes over the Training split.
        learning_rate: the learning rate at its peak.
        batch_norm: whether the backbone's batch normalization is trained; if not, it keeps its pretrained parameters
            and statistics.
    """

    __pydantic_config__ = _CONFIG

    name: str
    train: str = "all"
    epochs: Epochs = DEFAULT_EPOCHS
    learning_rate: Rate = 1e-3
    batch_norm: Flag = False


@dataclass(frozen=True)
class Recipe:
    """One way to train one architecture.

    Attributes:
        name: the recipe's name.
        architecture: a name in `train.models.architectures`, `ensemble`, or `module:function`.
        description: one line for `mien train list`.
        weights: how the backbone is initialized: `imagenet`, `none` (random), or the path of a weights file.
        model: keyword arguments of the architecture's `build`.
        augment: random changes to the Training faces.
        fit: how the network is optimized.
        stages: the stages of the run in order; empty for a single one that trains all layers as in `[fit]`.
    """

    __pydantic_config__ = _CONFIG

    name: str
    architecture: str
    description: str = ""
    weights: str = NO_WEIGHTS
    model: dict[str, Any] = field(default_factory=dict)
    augment: Augment = field(default_factory=Augment)
    fit: Fit = field(default_factory=Fit)
    stages: tuple[Stage, ...] = ()

    def plan(self) -> tuple[Stage, ...]:
        """The stages as they are run. With random weights no stage freezes the backbone: there is nothing to keep.

        Raises:
            WrongUseError: every stage would train on a frozen random backbone.
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
        """This recipe with the values that a command line or a caller gave.

        Args:
            fit: values of `[fit]` by key; None leaves a value unchanged, here and below. With stages, `epochs` is
                set in each of them.
            augment: turns the augmentation on or off.
            weights: how the backbone is initialized; a path is made absolute, as a run may be resumed from elsewhere.
            input_size: height and width in pixels to which the network enlarges a face; not every architecture
                does (`train.models.check_input_size`).

        Raises:
            WrongUseError: a value is out of range, or the recipe cannot be changed in that way.
        """
        changed = {key: value for key, value in (fit or {}).items() if value is not None}
        stages = self.stages
        if stages and "learning_rate" in changed:
            raise WrongUseError(f"{self.name} has stages, each with its learning_rate: copy the recipe and change them")
        if stages and "epochs" in changed:
            epochs = changed.pop("epochs")
            stages = tuple(replace(stage, epochs=epochs) for stage in stages)
        weights = self.weights if weights is None else weights
        if weights not in (IMAGENET, NO_WEIGHTS):
            weights = str(Path(weights).absolute())
        table = asdict(replace(self, weights=weights, stages=stages))
        table["fit"] |= changed
        if augment is not None:
            table["augment"]["enabled"] = augment
        if input_size is not None:
            table["model"]["input_size"] = input_size
        try:
            return _validated(table, "the command line")
        except DataError as error:
            raise WrongUseError(str(error)) from error

    def as_dict(self) -> dict[str, Any]:
        """The recipe as plain tables, for TOML and JSON; `parse_recipe` reads them back."""
        table = asdict(self)
        if self.stages:
            table["fit"] = {key: value for key, value in table["fit"].items() if key not in _STAGE_KEYS}
        return table


def load_recipe(name_or_path: str | Path) -> Recipe:
    """Read a shipped recipe by its name, or any recipe by its path.

    Args:
        name_or_path: a name of `recipe_names`, or the path of a TOML file; a string is a path if it ends in `.toml`.

    Raises:
        WrongUseError: there is no such recipe.
        DataError: the file is not a valid recipe.
    """
    path = Path(name_or_path)
    if isinstance(name_or_path, str) and path.suffix != ".toml":
        text = read_shipped_recipe(name_or_path)
    else:
        try:
            text = read_regular(path, _MAX_BYTES).decode("utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise DataError(f"cannot read the recipe {path}: {getattr(error, 'strerror', None) or error}") from error
    try:
        return parse_recipe(parse_toml(text), str(name_or_path))
    except (ValueError, RecursionError) as error:
        # Not only TOML's own error: numbers of thousands of digits, and thousands of nested brackets.
        raise DataError(f"the recipe {name_or_path} is not TOML: {first_line(error)}") from error


def parse_recipe(table: dict[str, Any], where: str) -> Recipe:
    """Validate the tables of a TOML file as a recipe.

    A run folder's `recipe.toml` has a table `[data]` beside the recipe; it is ignored here.

    Args:
        table: what `parse_toml` read.
        where: the file's name, for messages.

    Raises:
        DataError: a key is unknown or missing, or a value has the wrong type or is out of range.
    """
    table = {key: value for key, value in table.items() if key != "data"}
    if isinstance(table.get("fit"), dict):
        table["fit"] = _with_current_names(table["fit"], where)
    _reject_keys_without_effect(table, where)
    return _validated(table, where)


def _validated(table: dict[str, Any], where: str) -> Recipe:
    try:
        recipe = _adapter().validate_python(table)
    except ValidationError as error:
        sections = {"": Recipe, "augment": Augment, "fit": Fit, "stages": Stage}
        raise DataError(describe(error, where, sections)) from error
    members = recipe.model.get("members")
    if recipe.architecture == ENSEMBLE and not (isinstance(members, list) and len(members) > 1):
        raise DataError(f"members in {where}, [model], is {members!r}: expected names of two recipes or more")
    return recipe


@cache
def _adapter() -> TypeAdapter[Recipe]:
    return TypeAdapter(Recipe)


def _with_current_names(fit: dict[str, Any], where: str) -> dict[str, Any]:
    for old, new in _RENAMED.items():
        if old in fit and new in fit:
            raise DataError(f"{where}, [fit], has {old} and {new}, which are the same: expected {new} alone")
        if old in fit:
            log.warning("%s, [fit]: the key %r is deprecated, use %r", where, old, new)
    return {_RENAMED.get(key, key): value for key, value in fit.items()}


def _reject_keys_without_effect(table: dict[str, Any], where: str) -> None:
    """Reject keys that would silently have no effect."""
    augment, fit = table.get("augment"), table.get("fit")
    if isinstance(augment, dict) and augment and "enabled" not in augment:
        raise DataError(f"{where}, [augment], lacks enabled: expected true or false")
    if isinstance(fit, dict) and table.get("stages"):
        ignored = [key for key in _STAGE_KEYS if key in fit]
        if ignored:
            raise DataError(
                f"{where}, [fit], has {' and '.join(ignored)} beside stages: expected them in each [[stages]]"
            )
