"""`mien convert inspect --target`: which operations a target takes."""

import json

import pytest

from convert.targets import TARGETS, assess
from edge.detection.weights import read_weights
from edge.errors import ModelError
from edge.inference.flatbuffer import Graph, schema
from edge.inference.model_card import read_model
from edge.inference.shipped_models import find_model

SMALL = read_model(find_model("mien-small-int8")).graph


def changed(**kinds):
    """mien-small-int8 with other operators, old name to new."""
    graph = Graph(SMALL, "small")
    numbers = {
        getattr(schema().BuiltinOperator, old): getattr(schema().BuiltinOperator, new) for old, new in kinds.items()
    }
    for code in graph.model.operatorCodes:
        code.builtinCode = code.deprecatedBuiltinCode = numbers.get(code.builtinCode, code.builtinCode)
    return graph.pack()


def left_by(target, content=SMALL):
    return [(each.operation.kind, each.reason) for each in assess(target, content, "small").left]


def test_the_shipped_models_are_taken_whole():
    for target in ("edgetpu", "tflm"):
        assert left_by(target) == []
    assert {kind for kind, _ in left_by("esp-nn")} == {"QUANTIZE", "MEAN"}
    assert {kind for kind, _ in left_by("xnnpack")} == {"QUANTIZE", "SOFTMAX"}


def test_vela_takes_the_shipped_models_in_one_part():
    """Vela itself compiles them."""
    report = assess("ethos-u", SMALL, "small")
    assert report.left == ()
    assert report.partitions == 1
    assert report.source.startswith("Vela 5.")


def test_vela_leaves_what_an_ethos_u_does_not_have():
    report = assess("ethos-u", changed(ADD="FLOOR_MOD"), "small")
    assert {each.operation.kind for each in report.left} == {"FLOOR_MOD"}
    assert report.is_split


def test_an_operator_that_is_not_in_the_lists():
    content = changed(MEAN="TOPK_V2")
    assert left_by("tflm", content) == [("TOPK_V2", "the interpreter has no such operator")]
    assert ("TOPK_V2", "it has no kernel there") in left_by("esp-nn", content)
    left = left_by("edgetpu", content)
    assert left[0] == ("TOPK_V2", "it is not in the list")
    # The compiler maps one part, from the beginning.
    assert [kind for kind, _ in left[1:]] == ["FULLY_CONNECTED", "SOFTMAX"]
    assert all(reason.startswith("behind an operation that is left") for _, reason in left[1:])


def test_dtypes_and_options_count():
    graph = Graph(SMALL, "small")
    convolution = next(operation for operation in graph.operations if operation.kind == "CONV_2D")
    graph.main.operators[convolution.index].builtinOptions.dilationHFactor = 2
    content = graph.pack()
    assert left_by("edgetpu", content)[0] == ("CONV_2D", "its dilations differ")
    assert ("CONV_2D", "it is dilated") in left_by("esp-nn", content)


def test_a_float_model(weights):
    content = read_weights("blazeface")
    assert left_by("edgetpu", content)[0][1].startswith("it has a tensor of FLOAT")
    assert ("CONV_2D", "its output is FLOAT32, not INT8") in left_by("esp-nn", content)
    assert "no chip has fast kernels" in assess("tflm", content, "blazeface").note


def test_a_graph_on_which_vela_crashes():
    """It does not check the number of an operator's inputs; a release that does may reject the graph."""
    with pytest.raises(ModelError, match=r"Vela \S+ crashes on small \(SIG\w+\)|Vela rejects small: (?!Warning)"):
        assess("ethos-u", changed(MEAN="FLOOR_MOD"), "small")


def test_vela_rejects_what_is_no_graph():
    with pytest.raises(ModelError, match=r"Vela rejects|is not a \.tflite|damaged"):
        assess("ethos-u", SMALL[:2000], "cut")


def test_the_command_lists_each_target_with_its_source(invoke):
    done = invoke("inspect", "mien-small-int8", "--target", "esp-nn", "--delegate", module="convert")
    assert done.code == 0, done.err
    assert "esp-nn takes 23 of 25 operations; not 1 QUANTIZE, 1 MEAN" in done.out
    assert "MEAN, pool: it has no kernel there" in done.out
    assert "xnnpack takes 23 of 25 operations in 1 part" in done.out
    assert done.out.count("source: ") == 2
    done = invoke("inspect", "mien-nano-int8", *(f"--target={name}" for name in TARGETS), "--json", module="convert")
    assert [report["target"] for report in json.loads(done.out)["targets"]] == [*TARGETS]
    done = invoke("inspect", "mien-nano-int8", "--target", "npu", module="convert")
    assert done.code == 2
    assert "'npu' is not one of" in done.error_line()
