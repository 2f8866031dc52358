"""Measure methods that may improve int8: the table in docs/explanation/conversion.md.

    python docs/experiments/quantization_ablation.py MODEL DATA [QAT_EPOCHS]

Each row compares int8 with the same float model on PublicTest, for three draws of the representative set. The last row,
quantization-aware fine-tuning, needs PyTorch and takes minutes per epoch; 0 epochs skip it.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from convert import quantization as quantizer
from convert.analysis.activation_ranges import Range, activation_ranges
from convert.analysis.layer_noise import layer_noise
from convert.analysis.trace import Trace
from convert.calibration import representative_faces
from convert.float_model import FloatModel, load_float_model
from convert.quantization import quantize_graph
from edge.datasets.reader import Faces, load_dataset
from edge.inference.flatbuffer import Graph
from edge.inference.litert import load_interpreter

SEEDS = (0, 1, 2)
SAMPLES = 500
PIXELS = (0.0, 255.0)
Ranges = dict[str, Range]


def main(model: Path, data: Path, qat_epochs: int) -> None:
    """Print the table."""
    source, faces = load_float_model(model), load_dataset(data, ("Training", "PublicTest"))
    test = faces["PublicTest"]
    before = source.scores(test.images)
    print(f"float: {100 * (before.argmax(axis=1) == test.class_ids).mean():.2f} %")
    print("| method | accuracy, int8 | same answer | mean change of a probability | noise of the logits |")
    print("| --- | --- | --- | --- | --- |")
    methods: dict[str, Callable[[bytes, Ranges, np.ndarray], tuple[bytes, Ranges]]] = {
        "full observed range": lambda graph, ranges, images: (graph, whole(ranges)),
        "outliers clipped (mse, the default)": lambda graph, ranges, images: (graph, ranges),
        "and bias correction": bias_corrected,
        "and cross-layer equalization": equalized,
    }
    for name, method in methods.items():
        rows = []
        for seed in SEEDS:
            images, ranges = calibrated(source, source.graph, faces["Training"], test, seed)
            graph, ranges = method(source.graph, ranges, images)
            rows.append(row(source.graph, quantize_graph(graph, "int8", ranges), test, before, images))
        show(name, rows)
    recipe = quantizer._recipe
    quantizer._recipe = lambda *arguments: octav(recipe(*arguments))
    rows = []
    for seed in SEEDS:
        images, ranges = calibrated(source, source.graph, faces["Training"], test, seed)
        rows.append(row(source.graph, quantize_graph(source.graph, "int8", ranges), test, before, images))
    show("and weights clipped (OCTAV)", rows)
    quantizer._recipe = recipe
    images, ranges = calibrated(source, source.graph, faces["Training"], test, SEEDS[0])
    show(
        "int16x8, for comparison",
        [row(source.graph, quantize_graph(source.graph, "int16x8", ranges), test, before, images)],
    )
    if qat_epochs:
        images, ranges = calibrated(source, source.graph, faces["Training"], test, SEEDS[0])
        tuned = finetuned(source.graph, ranges, faces["Training"].images, qat_epochs)
        result = row(source.graph, quantize_graph(tuned, "int8", ranges), test, before, images)
        show(f"and {qat_epochs} epochs of quantization-aware fine-tuning", [result])


def calibrated(source: FloatModel, graph: bytes, training: Faces, test: Faces, seed: int) -> tuple[np.ndarray, Ranges]:
    """A representative set's images and the ranges over it, outliers cut off."""
    drawn = representative_faces(training, SAMPLES, seed, test)
    return drawn.images, activation_ranges(graph, drawn.inputs, len(drawn.images), PIXELS)


