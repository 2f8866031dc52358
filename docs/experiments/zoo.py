"""Convert more than forty networks, as people bring them, to int8.

    python docs/experiments/zoo.py DATA [NAME...] [--networks DIR]

Each network is built in Keras, fitted for three epochs to faces of Training, saved, and given to `mien convert
quantize`. A line for each has the accuracy of the float model on PublicTest, the outcome, the agreement of the int8
file with the float model, and the agreements of TensorFlow's own converter and of ai-edge-quantizer's defaults,
calibrated on the same number of faces.
"""

from __future__ import annotations

import argparse
import io
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

import numpy as np

from convert.api import quantize
from convert.float_model import load_float_model
from convert.quality_gate import Limits
from convert.tensorflow_import import import_tensorflow
from edge.datasets import Faces, load_dataset
from edge.errors import MienError, first_line
from edge.inference import contract
from edge.inference.litert import load_interpreter
from edge.inference.pixel_mapping import PixelMapping
from edge.system.native_logs import quiet_stderr

import_tensorflow()

import keras  # noqa: E402
from keras import layers  # noqa: E402

Tensor = Any
Builder = Callable[[], Any]
GRAY = (48, 48, 1)


def _head(x: Tensor, n: int = 7) -> Tensor:
    return layers.Dense(n, activation="softmax")(x)


def _network(body: Callable[[Tensor], Tensor], shape: tuple[int, int, int] = GRAY, inside: bool = True) -> Any:
    """A network with `body` between its input and its softmax; `inside` has it divide the pixels by 255 itself."""
    pixels = keras.Input(shape)
    x = layers.Rescaling(1 / 255)(pixels) if inside else pixels
    return keras.Model(pixels, _head(body(x)))


def _convolutions(activation: Callable[[], Any], shape: tuple[int, int, int] = GRAY, inside: bool = True) -> Any:
    def body(x: Tensor) -> Tensor:
        for width in (16, 32, 48):
            x = layers.Conv2D(width, 3, padding="same", use_bias=False)(x)
            x = layers.BatchNormalization()(x)
            x = activation()(x)
            x = layers.MaxPooling2D()(x)
        return layers.GlobalAveragePooling2D()(x)

    return _network(body, shape, inside)


def _activation(name: str) -> Builder:
    return lambda: _convolutions(lambda: layers.Activation(name))


def _mini_xception() -> Any:
    def body(x: Tensor) -> Tensor:
        for _ in range(2):
            x = layers.Conv2D(8, 3, use_bias=False)(x)
            x = layers.Activation("relu")(layers.BatchNormalization()(x))
        for width in (16, 32, 64, 128):
            residual = layers.BatchNormalization()(layers.Conv2D(width, 1, strides=2, padding="same")(x))
            x = layers.SeparableConv2D(width, 3, padding="same", use_bias=False)(x)
            x = layers.Activation("relu")(layers.BatchNormalization()(x))
            x = layers.SeparableConv2D(width, 3, padding="same", use_bias=False)(x)
            x = layers.MaxPooling2D(3, strides=2, padding="same")(layers.BatchNormalization()(x))
            x = layers.add([x, residual])
        x = layers.Conv2D(7, 3, padding="same")(x)
        return layers.GlobalAveragePooling2D()(x)

    pixels = keras.Input((64, 64, 1))
    return keras.Model(pixels, layers.Activation("softmax")(body(pixels)))


def _vgg() -> Any:
    def body(x: Tensor) -> Tensor:
        for width in (32, 64, 128):
            for _ in range(2):
                x = layers.Conv2D(width, 3, padding="same", activation="relu")(x)
            x = layers.MaxPooling2D()(x)
        x = layers.Dense(256, activation="relu")(layers.Flatten()(x))
        return layers.Dropout(0.5)(x)

    return _network(body)


def _separable() -> Any:
    def body(x: Tensor) -> Tensor:
        x = layers.Conv2D(16, 3, strides=2, padding="same", activation="relu")(x)
        for width in (32, 64, 96):
            x = layers.SeparableConv2D(width, 3, padding="same", use_bias=False)(x)
            x = layers.ReLU(6.0)(layers.BatchNormalization()(x))
            x = layers.MaxPooling2D()(x)
        return layers.GlobalAveragePooling2D()(x)

    return _network(body)


