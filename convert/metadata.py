"""TFLite Metadata: the standard table in a .tflite from which Netron and MediaPipe Tasks take names and units.

Written slot by slot after MediaPipe's metadata_schema.fbs (Apache-2.0): the only package with generated code for it
and without a framework, tflite-support, is no longer maintained. `labels.txt` itself is in the zip with the card.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import flatbuffers

from edge.inference.flatbuffer import Graph, schema
from edge.inference.model_card import LABELS_NAME, ModelCard

#: Name of the metadata buffer, and file identifier of the table in it.
METADATA_NAME, METADATA_IDENTIFIER = "TFLITE_METADATA", b"M001"
#: First version of the parser that knows all of the fields below (GetMinimumMetadataParserVersion).
MIN_PARSER_VERSION = "1.0.0"
# Values of the schema's enumerations and unions.
_TENSOR_AXIS_LABELS, _GRAYSCALE, _RGB = 2, 2, 1
_IMAGE_PROPERTIES, _FEATURE_PROPERTIES, _NORMALIZATION_OPTIONS = 2, 1, 1


def with_metadata(content: bytes, card: ModelCard) -> bytes:
    """Return the flatbuffer with the metadata table for its card; an older table is replaced.

    Args:
        content: the flatbuffer, without the labels and the card that are appended to a file.
        card: the model's card.
    """
    graph = Graph(content, card.name)
    entries = graph.model.metadata = list(graph.model.metadata or [])
    entry = next((table for table in entries if table.name == METADATA_NAME.encode()), None)
    if entry is None:
        entry = schema().MetadataT()
        entry.name, entry.buffer = METADATA_NAME, len(graph.model.buffers)
        graph.model.buffers.append(schema().BufferT())
        entries.append(entry)
    graph.model.buffers[entry.buffer].data = list(metadata_table(card))
    return graph.pack()


def metadata_table(card: ModelCard) -> bytes:
    """Return the table itself: name, description, license, normalization of the input, label file of the output."""
    _, height, width, channels = card.input_shape
    builder = flatbuffers.Builder(1024)
    size = _table(builder, (("Uint32", width), ("Uint32", height)))
    image = _table(builder, (("Int8", _GRAYSCALE if channels == 1 else _RGB), ("Offset", size)))
    low, high = card.input_range or (0.0, 255.0)
    # The real-valued input is (pixel - mean) / std.
    std = 255 / (high - low)
    values = _floats(builder, [0.0 - low * std]), _floats(builder, [std])
    normalization = _table(builder, tuple(("Offset", value) for value in values))
    unit = _table(builder, (("Uint8", _NORMALIZATION_OPTIONS), ("Offset", normalization)))
    pixels = _tensor(
        builder,
        "pixels",
        f"one {'grey' if channels == 1 else 'RGB'} face, {width}x{height}, 0..255",
        content=_table(builder, (("Uint8", _IMAGE_PROPERTIES), ("Offset", image))),
        units=[unit],
        stats=([high], [low]),
    )
    labels = _table(
        builder,
        tuple(
            ("Offset", builder.CreateString(text)) if isinstance(text, str) else ("Int8", text)
            for text in (LABELS_NAME, "the expressions, in the order of the scores", _TENSOR_AXIS_LABELS)
        ),
    )
    scores = _tensor(
        builder,
        "scores",
        "probability of each expression",
        content=_table(builder, (("Uint8", _FEATURE_PROPERTIES), ("Offset", _table(builder, ())))),
        files=[labels],
        stats=([1.0], [0.0]),
    )
    subgraph = _table(
        builder, (None, None, ("Offset", _vector(builder, [pixels])), ("Offset", _vector(builder, [scores])))
    )
    texts = [
        builder.CreateString(text)
        for text in (card.name, f"{card.intended_use} {card.limits}", str(card.version), "mien", card.licence)
    ]
    parser = builder.CreateString(MIN_PARSER_VERSION)
    subgraphs = _vector(builder, [subgraph])
    fields = (*texts[:3], subgraphs, *texts[3:], None, parser)
    root = _table(builder, tuple(None if field is None else ("Offset", field) for field in fields))
    builder.Finish(root, METADATA_IDENTIFIER)
    return bytes(builder.Output())


def _tensor(
    builder: Any,
    name: str,
    description: str,
    content: int,
    stats: tuple[list[float], list[float]],
    units: Sequence[int] = (),
    files: Sequence[int] = (),
) -> int:
    texts = builder.CreateString(name), builder.CreateString(description)
    statistics = _table(builder, tuple(("Offset", _floats(builder, values)) for values in stats))
    return _table(
        builder,
        (
            *(("Offset", text) for text in texts),
            None,
            ("Offset", content),
            ("Offset", _vector(builder, units)) if units else None,
            ("Offset", statistics),
            ("Offset", _vector(builder, files)) if files else None,
        ),
    )


def _table(builder: Any, slots: Sequence[tuple[str, int] | None]) -> int:
    """Build a flatbuffer table from one (kind, value) for each slot; None leaves a slot out."""
    builder.StartObject(len(slots))
    for slot, field in enumerate(slots):
        if field is not None:
            kind, value = field
            prepend = (
                builder.PrependUOffsetTRelativeSlot if kind == "Offset" else getattr(builder, f"Prepend{kind}Slot")
            )
            prepend(slot, value, 0)
    return int(builder.EndObject())


def _vector(builder: Any, offsets: Sequence[int]) -> int:
    builder.StartVector(4, len(offsets), 4)
    for offset in reversed(offsets):
        builder.PrependUOffsetTRelative(offset)
    return int(builder.EndVector())


def _floats(builder: Any, values: Sequence[float]) -> int:
    builder.StartVector(4, len(values), 4)
    for value in reversed(values):
        builder.PrependFloat32(value)
    return int(builder.EndVector())