def row(reference: bytes, graph: bytes, test: Faces, before: np.ndarray, images: np.ndarray) -> list[float]:
    """Accuracy and agreement in percent, mean change of a probability, SQNR of the logits in dB."""
    interpreter = load_interpreter(graph, 2, "int8")
    entry, answer = interpreter.get_input_details()[0]["index"], interpreter.get_output_details()[0]["index"]
    after = np.empty_like(before)
    coarse = interpreter.get_input_details()[0]["dtype"] == np.uint8
    scale, zero_point = interpreter.get_output_details()[0]["quantization"]
    for i, image in enumerate(test.images):
        values = image[None, :, :, None]
        # int16x8 takes codes of 255 / 32767.
        codes = values if coarse else np.rint(values * (32767 / 255)).astype(np.int16)
        interpreter.set_tensor(entry, codes)
        interpreter.invoke()
        after[i] = (interpreter.get_tensor(answer)[0].astype(np.float32) - zero_point) * scale
    noise = layer_noise(reference, graph, ([x] for x in runs(images[:64])))
    logits = next(layer.sqnr_db for layer in noise if layer.layer == "logits")
    classes = after.argmax(axis=1)
    return [
        100 * float((classes == test.class_ids).mean()),
        100 * float((classes == before.argmax(axis=1)).mean()),
        float(np.abs(after - before).mean()),
        logits,
    ]


def show(name: str, rows: list[list[float]]) -> None:
    """One row of the table: mean over the draws, lowest to highest."""
    values = np.array(rows)
    cells = [
        f"{column.mean():.{digits}f}"
        + (f" ({column.min():.{digits}f} to {column.max():.{digits}f})" if len(rows) > 1 else "")
        for column, digits in zip(values.T, (2, 2, 4, 1), strict=True)
    ]
    print(f"| {name} | {cells[0]} % | {cells[1]} % | {cells[2]} | {cells[3]} dB |", flush=True)


def runs(images: np.ndarray) -> Any:
    """Each image as a network input."""
    return (image[None, :, :, None].astype(np.float32) for image in images)


def whole(ranges: Ranges) -> Ranges:
    """Nothing cut off."""
    return {name: Range(r.observed_low, r.observed_high, r.observed_low, r.observed_high) for name, r in ranges.items()}