def _application(build: Callable[..., Any], size: int, rescaling: tuple[float, float] | None = None) -> Any:
    """One of Keras' ImageNet networks on gray faces in three channels."""
    pixels = keras.Input((size, size, 3))
    x = layers.Rescaling(*rescaling)(pixels) if rescaling else pixels
    backbone = build(include_top=False, weights=None, input_shape=(size, size, 3), pooling="avg")
    return keras.Model(pixels, _head(backbone(x)))


def _residual() -> Any:
    def body(x: Tensor) -> Tensor:
        x = layers.Conv2D(16, 3, padding="same")(x)
        for width in (16, 32):
            shortcut = layers.Conv2D(width, 1, strides=2)(x)
            y = layers.Conv2D(width, 3, strides=2, padding="same", activation="relu")(x)
            y = layers.Conv2D(width, 3, padding="same")(y)
            x = layers.ReLU()(layers.add([shortcut, y]))
        return layers.GlobalAveragePooling2D()(x)

    return _network(body)


def _dense_blocks() -> Any:
    def body(x: Tensor) -> Tensor:
        x = layers.Conv2D(16, 3, strides=2, padding="same")(x)
        for _ in range(3):
            y = layers.Activation("relu")(layers.BatchNormalization()(x))
            x = layers.concatenate([x, layers.Conv2D(8, 3, padding="same")(y)])
        return layers.GlobalAveragePooling2D()(x)

    return _network(body)


def _inception() -> Any:
    def body(x: Tensor) -> Tensor:
        x = layers.Conv2D(16, 3, strides=2, padding="same", activation="relu")(x)
        branches = [layers.Conv2D(8, size, padding="same", activation="relu")(x) for size in (1, 3, 5)]
        branches.append(layers.Conv2D(8, 1)(layers.MaxPooling2D(3, strides=1, padding="same")(x)))
        return layers.GlobalAveragePooling2D()(layers.concatenate(branches))

    return _network(body)


def _squeeze_excitation() -> Any:
    def body(x: Tensor) -> Tensor:
        x = layers.Conv2D(16, 3, strides=2, padding="same", activation="relu")(x)
        s = layers.GlobalAveragePooling2D(keepdims=True)(x)
        s = layers.Conv2D(16, 1, activation="sigmoid")(layers.Conv2D(4, 1, activation="relu")(s))
        return layers.GlobalAveragePooling2D()(layers.multiply([x, s]))

    return _network(body)


def _global_max() -> Any:
    def body(x: Tensor) -> Tensor:
        x = layers.Conv2D(16, 3, strides=2, padding="same", activation="relu")(x)
        return layers.GlobalMaxPooling2D()(layers.Conv2D(32, 3, strides=2, padding="same", activation="relu")(x))

    return _network(body)


def _layer_normalization() -> Any:
    def body(x: Tensor) -> Tensor:
        x = layers.Conv2D(24, 4, strides=4)(x)
        x = layers.LayerNormalization()(x)
        y = layers.DepthwiseConv2D(7, padding="same")(x)
        y = layers.Dense(48, activation="gelu")(layers.LayerNormalization()(y))
        return layers.GlobalAveragePooling2D()(layers.add([x, layers.Dense(24)(y)]))

    return _network(body)


def _group_normalization() -> Any:
    def body(x: Tensor) -> Tensor:
        x = layers.Conv2D(16, 3, strides=2, padding="same")(x)
        return layers.GlobalAveragePooling2D()(layers.ReLU()(layers.GroupNormalization(4)(x)))

    return _network(body)


def _transformer() -> Any:
    def body(x: Tensor) -> Tensor:
        x = layers.Conv2D(32, 8, strides=8)(x)
        x = layers.Reshape((36, 32))(x)
        y = layers.LayerNormalization()(x)
        x = layers.add([x, layers.MultiHeadAttention(2, 16)(y, y)])
        y = layers.Dense(64, activation="gelu")(layers.LayerNormalization()(x))
        return layers.GlobalAveragePooling1D()(layers.add([x, layers.Dense(32)(y)]))

    return _network(body)


