"""The model card: the description of a model, inside its own .tflite.

`labels.txt` and `model_card.json` are appended to the flatbuffer as a zip archive, as TFLite Metadata does with
associated files: any interpreter can still load the file, and `unzip -p FILE model_card.json` prints the card. The
card contains the SHA-256 of the flatbuffer, so that a damaged file is detected before an interpreter reads it.
"""

from __future__ import annotations

import io
import json
import lzma
import struct
import zipfile
import zlib
from dataclasses import asdict, dataclass, field, fields
from hashlib import sha256
from pathlib import Path
from typing import Any

from edge.errors import CardError, ModelError, shown
from edge.inference.contract import RESIZES
from edge.inference.score_calibration import ScoreCalibration
from edge.system.atomic_files import replacing
from edge.system.regular_files import read_regular

#: The errors that zipfile raises for bytes that are not a zip archive, or a damaged one.
_ZIP_ERRORS = (
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
    struct.error,
    ValueError,
    EOFError,
    OSError,
    NotImplementedError,
    RuntimeError,
)
_MAX_FILE_BYTES, _MAX_CARD_BYTES = 500_000_000, 1_000_000
#: Of the ends of an input range. It also excludes what is no number, and integers that no float can hold.
_LARGEST = 1e9
#: Of the shifts of a logit adjustment: a class of one face in a million is shifted by 14.
_LARGEST_SHIFT = 30
_MAX_LABELS, _MAX_LABEL_LENGTH, _MAX_SIDE = 1000, 100, 4096
CARD_NAME, LABELS_NAME = "model_card.json", "labels.txt"
INTENDED_USE = (
    "Naming the facial expression on faces of adults seen from the front, on the device, for people who know "
    "that they are being read. Not for decisions about a person, and not at work or in education, where "
    "inferring emotions is prohibited in the EU (AI Act, Article 5(1)(f))."
)
LIMITS = (
    "An expression is not a feeling. FER-2013's labels are noisy (people agree with them about 65 %), its "
    "faces were collected from the web without consent and are not balanced, and the classes are recognized "
    "unequally well: see the recalls."
)


@dataclass(frozen=True)
class ModelCard:
    """The description of a model. Rates are 0..1.

    Attributes:
        name: name of the model without its scheme, such as `mien-small`.
        labels: class names in the order of the outputs.
        version: incremented whenever the weights change.
        scheme: quantization scheme, one of `float32 float16 dynamic int8 int16x8`.
        architecture: name of the architecture in the training recipe.
        input_shape: `[1, H, W, C]`.
        crop_margin: how much wider than the detector's box the square crop is, as a fraction of the box.
        training_data: name and SHA-256 of the data set.
        keep_float: layers that stay in float although the scheme is an integer one.
        calibration: split, number of samples, seed and the SHA-256 of the row numbers of the representative data set;
            of int8 also the quantizer, and how the ranges of the activations were estimated.
        seed: random seed of the training run.
        measured: split, number of faces, and the scores before and after quantization, with agreement.
        intended_use, limits, licence: plain text.
        source_commit: commit of the code that trained or converted the model.
        graph_sha256: SHA-256 of the flatbuffer without the card.
        input_range: `[low, high]` that pixels 0..255 are mapped to; None for the contract's uint8 input.
        resize: OpenCV interpolation that a foreign model was trained with: `area`, `linear` or `nearest`; or
            `contract` for that of mien's own models.
        score_adjustment: what was folded into the last layer after training: the temperature and the logit
            adjustment, with its shift for each label; empty if nothing was.
        score_calibration: the matrix for `edge.inference.ScoreCalibration`, what it was fitted on, and the shifts of
            a room; empty if there is none.
    """

    name: str
    labels: tuple[str, ...]
    version: int = 1
    scheme: str = "float32"
    architecture: str = ""
    input_shape: tuple[int, ...] = (1, 48, 48, 1)
    crop_margin: float = 0.0
    training_data: dict[str, Any] = field(default_factory=dict)
    keep_float: tuple[str, ...] = ()
    calibration: dict[str, Any] = field(default_factory=dict)
    seed: int | None = None
    measured: dict[str, Any] = field(default_factory=dict)
    intended_use: str = INTENDED_USE
    limits: str = LIMITS
    licence: str = ""
    source_commit: str = ""
    graph_sha256: str = ""
    input_range: tuple[float, float] | None = None
    resize: str = "area"
    score_adjustment: dict[str, Any] = field(default_factory=dict)
    score_calibration: dict[str, Any] = field(default_factory=dict)

    @property
    def identity(self) -> str:
        """The model's name, scheme and version as in events, such as `mien-small-int8@1`."""
        return f"{self.name}-{self.scheme}@{self.version}"


