import json
import subprocess
import sys

import pytest

from convert.analysis.inspection import inspect
from edge.detection.weights import WEIGHTS
from edge.inference.flatbuffer import Graph
from edge.inference.model_card import read_parts
from edge.system.cache import cache_folder
from tests.conftest import SHIPPED


def test_the_figures_of_a_network_that_can_be_counted_by_hand(small_model, tmp_path):
    from convert.float_model import load_float_model

    model = small_model()
    # The converter leaves out a bias that is all zero.
    model.get_layer("logits").set_weights([w + 0.1 for w in model.get_layer("logits").get_weights()])
    model.save(tmp_path / "small.keras")
    path = tmp_path / "small.tflite"
    path.write_bytes(load_float_model(tmp_path / "small.keras").graph)
    found = inspect(path)
    # 48 -> 23 -> 11 pixels a side, without padding.
    stem, second, dense = 23 * 23 * 4 * 9, 11 * 11 * 6 * 4 * 9, 6 * 7
    assert {row.layer: row.macs for row in found.operations if row.macs} == {
        "stem": stem,
        "second": second,
        "logits": dense,
    }
    assert found.macs == stem + second + dense
    assert found.parameters == (9 * 4 + 4) + (4 * 9 * 6 + 6) + (6 * 7 + 7)
    assert [tensor.shape for tensor in (*found.inputs, *found.outputs)] == [(1, 48, 48, 1), (1, 7)]
    # Most at one time: the pixels, which stay to the end, and input and output of the second convolution.
    alive = 48 * 48 * 4, 23 * 23 * 4 * 4, 11 * 11 * 6 * 4
    assert found.arena_bytes == sum(-(-size // 64) * 64 for size in alive)
    assert len(found.float_operations) == len(found.operations)


def test_inspect_prints_text_and_json(mien):
    done = mien("inspect", SHIPPED, module="convert")
    assert done.code == 0, done.err
    for text in ("mien-small-ferplus-int8@1", "UINT8 [1, 48, 48, 1], scale 1, zero point 0", "TFLITE_METADATA",
                 "59.15 million multiply-accumulates", "every tensor is an integer"):  # fmt: skip
        assert text in done.out
    assert mien("inspect", "mien-small-ferplus", module="convert").out == done.out
    done = mien("inspect", SHIPPED, "--json", module="convert")
    table = json.loads(done.out)
    assert table["card"]["name"] == "mien-small-ferplus"
    assert table["parameters"] == sum(row["parameters"] for row in table["operations"])
    assert table["float_operations"] == []


def test_it_reads_a_foreign_file(mien, weights):
    done = mien("inspect", cache_folder() / WEIGHTS["blazeface"].file, module="convert")
    assert done.code == 0, done.err
    assert "card        none" in done.out
    assert "every operation" in done.out
    assert "105.67 million" in done.out


def test_names_in_a_file_of_unknown_origin_are_printed_with_escapes(invoke, tmp_path):
    graph, _ = read_parts(SHIPPED)
    tables = Graph(graph, "shipped")
    for tensor in tables.main.tensors:
        tensor.name = "\x1b[2J\nx"
    path = tmp_path / "x.tflite"
    path.write_bytes(tables.pack())
    done = invoke("inspect", path, module="convert")
    assert done.code == 0, done.err
    assert r"\x1b[2J\nx: UINT8" in done.out
    assert "\x1b" not in done.out


def test_it_needs_no_tensorflow():
    code = (
        "import sys\n"
        "for name in ('tensorflow', 'keras', 'torch', 'jax', 'ai_edge_quantizer', 'jinja2', 'scipy'):\n"
        "    sys.modules[name] = None\n"
        f"sys.argv = ['mien', 'convert', 'inspect', {str(SHIPPED)!r}]\n"
        "from edge.cli.main import main; main()"
    )
    done = subprocess.run([sys.executable, "-P", "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "25 operations" in done.stdout or "operations  25" in done.stdout


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is not a .tflite"),
        (b"x" * 100, "is not a .tflite"),
        (b"\x1c\x00\x00\x00TFL3" + b"\xff" * 60, "is damaged"),
    ],
)
def test_files_that_are_none(mien, tmp_path, content, message):
    path = tmp_path / "x.tflite"
    path.write_bytes(content)
    done = mien("inspect", path, module="convert")
    assert done.code == 1
    assert message in done.error_line()
    assert mien("inspect", tmp_path / "none.tflite", module="convert").code == 1
