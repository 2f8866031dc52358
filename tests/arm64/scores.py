"""`python scores.py FACES.npy MODEL`: prints the int8 outputs for faces as JSON, here and on the emulated board.

FACES.npy is `(n, 48, 48)` uint8. The outputs are computed twice: by XNNPACK, as mien runs a model, and by TFLite's
reference kernels, whose integer arithmetic defines the format.
"""

import json
import sys
from pathlib import Path

import numpy as np
from ai_edge_litert.interpreter import Interpreter, OpResolverType

from edge.inference.contract import preprocess
from edge.inference.model_card import read_model


def outputs(graph, resolver, faces):
    interpreter = Interpreter(model_content=graph, num_threads=1, experimental_op_resolver_type=resolver)
    interpreter.allocate_tensors()
    (input_details,), (output_details,) = interpreter.get_input_details(), interpreter.get_output_details()
    for face in faces:
        interpreter.set_tensor(input_details["index"], preprocess(face, input_details["shape"][1]))
        interpreter.invoke()
        yield interpreter.get_tensor(output_details["index"])[0].tolist()


def main(faces, model):
    faces, graph = np.load(faces), read_model(Path(model)).graph
    kinds = {"xnnpack": OpResolverType.AUTO, "reference": OpResolverType.BUILTIN_REF}
    print(json.dumps({name: list(outputs(graph, kind, faces)) for name, kind in kinds.items()}))


main(*sys.argv[1:])
