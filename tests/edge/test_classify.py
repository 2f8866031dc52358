import cv2
import numpy as np
import pytest

from edge.card import ModelCard, read_model, write_model
from edge.classify import Classifier
from edge.contract import FER2013_LABELS
from edge.crop import crop_face
from edge.errors import ModelError
from edge.litert import load_interpreter
from edge.weights import read_weights
from tests.conftest import PORTRAIT, SHIPPED


@pytest.fixture(scope="module")
def shipped():
    return Classifier(SHIPPED)


@pytest.mark.parametrize("shape", [(1, 1), (48, 48), (200, 200), (3000, 3000)])
def test_scores_are_probabilities_for_a_face_of_any_size(shipped, shape):
    scores = shipped.scores(np.full(shape, 99, np.uint8))
    assert scores.shape == (7,)
    assert scores.dtype == np.float32
    # int8 softmax has steps of 1/256.
    assert scores.sum() == pytest.approx(1, abs=0.02)
    assert scores.min() >= 0


def test_the_portrait_smiles(shipped):
    image = cv2.imread(str(PORTRAIT))
    scores = shipped.scores(crop_face(image, (130, 75, 110, 110), shipped.card.crop_margin))
    assert shipped.labels[scores.argmax()] == "happy"


def test_the_same_face_gives_the_same_scores_with_more_threads(shipped):
    face = np.random.default_rng(0).integers(0, 256, (48, 48)).astype(np.uint8)
    assert (Classifier(SHIPPED, threads=4).scores(face) == shipped.scores(face)).all()


def test_models_that_break_the_contract(tmp_path, weights):
    """BlazeFace is a real .tflite with a float input of another size and two outputs."""
    path = tmp_path / "other.tflite"
    graph = read_weights("blazeface")
    write_model(path, graph, ModelCard(name="x", labels=FER2013_LABELS))
    with pytest.raises(ModelError, match="1 inputs, 2 outputs: expected 1 and 1"):
        Classifier(path)
    shipped = read_model(SHIPPED).graph
    write_model(path, shipped, ModelCard(name="x", labels=FER2013_LABELS, input_shape=(1, 64, 64, 1)))
    with pytest.raises(ModelError, match="its card says"):
        Classifier(path)
    write_model(path, shipped, ModelCard(name="x", labels=FER2013_LABELS[:5]))
    with pytest.raises(ModelError, match="its card has 5 labels"):
        Classifier(path)


def test_a_flatbuffer_that_is_cut_is_refused_not_crashed_on(tmp_path):
    graph = read_model(SHIPPED).graph
    for n in range(8, len(graph), len(graph) // 25):
        with pytest.raises(ModelError, match="cannot run cut"):
            load_interpreter(graph[:n], 1, "cut")


def test_a_foreign_card_maps_the_pixels(tmp_path):
    """The shipped graph as a foreign one whose range is that of its own codes gives the same scores."""
    path = tmp_path / "f.tflite"
    write_model(path, read_model(SHIPPED).graph, ModelCard(name="x", labels=FER2013_LABELS, input_range=(0, 255)))
    face = np.random.default_rng(1).integers(0, 256, (48, 48)).astype(np.uint8)
    assert (Classifier(path).scores(face) == Classifier(SHIPPED).scores(face)).all()


def test_crops_are_square_and_repeat_the_edge():
    image = np.arange(100, dtype=np.uint8).reshape(10, 10)
    assert crop_face(image, (2, 3, 4, 4), 0.0).tolist() == image[3:7, 2:6].tolist()
    assert crop_face(image, (2, 2, 4, 2), 0.0).shape == (4, 4)
    assert crop_face(image, (2, 2, 4, 4), 0.5).shape == (6, 6)
    corner = crop_face(image, (-2, -2, 4, 4), 0.0)
    assert corner[0].tolist() == [0, 0, 0, 1]
    assert corner.shape == (4, 4)
    beyond = crop_face(image, (8, 8, 4, 4), 0.0)
    assert beyond[3].tolist() == [98, 99, 99, 99]
    assert crop_face(image, (50, 50, 4, 4), 0.0).tolist() == [[99] * 4] * 4
    assert crop_face(image, (-50, 4, 4, 4), 0.0).shape == (4, 4)
    assert crop_face(image, (5, 5, 0, 0), 0.0).shape == (1, 1)
    color = np.dstack([image] * 3)
    assert crop_face(color, (2, 3, 4, 4), 0.0).shape == (4, 4)