def _mixer() -> Any:
    def body(x: Tensor) -> Tensor:
        x = layers.Reshape((36, 32))(layers.Conv2D(32, 8, strides=8)(x))
        y = layers.Permute((2, 1))(x)
        x = layers.add([x, layers.Permute((2, 1))(layers.Dense(36, activation="gelu")(y))])
        return layers.GlobalAveragePooling1D()(x)

    return _network(body)


def _recurrent(cell: Any) -> Any:
    return _network(lambda x: cell(32)(layers.Reshape((48, 48))(x)))


def _augmented() -> Any:
    pixels = keras.Input(GRAY)
    x = layers.RandomFlip("horizontal")(pixels)
    x = layers.RandomZoom(0.1)(layers.RandomRotation(0.1)(x))
    x = layers.Rescaling(1 / 255)(x)
    x = layers.Conv2D(16, 3, strides=2, activation="relu")(x)
    return keras.Model(pixels, _head(layers.GlobalAveragePooling2D()(layers.Conv2D(32, 3, strides=2)(x))))


def _noisy() -> Any:
    def body(x: Tensor) -> Tensor:
        x = layers.GaussianNoise(0.1)(x)
        x = layers.SpatialDropout2D(0.2)(layers.Conv2D(16, 3, strides=2, activation="relu")(x))
        return layers.GlobalAveragePooling2D()(x)

    return _network(body)


def _sequential() -> Any:
    return keras.Sequential(
        [
            keras.Input(GRAY),
            layers.Conv2D(32, 3, activation="relu"),
            layers.MaxPooling2D(),
            layers.Conv2D(64, 3, activation="relu"),
            layers.MaxPooling2D(),
            layers.Flatten(),
            layers.Dense(64, activation="relu"),
            layers.Dense(7, activation="softmax"),
        ]
    )


def _mixed_precision() -> Any:
    keras.mixed_precision.set_global_policy("mixed_bfloat16")
    try:
        pixels = keras.Input(GRAY)
        x = layers.Rescaling(1 / 255)(pixels)
        x = layers.Conv2D(16, 3, strides=2, use_bias=False)(x)
        x = layers.ReLU()(layers.BatchNormalization()(x))
        x = layers.GlobalAveragePooling2D()(layers.Conv2D(32, 3, strides=2)(x))
        return keras.Model(pixels, layers.Dense(7, activation="softmax", dtype="float32")(x))
    finally:
        keras.mixed_precision.set_global_policy("float32")


def _upsampling() -> Any:
    def body(x: Tensor) -> Tensor:
        low = layers.Conv2D(16, 3, strides=4, padding="same", activation="relu")(x)
        high = layers.Conv2D(8, 3, strides=2, padding="same", activation="relu")(x)
        x = layers.concatenate([high, layers.UpSampling2D(interpolation="bilinear")(low)])
        return layers.GlobalAveragePooling2D()(layers.Conv2D(16, 3, strides=2)(x))

    return _network(body)


def _transposed() -> Any:
    def body(x: Tensor) -> Tensor:
        x = layers.Conv2D(16, 3, strides=4, padding="same", activation="relu")(x)
        return layers.GlobalAveragePooling2D()(layers.Conv2DTranspose(8, 3, strides=2, padding="same")(x))

    return _network(body)


def _dilated() -> Any:
    def body(x: Tensor) -> Tensor:
        x = layers.Conv2D(16, 3, dilation_rate=2, padding="same", activation="relu")(x)
        return layers.GlobalAveragePooling2D()(layers.DepthwiseConv2D(3, strides=2)(x))

    return _network(body)


def _two_inputs() -> Any:
    face, landmarks = keras.Input(GRAY), keras.Input((68, 2))
    x = layers.GlobalAveragePooling2D()(layers.Conv2D(8, 3)(face))
    return keras.Model([face, landmarks], _head(layers.concatenate([x, layers.Flatten()(landmarks)])))


def _logits() -> Any:
    pixels = keras.Input(GRAY)
    x = layers.Conv2D(16, 3, strides=2, activation="relu")(layers.Rescaling(1 / 255)(pixels))
    return keras.Model(pixels, layers.Dense(7)(layers.GlobalAveragePooling2D()(x)))


