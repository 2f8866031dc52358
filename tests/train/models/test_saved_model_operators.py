"""A SavedModel that does more than a network does is rejected before TensorFlow loads it."""

import keras
import pytest

from edge.errors import ModelError
from train.evaluation.prediction import load_model
from train.models.saved_model_operators import check_operators

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def tf():
    return pytest.importorskip("tensorflow")


def save(tf, folder, act, decorate=None):
    """A SavedModel whose signature answers with equal probabilities, and calls `act` on its way."""

    class Network(tf.Module):
        @tf.function(input_signature=[tf.TensorSpec((None, 48, 48, 1), tf.float32, name="pixels")])
        def classify(self, pixels):
            with tf.control_dependencies([act()]):
                return {"scores": tf.zeros((tf.shape(pixels)[0], 7)) + 1 / 7}

    network = Network()
    if decorate:
        decorate(network)
    tf.saved_model.save(network, str(folder), signatures=network.classify)
    return folder


def test_a_network_is_accepted(tf, tmp_path):
    inputs = keras.Input((48, 48, 1))
    x = keras.layers.Conv2D(4, 3, activation="relu")(inputs)
    x = keras.layers.SeparableConv2D(4, 3)(keras.layers.BatchNormalization()(x))
    x = keras.layers.Dropout(0.3)(keras.layers.GlobalAveragePooling2D()(x))
    model = keras.Model(inputs, keras.layers.Dense(7, activation="softmax")(x))
    model.export(tmp_path / "saved", format="tf_saved_model", verbose=False)
    check_operators(tmp_path / "saved")


@pytest.mark.parametrize("operator", ["WriteFile", "ReadFile", "EagerPyFunc", "PrintV2", "MatchingFiles", "While"])
def test_an_operator_that_reaches_outside_is_rejected(tf, tmp_path, operator):
    victim = tmp_path / "victim"
    acts = {
        "WriteFile": lambda: tf.io.write_file(str(victim), "owned"),
        "ReadFile": lambda: tf.io.read_file("/etc/hostname"),
        "EagerPyFunc": lambda: tf.py_function(lambda: victim.touch(), [], []),
        "PrintV2": lambda: tf.print("owned", output_stream=f"file://{victim}"),
        "MatchingFiles": lambda: tf.io.matching_files("/etc/*"),
        "While": lambda: tf.while_loop(lambda i: i < 2, lambda i: i + 1, [tf.constant(0)])[0],
    }
    folder = save(tf, tmp_path / "saved", acts[operator])
    with pytest.raises(
        ModelError, match=rf"uses the operator (Stateless|StringFormat)?({operator})?: a SavedModel is a program"
    ):
        load_model(folder)
    assert not victim.exists()


def test_a_function_that_runs_at_loading_is_rejected(tf, tmp_path):
    """A table is filled from a file while TensorFlow loads, whatever the signature does."""
    (tmp_path / "labels.txt").write_text("a\nb\n")

    def add_table(network):
        initializer = tf.lookup.TextFileInitializer(
            str(tmp_path / "labels.txt"), tf.string, 0, tf.int64, tf.lookup.TextFileIndex.LINE_NUMBER
        )
        network.table = tf.lookup.StaticHashTable(initializer, -1)

    folder = save(tf, tmp_path / "saved", tf.no_op, add_table)
    with pytest.raises(ModelError, match=r"uses the operator (HashTableV2|InitializeTableFromTextFileV2)"):
        load_model(folder)


def test_a_nested_function_is_checked(tf, tmp_path):
    @tf.function
    def inner():
        return tf.io.read_file("/etc/hostname")

    folder = save(tf, tmp_path / "saved", inner)
    with pytest.raises(ModelError, match="uses the operator ReadFile"):
        check_operators(folder)


def test_a_graph_of_version_1_and_damage_are_rejected(tf, tmp_path):
    from tensorflow.core.protobuf.saved_model_pb2 import SavedModel

    folder = save(tf, tmp_path / "saved", tf.no_op)
    path = folder / "saved_model.pb"
    saved = SavedModel.FromString(path.read_bytes())
    saved.meta_graphs[0].ClearField("object_graph_def")
    path.write_bytes(saved.SerializeToString())
    with pytest.raises(ModelError, match="is a SavedModel of TensorFlow 1"):
        check_operators(folder)
    path.write_bytes(b"\x0a\xff\xff\xff\xff")
    with pytest.raises(ModelError, match="is damaged"):
        check_operators(folder)
    path.unlink()
    with pytest.raises(ModelError, match="is not a SavedModel"):
        check_operators(folder)
