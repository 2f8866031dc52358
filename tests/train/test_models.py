import numpy as np
import pytest

from edge.errors import DataError, WrongUseError
from train.augment import build_augmenter
from train.models import build_model
from train.recipe import Augment, load_recipe


@pytest.mark.parametrize("name", ["simple-nn", "cnn", "mien-small"])
def test_a_model_takes_pixels_and_gives_probabilities(name):
    recipe = load_recipe(name)
    model = build_model(recipe.architecture, 8, recipe.model)
    assert model.input_shape == (None, 48, 48, 1)
    out = np.asarray(model(np.full((2, 48, 48, 1), 255, np.float32)))
    assert out.shape == (2, 8)
    assert out.sum(axis=1) == pytest.approx(1, abs=1e-5)
    assert len({layer.name for layer in model.layers}) == len(model.layers)


def test_the_edge_family_has_the_size_it_is_known_by():
    recipe = load_recipe("mien-small")
    assert build_model("mien", 7, recipe.model).count_params() == 697_895


def test_unknown_architectures_and_arguments():
    with pytest.raises(WrongUseError, match="expected one of simple-nn"):
        build_model("alexnet", 7, {})
    with pytest.raises(DataError, match=r"\[model\] does not fit cnn"):
        build_model("cnn", 7, {"depth": 3})
    with pytest.raises(DataError, match=r"\[model\] does not fit cnn"):
        build_model("cnn", 7, {"dropout": 2.0})


def test_augmentation_changes_training_faces_only():
    assert build_augmenter(Augment(enabled=False), 0) is None
    augmenter = build_augmenter(Augment(enabled=True, brightness=0.1, contrast=0.2, erasing=0.5), 0)
    faces = np.random.default_rng(0).integers(0, 256, (16, 48, 48, 1)).astype(np.float32)
    trained = np.asarray(augmenter(faces, training=True))
    assert trained.shape == faces.shape
    assert trained.min() >= 0
    assert trained.max() <= 255
    assert not np.allclose(trained, faces)
    assert np.array_equal(np.asarray(augmenter(faces, training=False)), faces)


def test_erasing_paints_the_share_that_the_recipe_says():
    nothing_else = Augment(True, flip=False, rotation_deg=0, zoom=0, shift=0, erasing=0.25)
    augmenter = build_augmenter(nothing_else, 0)
    painted = np.asarray(augmenter(np.zeros((800, 48, 48, 1), np.float32), training=True))
    share = (painted.max(axis=(1, 2, 3)) > 0).mean()
    assert share == pytest.approx(0.25, abs=0.05)