def _sigmoid() -> Any:
    pixels = keras.Input(GRAY)
    x = layers.Conv2D(16, 3, strides=2, activation="relu")(layers.Rescaling(1 / 255)(pixels))
    return keras.Model(pixels, layers.Dense(7, activation="sigmoid")(layers.GlobalAveragePooling2D()(x)))


def _standardized() -> Any:
    pixels = keras.Input(GRAY)
    x = layers.Normalization(mean=129.0, variance=4200.0)(pixels)
    x = layers.BatchNormalization()(x)
    x = layers.Conv2D(16, 3, strides=2, activation="relu")(x)
    return keras.Model(pixels, _head(layers.GlobalAveragePooling2D()(layers.Conv2D(32, 3, strides=2)(x))))


def _average_pooling() -> Any:
    def body(x: Tensor) -> Tensor:
        x = layers.AveragePooling2D(2)(layers.Conv2D(16, 3, padding="same", activation="tanh")(x))
        x = layers.AveragePooling2D(2)(layers.Conv2D(16, 3, padding="same", activation="tanh")(x))
        return layers.Dense(32, activation="tanh")(layers.Flatten()(x))

    return _network(body)


#: Name to a builder, and the range of values that the network was trained on.
NETWORKS: dict[str, tuple[Builder, tuple[float, float]]] = {
    "sequential": (_sequential, (0, 1)),
    "vgg": (_vgg, (0, 255)),
    "mini-xception": (_mini_xception, (-1, 1)),
    "separable": (_separable, (0, 255)),
    "mobilenet-v2": (lambda: _application(keras.applications.MobileNetV2, 64, (1 / 127.5, -1)), (0, 255)),
    "mobilenet-v3-small": (lambda: _application(keras.applications.MobileNetV3Small, 64), (0, 255)),
    "efficientnet-b0": (lambda: _application(keras.applications.EfficientNetB0, 64), (0, 255)),
    "leaky-relu": (lambda: _convolutions(lambda: layers.LeakyReLU(0.1)), (0, 255)),
    "prelu": (lambda: _convolutions(lambda: layers.PReLU(shared_axes=[1, 2])), (0, 255)),
    "elu": (_activation("elu"), (0, 255)),
    "selu": (_activation("selu"), (0, 255)),
    "gelu": (_activation("gelu"), (0, 255)),
    "swish": (_activation("swish"), (0, 255)),
    "mish": (_activation("mish"), (0, 255)),
    "hard-swish": (_activation("hard_swish"), (0, 255)),
    "relu6": (_activation("relu6"), (0, 255)),
    "softplus": (_activation("softplus"), (0, 255)),
    "tanh": (_average_pooling, (0, 255)),
    "size-64": (lambda: _convolutions(layers.ReLU, (64, 64, 1)), (0, 255)),
    "color": (lambda: _convolutions(layers.ReLU, (48, 48, 3)), (0, 255)),
    "color-224": (lambda: _convolutions(layers.ReLU, (224, 224, 3), inside=False), (0, 1)),
    "scaled-outside": (lambda: _convolutions(layers.ReLU, inside=False), (0, 1)),
    "centered-outside": (lambda: _convolutions(layers.ReLU, inside=False), (-1, 1)),
    "residual": (_residual, (0, 255)),
    "dense-blocks": (_dense_blocks, (0, 255)),
    "inception": (_inception, (0, 255)),
    "squeeze-excitation": (_squeeze_excitation, (0, 255)),
    "global-max": (_global_max, (0, 255)),
    "layer-normalization": (_layer_normalization, (0, 255)),
    "group-normalization": (_group_normalization, (0, 255)),
    "transformer": (_transformer, (0, 255)),
    "mixer": (_mixer, (0, 255)),
    "lstm": (lambda: _recurrent(layers.LSTM), (0, 255)),
    "gru": (lambda: _recurrent(layers.GRU), (0, 255)),
    "augmented-inside": (_augmented, (0, 255)),
    "noise-inside": (_noisy, (0, 255)),
    "mixed-precision": (_mixed_precision, (0, 255)),
    "upsampling": (_upsampling, (0, 255)),
    "transposed": (_transposed, (0, 255)),
    "dilated": (_dilated, (0, 255)),
    "standardized": (_standardized, (0, 255)),
    "logits": (_logits, (0, 255)),
    "sigmoid": (_sigmoid, (0, 255)),
    "two-inputs": (_two_inputs, (0, 255)),
}

