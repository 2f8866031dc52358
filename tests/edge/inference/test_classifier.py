import cv2
import numpy as np
import pytest

from edge.detection import crop_face
from edge.detection.weights import read_weights
from edge.errors import ModelError
from edge.inference.classifier import Classifier
from edge.inference.contract import FER2013_LABELS, dequantize
from edge.inference.litert import load_interpreter
from edge.inference.model_card import ModelCard, read_model, write_model
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


def test_the_portrait_is_happy(shipped):
    image = cv2.imread(str(PORTRAIT))
    scores = shipped.scores(crop_face(image, (130, 75, 110, 110), shipped.card.crop_margin))
    assert shipped.labels[scores.argmax()] == "happy"


def test_the_same_face_gives_the_same_scores_with_more_threads(shipped):
    face = np.random.default_rng(0).integers(0, 256, (48, 48)).astype(np.uint8)
    assert (Classifier(SHIPPED, threads=4).scores(face) == shipped.scores(face)).all()


def test_models_that_do_not_conform_to_the_contract_are_rejected(tmp_path, weights):
    """BlazeFace is a real .tflite with a float input of another size and two outputs."""
    path = tmp_path / "other.tflite"
    graph = read_weights("blazeface")
    write_model(path, graph, ModelCard(name="x", labels=FER2013_LABELS))
    with pytest.raises(ModelError, match="1 inputs and 2 outputs: expected one of each"):
        Classifier(path)
    shipped = read_model(SHIPPED).graph
    write_model(path, shipped, ModelCard(name="x", labels=FER2013_LABELS, input_shape=(1, 64, 64, 1)))
    with pytest.raises(ModelError, match="its card states"):
        Classifier(path)
    write_model(path, shipped, ModelCard(name="x", labels=FER2013_LABELS[:5]))
    with pytest.raises(ModelError, match=r"expected \[1, 5\], one score for each label in its card"):
        Classifier(path)


def test_a_truncated_flatbuffer_is_rejected_without_a_crash(tmp_path):
    graph = read_model(SHIPPED).graph
    for n in range(8, len(graph), len(graph) // 25):
        with pytest.raises(ModelError, match="cannot run cut"):
            load_interpreter(graph[:n], 1, "cut")


def test_a_foreign_card_maps_the_pixels(tmp_path):
    """The shipped graph, used as a foreign model with the input range 0..255, gives the same scores."""
    path = tmp_path / "f.tflite"
    write_model(path, read_model(SHIPPED).graph, ModelCard(name="x", labels=FER2013_LABELS, input_range=(0, 255)))
    face = np.random.default_rng(1).integers(0, 256, (48, 48)).astype(np.uint8)
    assert (Classifier(path).scores(face) == Classifier(SHIPPED).scores(face)).all()


def test_foreign_models_resize_with_their_own_interpolation(tmp_path):
    """Crops may have the size of the input only if the card asks for no other interpolation."""
    graph, path = read_model(SHIPPED).graph, tmp_path / "f.tflite"
    assert Classifier(SHIPPED).size == 48
    for resize, size in (("linear", None), ("contract", 48)):
        card = ModelCard(name="x", labels=FER2013_LABELS, input_range=(0, 255), resize=resize)
        write_model(path, graph, card)
        assert Classifier(path).size == size


def test_scores_are_the_dequantized_codes_and_are_not_overwritten(shipped):
    random = np.random.default_rng(5)
    faces = random.integers(0, 256, (20, 48, 48)).astype(np.uint8)
    scores = [shipped.scores(face) for face in faces]
    interpreter = load_interpreter(read_model(SHIPPED).graph, 1, "shipped")
    ends = interpreter.get_input_details()[0], interpreter.get_output_details()[0]
    for face, ours in zip(faces, scores, strict=True):
        interpreter.set_tensor(ends[0]["index"], face.reshape(1, 48, 48, 1))
        interpreter.invoke()
        codes = interpreter.get_tensor(ends[1]["index"])[0]
        assert (ours == dequantize(codes, *ends[1]["quantization"])).all()
