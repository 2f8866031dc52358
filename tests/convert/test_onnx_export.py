import numpy as np
import pytest

from edge.inference.classifier import Classifier
from tests.conftest import SHIPPED


@pytest.mark.slow
def test_an_int8_model_has_the_same_scores_as_onnx(mien, made_faces, tmp_path):
    import onnxruntime

    out = tmp_path / "m.onnx"
    done = mien("export", SHIPPED, "--to", "onnx", "--out", out, module="convert")
    assert done.code == 0, done.err
    assert "it differs from LiteRT by at most" in done.out
    session = onnxruntime.InferenceSession(str(out))
    entry = session.get_inputs()[0]
    assert (entry.type, entry.shape) == ("tensor(uint8)", [1, 48, 48, 1])
    classifier = Classifier(SHIPPED)
    for image in made_faces["PublicTest"].images[:30]:
        codes = session.run(None, {entry.name: image[None, :, :, None]})[0][0]
        scores = (codes.astype(np.float32) + 128) / 256
        assert scores == pytest.approx(classifier.scores(image), abs=0.05)


def test_wrong_use_of_export(invoke, tmp_path):
    taken = tmp_path / "taken.onnx"
    taken.write_text("mine")
    for arguments, code, message in (
        ((SHIPPED, "--out", tmp_path / "x.tflite"), 2, "does not end in .onnx"),
        ((SHIPPED, "--out", taken), 2, "--force to replace it"),
        ((SHIPPED, "--to", "tfjs", "--out", tmp_path / "x.onnx"), 2, "tfjs"),
        ((tmp_path / "none.tflite", "--out", tmp_path / "x.onnx"), 1, "cannot read the model"),
    ):
        done = invoke("export", *arguments, module="convert")
        assert done.code == code
        assert message in done.err.strip().splitlines()[-1]
    assert taken.read_text() == "mine"
    assert [p.name for p in tmp_path.iterdir()] == ["taken.onnx"]