#: Networks that are trained on all faces; those of keras.applications, which take longer, on `N_APPLICATION`.
TRAINED = ("mini-xception", "mobilenet-v2", "mobilenet-v3-small", "efficientnet-b0", "vgg", "separable", "leaky-relu")
N_APPLICATION = 10_000
#: Faces that the others are fitted to, and those with inputs of more than `LARGE_SIDE` pixels, which are also compared
#: on fewer.
N_FITTED, N_LARGE, LARGE_SIDE = 4000, 1000, 64
#: Faces of Training to calibrate on.
N_CALIBRATION = 200
#: The quality gate must not stop what is to be compared.
LIMITS = Limits(max_drop=100, min_agreement=0, max_class_drop=100, min_above_chance=-100)


def main(data: Path, names: list[str], epochs: int, networks: Path | None) -> None:
    """Print the table; each network has a process of its own, whose end without a row is shown as what it is."""
    print("| network | parameters | accuracy | outcome | mien, same answer | TensorFlow | ai-edge-quantizer |")
    print("| --- " * 7 + "|", flush=True)
    for name in names or NETWORKS:
        command = [sys.executable, __file__, str(data), name, "--epochs", str(epochs), "--row"]
        command += ["--networks", str(networks)] if networks else []
        # oneDNN's newer kernels crash in the backward pass of some depthwise convolutions.
        environment = {"ONEDNN_MAX_CPU_ISA": "AVX2", **os.environ}
        done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
        rows = [line for line in done.stdout.splitlines() if line.startswith("| `")]
        print(rows[0] if rows else f"| `{name}` | | | CRASH: {done.returncode} | | | |", flush=True)


def print_row(data: Path, name: str, epochs: int, networks: Path | None) -> None:
    """Print the line of one network."""
    splits = load_dataset(data, ("Training", "PublicTest"))
    with tempfile.TemporaryDirectory() as folder:
        try:
            cells = row(name, data, splits["Training"], splits["PublicTest"], Path(folder), epochs, networks)
        except Exception as error:
            # A traceback is what must not happen.
            cells = ["", "", f"TRACEBACK: {first_line(error)}", "", "", ""]
    print("| " + " | ".join([f"`{name}`", *cells]) + " |")


def row(
    name: str, data: Path, training: Faces, test: Faces, folder: Path, epochs: int, networks: Path | None
) -> list[str]:
    """Train, save and convert a network; return the cells behind its name."""
    build, input_range = NETWORKS[name]
    keras.utils.set_random_seed(0)
    model = build()
    shorten_averages(model)
    mapping = PixelMapping(*map(float, input_range))
    shape, limit = GRAY, None
    if len(model.inputs) == 1:
        shape = model.input_shape[1:]
        limit = N_LARGE if shape[0] > LARGE_SIDE else None
        test = test.sample(limit, 0)
        faces = training.sample(n_faces(name, shape[0]), 0)
        from_logits = model.layers[-1].get_config().get("activation") == "linear"
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=from_logits)
    path = (networks or folder) / f"{name}.keras"
    if path.exists():
        model = keras.saving.load_model(path)
    else:
        if len(model.inputs) == 1:
            model.compile(keras.optimizers.Adam(1e-3), loss)
            model.fit(mapping.values(faces.images, shape), faces.class_ids, epochs=epochs, batch_size=32, verbose=0)
        model.save(path)
    parameters = f"{model.count_params():,}"
    try:
        proof = quantize(
            path, data, folder / "out.tflite", samples=N_CALIBRATION, limit=limit, limits=LIMITS,
            input_range=None if mapping.is_identity else input_range,
        )["int8"]  # fmt: skip
    except MienError as error:
        return [parameters, "", f"rejected: {str(error).replace(f'{path.parent}/', '')}", "", "", ""]
    assert proof.comparison is not None
    accuracy = f"{proof.comparison.before.accuracy:.1%}"
    source = load_float_model(path, mapping)
    calibration, inputs = (mapping.values(images, shape) for images in (training.images[:N_CALIBRATION], test.images))
    expected = source.scores(test.images).argmax(axis=1)
    model.export(folder / "saved", verbose=False)
    others = []
    for method in (tensorflow_default, ai_edge_default):
        try:
            with redirect_stdout(io.StringIO()), quiet_stderr():
                graph = method(folder / "saved", calibration)
            others.append(f"{(answers(graph, inputs) == expected).mean():.1%}")
        except Exception:
            others.append("fails")
    how = f"{proof.calibration['quantizer']}, {proof.calibration['ranges']}"
    return [parameters, accuracy, f"int8 ({how})", f"{proof.comparison.agreement:.1%}", *others]


