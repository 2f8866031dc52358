"""Checks which operators a SavedModel has before TensorFlow loads it, because a SavedModel is a program.

TensorFlow runs some of its functions while it loads, and has operators that read and write files, call Python and open
connections. A network that classifies faces needs none of them, so the operators below are all that is accepted.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from edge.errors import ModelError, first_line
from edge.system.regular_files import read_regular
from edge.system.untrusted_text import printable

#: The largest graph file that is read, in bytes. Weights are in other files; DenseNet121 takes 2.6 MB.
MAX_GRAPH_BYTES = 64 << 20

#: Operators of networks: what Keras' layers become, and what converters of other frameworks write.
_NETWORK = """
Abs Acos Acosh Add AddN AddV2 All Any ArgMax ArgMin Asin Asinh Atan Atan2 Atanh AvgPool AvgPool3D BatchMatMul
BatchMatMulV2 BatchMatMulV3 BatchToSpace BatchToSpaceND BiasAdd BiasAddV1 Bitcast BroadcastArgs BroadcastTo Cast Ceil
ClipByValue Concat ConcatV2 Conv Conv2D Conv2DBackpropInput Conv3D Cos Cosh Cumprod Cumsum DepthToSpace
DepthwiseConv2dNative Div DivNoNan Einsum Elu EnsureShape Equal Erf Erfc Exp ExpandDims Expm1 ExtractImagePatches
FakeQuantWithMinMaxArgs FakeQuantWithMinMaxVars FakeQuantWithMinMaxVarsPerChannel Fill Floor FloorDiv FloorMod
FusedBatchNorm FusedBatchNormV2 FusedBatchNormV3 Gather GatherNd GatherV2 Greater GreaterEqual Identity IdentityN
InvertPermutation IsFinite IsInf IsNan L2Loss LRN LeakyRelu Less LessEqual LinSpace Log Log1p LogSoftmax LogicalAnd
LogicalNot LogicalOr MatMul Max MaxPool MaxPool3D MaxPoolV2 Maximum Mean Min Minimum MirrorPad Mod Mul MulNoNan Neg
NoOp NotEqual OneHot OnesLike Pack Pad PadV2 Placeholder PlaceholderWithDefault Pow PreventGradient Prod
QuantizeAndDequantizeV2 QuantizeAndDequantizeV3 QuantizeAndDequantizeV4 Range Rank RealDiv Reciprocal Relu Relu6
Reshape ResizeArea ResizeBicubic ResizeBilinear ResizeNearestNeighbor ReverseV2 Rint Round Rsqrt ScatterNd Select
SelectV2 Selu Shape ShapeN Sigmoid Sign Sin Sinh Size Slice Softmax Softplus Softsign SpaceToBatch SpaceToBatchND
SpaceToDepth Split SplitV Sqrt Square SquaredDifference Squeeze StopGradient StridedSlice Sub Sum Tan Tanh
TensorScatterUpdate Tile TopKV2 Transpose TruncateDiv TruncateMod Unpack Where Xdivy Xlogy ZerosLike Cholesky
FFT IFFT IRFFT MatrixInverse MatrixSolve Qr RFFT SelfAdjointEigV2 Svd
""".split()  # noqa: SIM905  (a list of strings would be four times as long)
#: Constants, variables, and calls of functions, which are checked themselves.
_STRUCTURE = """
AssignVariableOp Const PartitionedCall ReadVariableOp ResourceGather StatefulPartitionedCall VarHandleOp
VarIsInitializedOp VariableShape
""".split()  # noqa: SIM905
ACCEPTED_OPERATORS = frozenset((*_NETWORK, *_STRUCTURE))


def check_operators(folder: Path) -> None:
    """Check that a SavedModel is a network, and reads, writes and calls nothing but its own weights.

    Args:
        folder: the SavedModel. Nothing of it is run.

    Raises:
        ModelError: it has another operator, is no SavedModel of TensorFlow 2, or is damaged.
    """
    from google.protobuf.message import DecodeError
    from tensorflow.core.protobuf.saved_model_pb2 import SavedModel

    path = folder / "saved_model.pb"
    try:
        saved = SavedModel.FromString(read_regular(path, MAX_GRAPH_BYTES))
    except OSError as error:
        raise ModelError(f"{folder} is not a SavedModel: {error.strerror or error}: {path.name}") from error
    except DecodeError as error:
        raise ModelError(f"{path} is damaged: {first_line(error)}") from error
    if not saved.meta_graphs:
        raise ModelError(f"{path} is damaged: it has no graph")
    for graph in saved.meta_graphs:
        _check_graph(graph, folder)


def _check_graph(graph: Any, folder: Path) -> None:
    if not graph.HasField("object_graph_def"):
        # TensorFlow would run its initialization as version 1 did.
        raise ModelError(f"{folder} is a SavedModel of TensorFlow 1: expected one of TensorFlow 2, or a .keras file")
    functions = {function.signature.name: function for function in graph.graph_def.library.function}
    # The functions that are there to save and to restore are not among the roots: TensorFlow 2 never calls them.
    todo = [*graph.object_graph_def.concrete_functions]
    seen: set[str] = set()
    while todo:
        name = todo.pop()
        function = functions.get(name)
        if name in seen or function is None:
            continue
        seen.add(name)
        for node in function.node_def:
            if node.op in functions:
                todo.append(node.op)
            elif node.op not in ACCEPTED_OPERATORS:
                raise ModelError(
                    f"{folder} uses the operator {printable(node.op)[:100]}: a SavedModel is a program, and this one "
                    "is not only a network; expected layers alone, else give a .keras file"
                )
            todo += _called(node.attr.values())


def _called(attributes: Iterable[Any]) -> Iterator[str]:
    """The functions that an operator's attributes name."""
    for attribute in attributes:
        if attribute.HasField("func"):
            yield attribute.func.name
        for function in attribute.list.func if attribute.HasField("list") else ():
            yield function.name
