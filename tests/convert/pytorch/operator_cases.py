"""Compares every operator of ONNX with ONNX Runtime: `python -m tests.convert.pytorch.operator_cases`, with PyTorch.

Prints a line of JSON for each case: the operator, and the greatest difference; null if the shapes differ.
"""

import json
from pathlib import Path

import numpy as np
import onnxruntime
import torch
from onnx import TensorProto, helper, numpy_helper

from convert.pytorch.onnx_module import OnnxModule

RANDOM = np.random.default_rng(0)
IMAGE = (1, 4, 9, 9)


def floats(*shape):
    return RANDOM.normal(0, 1, shape).astype(np.float32)


def ints(*values):
    return np.array(values, np.int64)


#: Operator, shape of its first input, its other inputs, and its attributes.
CASES = [
    *(
        (kind, IMAGE, (), {})
        for kind in (
            "Abs",
            "Elu",
            "Erf",
            "Exp",
            "Flatten",
            "Gelu",
            "GlobalAveragePool",
            "GlobalMaxPool",
            "HardSigmoid",
            "HardSwish",
            "Identity",
            "LeakyRelu",
            "Mish",
            "Neg",
            "Relu",
            "Selu",
            "Sigmoid",
            "Softplus",
            "Tanh",
            "Dropout",
        )
    ),
    *((kind, IMAGE, (floats(*IMAGE),), {}) for kind in ("Add", "Sub", "Mul", "Max", "Min")),
    ("Div", IMAGE, (np.abs(floats(4, 1, 1)) + 1,), {}),
    ("Pow", IMAGE, (np.array(2.0, np.float32),), {}),
    ("Concat", IMAGE, (floats(1, 3, 9, 9),), {"axis": 1}),
    ("Elu", IMAGE, (), {"alpha": 0.3}),
    ("LeakyRelu", IMAGE, (), {"alpha": 0.2}),
    ("HardSigmoid", IMAGE, (), {"alpha": 1 / 6, "beta": 0.5}),
    ("Gelu", IMAGE, (), {"approximate": "tanh"}),
    ("PRelu", IMAGE, (np.abs(floats(4, 1, 1)),), {}),
    ("Clip", IMAGE, (np.array(-0.5, np.float32), np.array(0.5, np.float32)), {}),
    ("Conv", IMAGE, (floats(6, 4, 3, 3), floats(6)), {"pads": [1, 1, 1, 1]}),
    ("Conv", IMAGE, (floats(4, 1, 3, 3),), {"group": 4, "strides": [2, 2], "pads": [0, 1, 2, 1]}),
    ("Conv", IMAGE, (floats(6, 4, 3, 3),), {"auto_pad": "SAME_UPPER", "strides": [2, 2]}),
    ("Conv", IMAGE, (floats(6, 4, 2, 2),), {"auto_pad": "SAME_LOWER"}),
    ("Conv", IMAGE, (floats(6, 4, 3, 3),), {"dilations": [2, 2]}),
    ("MaxPool", IMAGE, (), {"kernel_shape": [3, 3], "strides": [2, 2], "pads": [1, 1, 1, 1]}),
    ("MaxPool", IMAGE, (), {"kernel_shape": [2, 2], "strides": [2, 2], "ceil_mode": 1}),
    ("MaxPool", IMAGE, (), {"kernel_shape": [2, 2], "strides": [2, 2], "auto_pad": "SAME_UPPER"}),
    ("AveragePool", IMAGE, (), {"kernel_shape": [3, 3], "strides": [2, 2], "pads": [1, 1, 1, 1]}),
    ("AveragePool", IMAGE, (), {"kernel_shape": [3, 3], "pads": [1, 1, 1, 1], "count_include_pad": 1}),
    ("BatchNormalization", IMAGE, (floats(4), floats(4), floats(4), np.abs(floats(4)) + 0.5), {"epsilon": 1e-3}),
    ("InstanceNormalization", IMAGE, (floats(4), floats(4)), {}),
    ("LayerNormalization", (1, 5, 8), (floats(8), floats(8)), {"axis": -1}),
    ("Gemm", (1, 8), (floats(5, 8), floats(5)), {"transB": 1}),
    ("Gemm", (8, 1), (floats(8, 5),), {"transA": 1, "alpha": 0.5}),
    ("MatMul", (1, 3, 8), (floats(8, 5),), {}),
    ("Flatten", IMAGE, (), {"axis": 2}),
    ("Reshape", IMAGE, (ints(0, -1, 9),), {}),
    ("Squeeze", (1, 4, 1, 1), (ints(2, 3),), {}),
    ("Unsqueeze", (1, 4), (ints(2, 3),), {}),
    ("Unsqueeze", (1, 4), (ints(-1),), {}),
    ("ReduceMean", IMAGE, (ints(2, 3),), {"keepdims": 0}),
    ("ReduceMax", IMAGE, (ints(1),), {}),
    ("ReduceSum", IMAGE, (ints(-1),), {}),
    ("ReduceSum", IMAGE, (), {}),
    ("Pad", IMAGE, (ints(0, 0, 1, 2, 0, 0, 3, 4), np.array(0.5, np.float32)), {}),
    ("Pad", IMAGE, (ints(0, 0, 1, 2, 0, 0, 2, 1),), {"mode": "reflect"}),
    ("Pad", IMAGE, (ints(0, 0, 1, 2, 0, 0, 2, 1),), {"mode": "edge"}),
    ("Slice", IMAGE, (ints(1, 0), ints(9223372036854775807, -1), ints(2, 3), ints(2, 1)), {}),
    ("Split", IMAGE, (ints(1, 3),), {"axis": 1}),
    ("Split", IMAGE, (), {"axis": 1, "num_outputs": 2}),
    ("Softmax", (1, 7), (), {}),
    ("Softmax", IMAGE, (), {"axis": 1}),
    ("LogSoftmax", (1, 7), (), {"axis": 1}),
    ("Transpose", IMAGE, (), {"perm": [0, 2, 3, 1]}),
    ("Transpose", (1, 3, 4), (), {}),
    ("Gather", IMAGE, (ints(2, 0),), {"axis": 1}),
    ("Gather", IMAGE, (np.array(1, np.int64),), {"axis": 1}),
]
#: Operators of positive numbers.
POSITIVE = [("Log", IMAGE, (), {}), ("Sqrt", IMAGE, (), {})]


def difference(kind, shape, others, attributes, x):
    names = ["x", *(f"c{i}" for i in range(len(others)))]
    node = helper.make_node(kind, names, ["y"], **attributes)
    if kind == "Split":
        node.output.append("rest")
    graph = helper.make_graph(
        [node], "case", [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
        [numpy_helper.from_array(value, name) for name, value in zip(names[1:], others, strict=True)],
    )  # fmt: skip
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 22)], ir_version=10)
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    expected = session.run(["y"], {"x": x})[0]
    with torch.no_grad():
        found = OnnxModule(model.graph, Path("case.onnx"))(torch.from_numpy(x)).numpy()
    return float(np.abs(found - expected).max()) if found.shape == expected.shape else None


if __name__ == "__main__":
    for kind, shape, others, attributes in CASES:
        print(json.dumps([kind, difference(kind, shape, others, attributes, floats(*shape))]))
    for kind, shape, others, attributes in POSITIVE:
        print(json.dumps([kind, difference(kind, shape, others, attributes, np.abs(floats(*shape)) + 0.1)]))
