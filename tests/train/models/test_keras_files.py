"""Files of few bytes that name endless layers."""

import json
import subprocess
import sys
import zipfile

import keras
import pytest

from edge.errors import ModelError
from train.models.keras_files import load_keras_model

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    path = tmp_path_factory.mktemp("small") / "model.keras"
    pixels = keras.Input((48, 48, 1))
    hidden = keras.layers.Dense(8)(keras.layers.Flatten()(pixels))
    keras.Model(pixels, keras.layers.Dense(7, activation="softmax")(hidden)).save(path)
    return path


def altered(source, path, change):
    """A copy of a .keras file with other members."""
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            new.writestr(name, change(name, old.read(name)))
    return path


def test_a_layer_that_no_memory_holds_is_one_error_line(small, tmp_path):
    def widen(name, content):
        return content.replace(b'"units": 8', b'"units": 2000000') if name == "config.json" else content

    path = altered(small, tmp_path / "wide.keras", widen)
    # In a process of its own: after a request that failed, TensorFlow's allocator asks for twice as much the next
    # time, in the end for as many addresses as there is memory, and Linux then cannot fork such a process.
    code = """if True:
        import sys
        from pathlib import Path
        from edge.errors import ModelError
        from train.models.keras_files import load_keras_model
        wide, small = map(Path, sys.argv[1:])
        try:
            load_keras_model(wide)
        except ModelError as error:
            print(error)
        assert load_keras_model(small).count_params() > 0"""
    done = subprocess.run([sys.executable, "-c", code, path, small], capture_output=True, text=True, check=True)
    (line,) = done.stdout.splitlines()
    assert "is not a model that Keras" in line


def test_a_member_that_unpacks_to_gigabytes_is_one_error_line(small, tmp_path):
    path = tmp_path / "bomb.keras"
    with zipfile.ZipFile(small) as old, zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as new:
        new.writestr("metadata.json", old.read("metadata.json"))
        with new.open("config.json", "w", force_zip64=True) as stream:
            for _ in range(512):
                stream.write(b" " * (1 << 20))
    assert path.stat().st_size < 1_000_000
    with pytest.raises(ModelError, match=r"'config\.json' unpacks from \d+ bytes to 536870912; expected at most"):
        load_keras_model(path)


def test_the_metadata_is_read_under_a_limit(small, tmp_path):
    def fill(name, content):
        return json.dumps({"keras_version": "2" * 5_000_000}).encode() if name == "metadata.json" else b""

    with pytest.raises(ModelError, match="is not a model that Keras") as caught:
        load_keras_model(altered(small, tmp_path / "metadata.keras", fill))
    assert len(str(caught.value)) < 1000