@dataclass(frozen=True)
class ModelFile:
    """A model read from disk.

    Attributes:
        path: the file.
        graph: the flatbuffer without the card.
        card: the card inside the file, or from the JSON file beside it.
    """

    path: Path
    graph: bytes
    card: ModelCard


def read_model(path: Path) -> ModelFile:
    """Read a .tflite and its card: the one inside, or for foreign models `<stem>.json` beside it.

    Raises:
        ModelError: the file is missing or is not a .tflite.
        CardError: there is no card, or it does not match the file.
    """
    graph, card = read_parts(path)
    if card is None:
        raise CardError(
            f"{path} has no model card: it is truncated or a foreign model; for a foreign model, write "
            f"{path.stem}.json beside it with at least "
            '{"name": ..., "labels": [...], "input_shape": [1, H, W, C], "input_range": [0, 1]}'
        )
    return ModelFile(path, graph, card)


def read_parts(path: Path) -> tuple[bytes, ModelCard | None]:
    """Return the flatbuffer of any .tflite, and its card if it has one.

    Raises:
        ModelError: the file is missing or is not a .tflite.
        CardError: the card is not valid or does not match the file.
    """
    try:
        content = read_regular(path, _MAX_FILE_BYTES)
    except (OSError, ValueError) as error:
        # A path with a NUL in it is a ValueError.
        raise ModelError(f"cannot read the model {path}: {getattr(error, 'strerror', None) or error}") from error
    # "TFL3" is the file identifier that TensorFlow's schema.fbs declares.
    if content[4:8] != b"TFL3":
        raise ModelError(f"{path} is not a .tflite: expected a TensorFlow Lite flatbuffer")
    inside = _split(path, content)
    if inside is not None:
        graph, text = inside
        card = _parse(text, f"the card in {path}")
        if card.graph_sha256 != sha256(graph).hexdigest():
            raise CardError(
                f"{path} is damaged: the SHA-256 of its flatbuffer differs from that in its card; fetch it again"
            )
        return graph, card
    side = path.with_suffix(".json")
    if not side.exists():
        return content, None
    try:
        text = read_regular(side, _MAX_CARD_BYTES).decode("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise CardError(f"cannot read {side}: {getattr(error, 'strerror', None) or error}") from error
    return content, _parse(text, str(side))


def write_model(path: Path, graph: bytes, card: ModelCard) -> ModelCard:
    """Write a flatbuffer with its card appended, atomically; the same input gives the same bytes.

    Args:
        path: the .tflite to write.
        graph: the flatbuffer, without a card.
        card: the card; its `graph_sha256` is filled in.

    Returns:
        The card as written.
    """
    table = {**asdict(card), "graph_sha256": sha256(graph).hexdigest()}
    text = json.dumps(table, indent=2) + "\n"
    buffer = io.BytesIO(graph)
    with zipfile.ZipFile(buffer, "a", zipfile.ZIP_STORED) as archive:
        for name, body in ((LABELS_NAME, "".join(f"{label}\n" for label in card.labels)), (CARD_NAME, text)):
            archive.writestr(zipfile.ZipInfo(name), body)
    with replacing(path) as temporary:
        temporary.write_bytes(buffer.getvalue())
    return _parse(text, f"the card of {path}")


def _split(path: Path, content: bytes) -> tuple[bytes, str] | None:
    """Return the flatbuffer and the text of the card; None if no zip archive is appended.

    Raises:
        CardError: the card is too large.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            if CARD_NAME not in archive.namelist():
                return None
            start = min(entry.header_offset for entry in archive.infolist())
            with archive.open(CARD_NAME) as stream:
                # Never more, whatever size the archive claims.
                text = stream.read(_MAX_CARD_BYTES + 1)
            if len(text) <= _MAX_CARD_BYTES:
                return content[:start], text.decode("utf-8")
    except _ZIP_ERRORS:
        return None
    raise CardError(f"the card in {path} has more than {_MAX_CARD_BYTES} bytes: it is not one of mien's")


def _parse(text: str, where: str) -> ModelCard:
    try:
        table = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise CardError(f"{where} is not valid JSON: {error}") from error
    if not isinstance(table, dict):
        raise CardError(f"{where} is not a JSON object: expected at least name and labels")
    known = {f.name for f in fields(ModelCard)}
    values: dict[str, Any] = {key: tuple(v) if isinstance(v, list) else v for key, v in table.items() if key in known}
    labels, shape = values.get("labels"), values.get("input_shape", ())
    if not str(values.get("name") or "\n").isprintable() or not isinstance(labels, tuple) or len(labels) < 2:
        raise CardError(f"{where} lacks a name or labels: expected a string and a list of two or more strings")
    if not all(isinstance(label, str) for label in labels) or len(set(labels)) != len(labels):
        raise CardError(f"{where} has labels {shown(list(labels))}: expected strings, each only once")
    # They reach terminals, metrics and tables.
    are_names = all(label.isprintable() and 0 < len(label) <= _MAX_LABEL_LENGTH for label in labels)
    if len(labels) > _MAX_LABELS or not are_names:
        raise CardError(
            f"{where} has labels that are not names: expected at most {_MAX_LABELS}, of 1 to {_MAX_LABEL_LENGTH} "
            "printable characters each"
        )
    if "input_shape" in values and not (
        isinstance(shape, tuple) and len(shape) == 4 and all(isinstance(n, int) and 0 < n <= _MAX_SIDE for n in shape)
    ):
        raise CardError(f"{where} has input_shape {shown(table['input_shape'])}: expected [1, H, W, C]")
    value_range = values.get("input_range")
    if value_range is not None and (
        not isinstance(value_range, tuple)
        or len(value_range) != 2
        or not all(isinstance(v, (int, float)) and abs(v) <= _LARGEST for v in value_range)
    ):
        raise CardError(f"{where} has input_range {shown(value_range)}: expected [low, high]")
    margin = values.get("crop_margin", 0.0)
    if not isinstance(margin, (int, float)) or not -0.5 <= margin <= 2:
        raise CardError(f"{where} has crop_margin {shown(margin)}: expected a fraction from -0.5 to 2")
    if value_range is not None and not value_range[0] < value_range[1]:
        raise CardError(f"{where} has input_range {shown(list(value_range))}: expected the low end first")
    if not isinstance(values.get("resize", "area"), str) or values.get("resize", "area") not in RESIZES:
        raise CardError(f"{where} has resize {shown(values['resize'])}: expected one of {', '.join(RESIZES)}")
    for key in ("name", "licence", "scheme", "architecture", "intended_use", "limits", "source_commit"):
        if not isinstance(values.get(key, ""), str):
            raise CardError(f"{where} has {key} {shown(values[key])}: expected a string")
    for key in ("training_data", "calibration", "measured", "score_adjustment", "score_calibration"):
        if not isinstance(values.get(key, {}), dict):
            raise CardError(f"{where} has {key} {shown(values[key])}: expected an object")
    ScoreCalibration.from_card(values.get("score_calibration", {}), labels, where)
    shifts = values.get("score_adjustment", {}).get("shifts", {})
    if not isinstance(shifts, dict) or not all(
        label in labels and isinstance(shift, (int, float)) and abs(shift) <= _LARGEST_SHIFT
        for label, shift in shifts.items()
    ):
        raise CardError(
            f"{where} has score_adjustment.shifts {shown(shifts)}: expected an object from the model's labels to "
            f"numbers from -{_LARGEST_SHIFT} to {_LARGEST_SHIFT}"
        )
    # They are part of the identity, which reaches terminals, metrics and tables too.
    for key in ("name", "scheme"):
        text = values.get(key, "")
        if not text.isprintable() or len(text) > _MAX_LABEL_LENGTH:
            raise CardError(
                f"{where} has {key} {text[:_MAX_LABEL_LENGTH]!r}: expected at most {_MAX_LABEL_LENGTH} printable "
                "characters"
            )
    float_layers = values.get("keep_float", ())
    if not isinstance(float_layers, tuple) or not all(isinstance(layer, str) for layer in float_layers):
        raise CardError(f"{where} has keep_float {shown(float_layers)}: expected a list of layer names")
    if not isinstance(values.get("version", 1), int):
        raise CardError(f"{where} has version {shown(values['version'])}: expected a whole number")
    return ModelCard(**values)
