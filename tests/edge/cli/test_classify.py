import cv2
import numpy as np
import pytest

from edge.detection.alignment import align_face, crop_face, roll_deg
from edge.detection.weights import read_weights
from edge.errors import ModelError
from edge.images import downscale
from edge.inference.classifier import Classifier
from edge.inference.contract import FER2013_LABELS, dequantize
from edge.inference.litert import load_interpreter
from edge.inference.model_card import ModelCard, read_model, write_model
from edge.types import Detection
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
    with pytest.raises(ModelError, match="1 inputs and 2 outputs: expected one of each"):
        Classifier(path)
    shipped = read_model(SHIPPED).graph
    write_model(path, shipped, ModelCard(name="x", labels=FER2013_LABELS, input_shape=(1, 64, 64, 1)))
    with pytest.raises(ModelError, match="its card states"):
        Classifier(path)
    write_model(path, shipped, ModelCard(name="x", labels=FER2013_LABELS[:5]))
    with pytest.raises(ModelError, match=r"expected \[1, 5\], one score for each label in its card"):
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


def test_foreign_models_resize_their_own_way(tmp_path):
    """Only where the card asks for no other interpolation may the crop come at the input's size."""
    graph, path = read_model(SHIPPED).graph, tmp_path / "f.tflite"
    assert Classifier(SHIPPED).size == 48
    for resize, size in (("linear", None), ("contract", 48)):
        card = ModelCard(name="x", labels=FER2013_LABELS, input_range=(0, 255), resize=resize)
        write_model(path, graph, card)
        assert Classifier(path).size == size


def test_scores_are_the_codes_dequantised_and_stay_as_they_are(shipped):
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


def test_crops_at_a_size():
    image = np.random.default_rng(2).integers(0, 256, (240, 320, 3)).astype(np.uint8)
    for box in ((60.0, 50.0, 110.0, 110.0), (-20.0, 180.0, 100.0, 90.0), (10.0, 10.0, 20.0, 20.0)):
        whole = crop_face(image, box, 0.17)
        assert (crop_face(image, box, 0.17, 48) == downscale(whole, (48, 48))).all()


def face_of(box, right_eye, left_eye):
    return Detection(box, 0.9, np.array([right_eye, left_eye], np.float32))


def test_lean_is_the_eyes_line():
    box = (100.0, 100.0, 100.0, 100.0)
    assert roll_deg(face_of(box, (130, 140), (170, 140))) == 0
    assert roll_deg(face_of(box, (130, 120), (170, 160))) == pytest.approx(45)
    assert roll_deg(face_of(box, (130, 160), (170, 120))) == pytest.approx(-45)
    # In profile the eyes are too near to each other to tell.
    assert roll_deg(face_of(box, (150, 140), (155, 155))) == 0
    assert roll_deg(Detection(box, 0.9)) == 0


@pytest.mark.parametrize("size", [None, 48])
@pytest.mark.parametrize("lean", [-60, -30, 30, 80])
@pytest.mark.parametrize("scale", [0.4, 1.0, 2.5])
def test_a_leaning_face_is_cut_out_upright(lean, scale, size):
    """The portrait, turned about the middle of its face, gives the crop that it gives upright."""
    image = cv2.resize(cv2.imread(str(PORTRAIT)), None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    box = tuple(scale * v for v in (130.0, 75.0, 110.0, 110.0))
    middle = (box[0] + box[2] / 2, box[1] + box[3] / 2)
    turn = cv2.getRotationMatrix2D((middle[0] - 0.5, middle[1] - 0.5), -lean, 1)
    turned = cv2.warpAffine(image, turn, image.shape[1::-1], borderMode=cv2.BORDER_REPLICATE)
    eyes = [turn @ (scale * x, scale * y, 1) for x, y in ((160, 115), (210, 115))]
    face = face_of(box, *eyes)
    assert roll_deg(face) == pytest.approx(lean, abs=0.1)
    upright = crop_face(image, box, 0.17, size)
    crop = align_face(turned, face, 0.17, size)
    assert crop.shape == upright.shape
    # Turned twice, fine hair is blurred; a crop that is off by one pixel of 48 has 0.93.
    assert np.corrcoef(crop.ravel(), upright.ravel())[0, 1] > 0.95
    as_it_stands = crop_face(turned, box, 0.17, size)
    assert np.corrcoef(as_it_stands.ravel(), upright.ravel())[0, 1] < 0.8


def test_a_face_that_hardly_leans_is_cut_out_as_ever():
    image = np.random.default_rng(3).integers(0, 256, (200, 200)).astype(np.uint8)
    face = face_of((50.0, 50.0, 80.0, 80.0), (70, 80), (110, 89))
    assert 10 < roll_deg(face) < 15
    assert (align_face(image, face, 0.17, 48) == crop_face(image, face.box, 0.17, 48)).all()


def test_leaning_faces_beyond_the_frame_and_of_no_size():
    image = np.full((60, 60, 3), 90, np.uint8)
    for box in ((-40.0, -40.0, 50.0, 50.0), (50.0, 50.0, 40.0, 40.0), (200.0, 10.0, 30.0, 30.0), (5.0, 5.0, 0.0, 0.0)):
        crop = align_face(image, face_of(box, (box[0], box[1]), (box[0] + 20, box[1] + 20)), 0.17, 48)
        assert crop.shape == (48, 48)
        assert (crop == 90).all()


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
