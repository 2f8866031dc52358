import numpy as np
import pytest

from convert.analysis.activation_ranges import Range, activation_ranges, minimum_error_range
from convert.analysis.layer_noise import layer_noise
from convert.quantization import quantize_graph
from edge.inference.flatbuffer import Graph


def runs_of(n):
    images = np.random.default_rng(0).integers(0, 256, (n, 48, 48, 1)).astype(np.float32)
    images[0], images[1] = 0, 255
    return [[image[None]] for image in images]


@pytest.fixture(scope="module")
def ranges(cnn_model):
    runs = runs_of(12)
    return activation_ranges(cnn_model.graph, lambda: iter(runs), len(runs), (0.0, 255.0))


def test_the_input_spans_all_pixels_and_the_output_probabilities(ranges):
    assert ranges["pixels"] == Range(0.0, 255.0, 0.0, 255.0)
    assert 0 <= ranges["scores"].low < ranges["scores"].high <= 1


def test_sixteen_bits_are_quieter_than_eight_and_no_bits_lost_is_silence(cnn_model, ranges):
    graph = cnn_model.graph
    eight, sixteen = (
        layer_noise(graph, quantize_graph(graph, scheme, ranges, io_types="quantized"), iter(runs_of(6)))
        for scheme in ("int8", "int16x8")
    )
    assert [layer.layer for layer in eight] == [layer.layer for layer in sixteen]
    assert {"block1_conv1", "dense", "logits"} <= {layer.layer for layer in eight}
    # Eight bits of activations leave some 20 to 50 dB; sixteen leave what eight bits of weights leave.
    a, b = (np.array([layer.sqnr_db for layer in layers if layer.kind == "CONV_2D"]) for layers in (eight, sixteen))
    assert ((a > 10) & (a < 60)).all()
    assert b.mean() > a.mean() + 1
    assert all(layer.sqnr_db == np.inf for layer in layer_noise(graph, graph, iter(runs_of(2))))


def test_the_ranges_that_cause_the_noise_are_reported(cnn_model, ranges):
    name = next(n for n in ranges if "block2_conv1" in n)
    # A range cut to a tenth saturates: the noise shows where, and by how much.
    cut = {**ranges, name: Range(0.0, ranges[name].high / 10, 0.0, ranges[name].high)}
    whole, narrow = (
        {
            layer.layer: layer
            for layer in layer_noise(cnn_model.graph, quantize_graph(cnn_model.graph, "int8", r), iter(runs_of(6)))
        }
        for r in (ranges, cut)
    )
    assert narrow["block2_conv1"].sqnr_db < whole["block2_conv1"].sqnr_db - 6
    assert narrow["block2_conv1"].saturated > 0.001
    assert whole["block2_conv1"].saturated < 0.001
    assert narrow["block2_conv1"].spanned[1] == pytest.approx(ranges[name].high / 10, rel=0.01)
    low, high = whole["block2_conv1"].weight
    assert low < 0 < high
    assert whole["block2_conv1"].channel_spread >= 1
    assert whole["block2_conv1"].as_dict()["sqnr_db"] == whole["block2_conv1"].sqnr_db


def test_a_rare_outlier_is_cut_off_where_that_gains_more_than_it_loses():
    counts = np.zeros(2048)
    counts[900:1100] = 10_000
    counts[-1] = 1
    low, high = minimum_error_range(counts, -10.0, 10.0)
    assert -10 < low < -0.9
    assert 0.9 < high < 10
    # Evenly spread values are worth every code.
    assert minimum_error_range(np.full(2048, 100.0), -1.0, 1.0) == (-1.0, 1.0)
    assert minimum_error_range(np.zeros(2048), 0.0, 0.0) == (0.0, 0.0)


def test_what_hardly_varies_has_nothing_to_cut_off(cnn_model):
    # Every probability the same but for its last bits: no histogram could be drawn of that.
    tables = Graph(cnn_model.graph, "flat")
    logits = next(o for o in tables.operations if o.layer == "logits")
    for tensor in logits.inputs[1:]:
        flat = np.random.default_rng(0).uniform(1, 1 + 1e-7, tensor.shape).astype(np.float32) * 1e-6
        tables.model.buffers[tables.main.tensors[tensor.index].buffer].data = np.frombuffer(flat.tobytes(), np.uint8)
    runs = runs_of(4)
    ranges = activation_ranges(tables.pack(), lambda: iter(runs), len(runs), (0.0, 255.0))
    assert ranges["scores"].low == pytest.approx(1 / 7, abs=1e-3)
