"""The process in which TensorFlow Lite for Microcontrollers runs.

Called as `python -m convert.micro.tflm_child MODEL FACES CODES`. Prints `arena BYTES`, then `faces NUMBER` from time to
time, and writes the output codes as .npy.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np

from convert.micro.tflm import REPORT_EVERY
from edge.errors import first_line

#: The interpreter gets memory in units of this many bytes while the smallest arena is searched.
_STEP = 16
_LARGEST_ARENA = 256 << 20


def main(model_path: str, faces_path: str, codes_path: str) -> int:
    """Run; return the exit status."""
    from tflite_micro.python.tflite_micro.runtime import Interpreter

    model, faces = Path(model_path).read_bytes(), np.load(faces_path)

    def load(arena_bytes: int) -> Any:
        # The package copies the bytes.
        return Interpreter.from_bytes(model, arena_size=arena_bytes)

    try:
        too_small, enough = 0, max(_STEP, len(model))
        while not _fits(load, enough):
            too_small, enough = enough, 2 * enough
            if enough > _LARGEST_ARENA:
                load(too_small)
        while enough - too_small > _STEP:
            middle = (too_small + enough) // 2
            too_small, enough = (too_small, middle) if _fits(load, middle) else (middle, enough)
        print("arena", -(-enough // _STEP) * _STEP, flush=True)
        interpreter = load(2 * enough)
        codes = []
        for i, face in enumerate(faces):
            if i % REPORT_EVERY == 0:
                print("faces", i, flush=True)
            interpreter.set_input(face.reshape(1, *face.shape, 1), 0)
            interpreter.invoke()
            codes.append(interpreter.get_output(0)[0].copy())
    except (RuntimeError, ValueError) as error:
        print(first_line(error), file=sys.stderr)
        return 1
    np.save(codes_path, np.array(codes, np.int8))
    return 0


def _fits(load: Any, arena_bytes: int) -> bool:
    try:
        load(arena_bytes)
    except RuntimeError:
        return False
    return True


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
