"""`python scores.py FACES.npy MODEL`: the int8 answers to faces, as JSON; runs here and on the emulated board.

FACES.npy is `(n, 48, 48)` uint8. Answers are given twice: by XNNPACK, as mien runs a model, and by TFLite's reference
kernels, whose integer arithmetic is the definition of the format.
"""

import json
import sys
from pathlib import Path

import numpy as np
from ai_edge_litert.interpreter import Interpreter, OpResolverType

from edge.inference.contract import preprocess
from edge.inference.model_card import read_model


def answers(graph, resolver, faces):
    interpreter = Interpreter(model_content=graph, num_threads=1, experimental_op_resolver_type=resolver)
    interpreter.allocate_tensors()
    (taken,), (given,) = interpreter.get_input_details(), interpreter.get_output_details()
    for face in faces:
        interpreter.set_tensor(taken["index"], preprocess(face, taken["shape"][1]))
        interpreter.invoke()
        yield interpreter.get_tensor(given["index"])[0].tolist()


def main(faces, model):
    faces, graph = np.load(faces), read_model(Path(model)).graph
    kinds = {"xnnpack": OpResolverType.AUTO, "reference": OpResolverType.BUILTIN_REF}
    print(json.dumps({name: list(answers(graph, kind, faces)) for name, kind in kinds.items()}))


main(*sys.argv[1:])