def octav(recipe: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The recipe with weights clipped by OCTAV (Sakr et al., 2022), as ai-edge-quantizer has it."""
    return [{**entry, "algorithm_key": "OCTAV"} for entry in recipe]


def bias_corrected(graph: bytes, ranges: Ranges, images: np.ndarray) -> tuple[bytes, Ranges]:
    """Shift each bias by the mean error of its channel (Nagel et al., 2019), in two damped rounds."""
    expected = channel_means(graph, images)
    for damping in (0.7, 0.5):
        found = channel_means(quantize_graph(graph, "int8", ranges, io_types="quantized"), images)
        tables = Graph(graph, "corrected")
        for operation in tables.operations:
            name = operation.outputs[0].name
            if operation.weights is not None and len(operation.inputs) > 2:
                assert operation.inputs[2].constant is not None
                put(
                    tables,
                    operation.inputs[2].index,
                    operation.inputs[2].constant + damping * (expected[name] - found[name]),
                )
        graph = tables.pack()
    return graph, ranges


def channel_means(graph: bytes, images: np.ndarray) -> dict[str, np.ndarray]:
    """Mean of each channel of each layer with weights."""
    trace = Trace(graph, "means")
    outputs = [operation.outputs[0] for operation in trace.graph.operations if operation.weights is not None]
    means = {tensor.name: np.zeros(tensor.shape[-1]) for tensor in outputs}
    for values in runs(images[:200]):
        trace.run([values])
        for tensor in outputs:
            means[tensor.name] += trace.value(tensor).reshape(-1, tensor.shape[-1]).mean(axis=0) / min(200, len(images))
    return means


def equalized(graph: bytes, ranges: Ranges, images: np.ndarray) -> tuple[bytes, Ranges]:
    """Scale the channels between two convolutions so that their weights are alike (Nagel et al., 2019)."""
    tables = Graph(graph, "equalized")
    readers: dict[int, list[Any]] = {}
    for operation in tables.operations:
        for tensor in operation.inputs:
            readers.setdefault(tensor.index, []).append(operation)
    values: dict[int, np.ndarray] = {}

    def value(tensor: Any) -> np.ndarray:
        return values.setdefault(tensor.index, tensor.constant.astype(np.float64))

    for operation in tables.operations:
        after = readers.get(operation.outputs[0].index, [])
        if operation.kind != "CONV_2D" or operation.options.fusedActivationFunction != 1 or len(after) != 1:
            continue
        if after[0].kind == "CONV_2D":
            ours, bias, theirs = value(operation.inputs[1]), value(operation.inputs[2]), value(after[0].inputs[1])
            scale = np.sqrt(np.abs(ours).max(axis=(1, 2, 3)) / np.abs(theirs).max(axis=(0, 1, 2)))
            ours /= scale[:, None, None, None]
            bias /= scale
            theirs *= scale
    for index, weights in values.items():
        put(tables, index, weights)
    content = tables.pack()
    return content, activation_ranges(content, lambda: ([x] for x in runs(images)), len(images), PIXELS)


def finetuned(graph: bytes, ranges: Ranges, images: np.ndarray, epochs: int) -> bytes:
    """Train the folded weights under fake quantization towards their predictions without it; Adam, 1e-4, cosine."""
    import torch
    from torch.nn import functional

    tables = Graph(graph, "tuned")
    weights = {
        tensor.index: torch.nn.Parameter(torch.tensor(tensor.constant))
        for operation in tables.operations
        for tensor in operation.inputs
        if tensor.constant is not None and tensor.is_float
    }

    def rounded(kernel: Any) -> Any:
        step = kernel.detach().abs().amax(dim=tuple(range(1, kernel.ndim)), keepdim=True).clamp(min=1e-8) / 127
        return kernel + ((kernel / step).round().clamp(-127, 127) * step - kernel).detach()

    def spanned(value: Any, tensor: Any) -> Any:
        low, high = min(ranges[tensor.name].low, 0.0), max(ranges[tensor.name].high, 0.0)
        step = (high - low) / 255
        return torch.fake_quantize_per_tensor_affine(value, step, round(-low / step) - 128, -128, 127)

    def convolved(value: Any, kernel: Any, bias: Any, options: Any) -> Any:
        if options.padding == 0:
            # SAME, as TensorFlow has it: the odd pixel goes to the right and the bottom.
            around = []
            for size, stride, extent in zip(
                reversed(value.shape[2:]), (options.strideW, options.strideH), reversed(kernel.shape[1:3]), strict=True
            ):
                total = max((-(-size // stride) - 1) * stride + extent - size, 0)
                around += [total // 2, total - total // 2]
            value = functional.pad(value, around)
        return functional.conv2d(value, kernel.permute(0, 3, 1, 2), bias, (options.strideH, options.strideW))

    def logits(pixels: Any, quantized: bool) -> Any:
        found = {tables.inputs[0].index: pixels}
        for operation in tables.operations:
            value, out = found[operation.inputs[0].index], operation.outputs[0]
            if operation.weights is not None:
                kernel = weights[operation.inputs[1].index]
                kernel = rounded(kernel) if quantized else kernel
                bias = weights[operation.inputs[2].index] if len(operation.inputs) > 2 else None
            if operation.kind == "CONV_2D":
                value = convolved(value, kernel, bias, operation.options)
            elif operation.kind == "FULLY_CONNECTED":
                value = functional.linear(value, kernel, bias)
            elif operation.kind == "ADD":
                value = value + found[operation.inputs[1].index]
            elif operation.kind == "MEAN":
                value = value.mean(dim=(2, 3))
            elif operation.kind == "SOFTMAX":
                return value
            else:
                raise ValueError(f"no fine-tuning for {operation.kind}")
            if getattr(operation.options, "fusedActivationFunction", 0) == 1:
                value = value.relu()
            found[out.index] = spanned(value, out) if quantized else value
        return value

    pixels = torch.from_numpy(images[:, None])
    with torch.no_grad():
        targets = torch.cat([logits(part.float(), False).softmax(dim=1) for part in pixels.split(256)])
    optimizer = torch.optim.Adam(weights.values(), 1e-4)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, epochs * (len(images) // 128))
    generator = torch.Generator().manual_seed(0)
    for _ in range(epochs):
        for chosen in torch.randperm(len(images), generator=generator)[: len(images) // 128 * 128].split(128):
            answers = logits(pixels[chosen].float(), True).log_softmax(dim=1)
            loss = -(targets[chosen] * answers).sum(dim=1).mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
    for index, weight in weights.items():
        put(tables, index, weight.detach().numpy())
    return tables.pack()


def put(tables: Graph, index: int, value: np.ndarray) -> None:
    """Replace a constant."""
    data = np.frombuffer(value.astype(np.float32).tobytes(), np.uint8)
    tables.model.buffers[tables.main.tensors[index].buffer].data = data


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]) if len(sys.argv) > 3 else 0)
