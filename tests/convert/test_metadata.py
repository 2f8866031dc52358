"""The metadata table, read by the code that MediaPipe generated from its own schema."""

import importlib.util
import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from convert.metadata import METADATA_NAME, with_metadata
from edge.inference.flatbuffer import Graph
from edge.inference.litert import load_interpreter
from edge.inference.model_card import read_model
from tests.conftest import SHIPPED


@pytest.fixture(scope="session")
def mediapipe_schema():
    named = os.environ.get("MIEN_MEDIAPIPE")
    if not named:
        pytest.skip("MIEN_MEDIAPIPE names no folder: pip download --no-deps mediapipe, unzip it there")
    path = Path(named) / "mediapipe" / "tasks" / "metadata" / "metadata_schema_py_generated.py"
    spec = importlib.util.spec_from_file_location("metadata_schema", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def table_of(content):
    graph = Graph(content, "x")
    entries = [entry for entry in graph.model.metadata if entry.name == METADATA_NAME.encode()]
    assert len(entries) == 1
    return bytes(bytearray(graph.model.buffers[entries[0].buffer].data))


def test_mediapipe_reads_name_normalisation_and_labels(mediapipe_schema, quantized):
    model = read_model(quantized)
    table = table_of(model.graph)
    schema = mediapipe_schema
    assert schema.ModelMetadata.ModelMetadataBufferHasIdentifier(table, 0)
    found = schema.ModelMetadataT.InitFromObj(schema.ModelMetadata.GetRootAs(table, 0))
    assert found.name == b"cnn"
    assert found.version == b"1"
    assert found.minParserVersion == b"1.0.0"
    assert b"not a feeling" in found.description
    pixels, scores = found.subgraphMetadata[0].inputTensorMetadata[0], found.subgraphMetadata[0].outputTensorMetadata[0]
    image = pixels.content.contentProperties
    assert image.colorSpace == schema.ColorSpaceType.GRAYSCALE
    assert (image.defaultSize.width, image.defaultSize.height) == (48, 48)
    assert (pixels.stats.min, pixels.stats.max) == ([0.0], [255.0])
    options = pixels.processUnits[0].options
    assert (options.mean, options.std) == ([0.0], [1.0])
    labels = scores.associatedFiles[0]
    assert (labels.name, labels.type) == (b"labels.txt", schema.AssociatedFileType.TENSOR_AXIS_LABELS)
    assert (scores.stats.min, scores.stats.max) == ([0.0], [1.0])


def test_another_range_is_stated_as_mean_and_deviation(mediapipe_schema):
    model = read_model(SHIPPED)
    content = with_metadata(model.graph, replace(model.card, input_range=(-1.0, 1.0), input_shape=(1, 64, 96, 3)))
    schema = mediapipe_schema
    found = schema.ModelMetadataT.InitFromObj(schema.ModelMetadata.GetRootAs(table_of(content), 0))
    pixels = found.subgraphMetadata[0].inputTensorMetadata[0]
    options = pixels.processUnits[0].options
    assert (options.mean, options.std) == ([127.5], [127.5])
    assert pixels.content.contentProperties.colorSpace == schema.ColorSpaceType.RGB
    size = pixels.content.contentProperties.defaultSize
    assert (size.width, size.height) == (96, 64)


def test_the_network_is_as_it_was_and_a_second_table_replaces_the_first():
    model = read_model(SHIPPED)
    once = with_metadata(model.graph, model.card)
    twice = with_metadata(once, replace(model.card, name="other"))
    assert b"other" in table_of(twice)
    pixels = np.random.default_rng(0).integers(0, 256, (1, 48, 48, 1)).astype(np.uint8)
    answers = []
    for content in (model.graph, once, twice):
        interpreter = load_interpreter(content, 1, "x")
        interpreter.set_tensor(interpreter.get_input_details()[0]["index"], pixels)
        interpreter.invoke()
        answers.append(interpreter.get_tensor(interpreter.get_output_details()[0]["index"]))
    assert np.array_equal(answers[0], answers[1])
    assert np.array_equal(answers[0], answers[2])