def shorten_averages(model: Any) -> None:
    """Have batch normalization average over fewer batches.

    Keras' momentum of 0.99, and that of its applications, 0.999, are for many epochs: after three short ones, the
    averages would still be those of the beginning, and the network would predict one class for every face.
    """
    for layer in model.layers:
        if isinstance(layer, layers.BatchNormalization):
            layer.momentum = 0.9
        elif isinstance(layer, keras.Model):
            shorten_averages(layer)


def n_faces(name: str, side: int) -> int | None:
    """Return the number of faces that a network is fitted to; None for all."""
    if name in TRAINED:
        return N_APPLICATION if "net-" in name else None
    return N_LARGE if side > LARGE_SIDE else N_FITTED


def tensorflow_default(saved: Path, inputs: np.ndarray) -> bytes:
    """Convert a SavedModel by TensorFlow's converter as its documentation does for integers only."""
    import tensorflow

    converter = tensorflow.lite.TFLiteConverter.from_saved_model(str(saved))
    converter.optimizations = [tensorflow.lite.Optimize.DEFAULT]
    converter.representative_dataset = lambda: ([values[None]] for values in inputs)
    converter.target_spec.supported_ops = [tensorflow.lite.OpsSet.TFLITE_BUILTINS_INT8]
    converter.inference_input_type = converter.inference_output_type = tensorflow.int8
    return bytes(converter.convert())


def ai_edge_default(saved: Path, inputs: np.ndarray) -> bytes:
    """Convert a SavedModel by ai-edge-quantizer's recipe for int8, which leaves in float what it lacks."""
    import tensorflow
    from ai_edge_quantizer import quantizer, recipe

    content = tensorflow.lite.TFLiteConverter.from_saved_model(str(saved)).convert()
    signatures = load_interpreter(content, 1, "the network").get_signature_list()
    ((key, names),) = signatures.items()
    job = quantizer.Quantizer(bytearray(content), recipe.static_wi8_ai8())
    statistics = job.calibrate({key: [{names["inputs"][0]: values[None]} for values in inputs]})
    return bytes(job.quantize(statistics).quantized_model)


def answers(graph: bytes, inputs: np.ndarray) -> np.ndarray:
    """Return the class that a graph predicts for each input, whatever the dtype that it takes."""
    interpreter = load_interpreter(graph, 2, "the network")
    (entry,), (output,) = interpreter.get_input_details(), interpreter.get_output_details()
    interpreter.resize_tensor_input(entry["index"], [1, *inputs.shape[1:]])
    interpreter.allocate_tensors()
    found = np.empty(len(inputs), np.int64)
    for i in range(len(inputs)):
        values = inputs[i : i + 1]
        if entry["dtype"] != np.float32:
            values = contract.quantize(values, *entry["quantization"], entry["dtype"])
        interpreter.set_tensor(entry["index"], values)
        interpreter.invoke()
        found[i] = interpreter.get_tensor(output["index"])[0].argmax()
    return found


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("data", type=Path)
    parser.add_argument("names", nargs="*", choices=[[], *NETWORKS])
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--networks", type=Path, help="where trained networks are kept, and taken from")
    parser.add_argument("--row", action="store_true", help="print the line of one network only, in this process")
    arguments = parser.parse_args()
    if arguments.row:
        print_row(arguments.data, arguments.names[0], arguments.epochs, arguments.networks)
    else:
        main(arguments.data, arguments.names, arguments.epochs, arguments.networks)
