"""Weights files of Keras 1 and 2: one HDF5 group for each layer, with or without the top of the network.

Keras loads such a file by the order of its layers, and therefore only one that has exactly the layers of the network.
Here layers are found by their names.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float32]
#: ResNet50's layers in the first published file (deep-learning-models 0.2, 2017), such as `res2a_branch2a`: stage,
#: block and branch; branch 1 is the shortcut.
_RESNET_2017 = re.compile(r"(res|bn)([2-5])([a-f])_branch(1|2[abc])")
_BRANCHES = {"1": "0", "2a": "1", "2b": "2", "2c": "3"}


def read_legacy_weights(path: Path, layers: Iterable[Any]) -> dict[str, list[Array]]:
    """Read the weights of layers from a file of Keras 1 or 2.

    Args:
        path: a file; one of another format, or none of HDF5 at all, has no layers.
        layers: Keras layers with their weights.

    Returns:
        Name of a layer to its weights, for each layer that the file has in the same shapes.
    """
    found: dict[str, list[Array]] = {}
    try:
        with h5py.File(path) as file:
            groups = {_current_name(_text(name)): _text(name) for name in file.attrs.get("layer_names", ())}
            for layer in layers:
                group = file.get(groups.get(layer.name, ""))
                if not isinstance(group, h5py.Group):
                    continue
                datasets = [group.get(_text(name)) for name in group.attrs.get("weight_names", ())]
                shapes = [d.shape if isinstance(d, h5py.Dataset) else None for d in datasets]
                # Before anything is read: a damaged file may name arrays of any size.
                if shapes == [tuple(weight.shape) for weight in layer.weights]:
                    found[layer.name] = [np.asarray(d[()], np.float32) for d in datasets]
    except (OSError, RuntimeError, KeyError, TypeError, ValueError):
        # What HDF5 raises for a damaged file: Keras then reports what is wrong with it.
        return {}
    return found


def _current_name(name: str) -> str:
    """Return the name of a layer in today's keras.applications."""
    if name in ("conv1", "bn_conv1"):
        return {"conv1": "conv1_conv", "bn_conv1": "conv1_bn"}[name]
    match = _RESNET_2017.fullmatch(name)
    if match is None:
        return name
    kind, stage, block, branch = match.groups()
    suffix = "conv" if kind == "res" else "bn"
    return f"conv{stage}_block{ord(block) - ord('a') + 1}_{_BRANCHES[branch]}_{suffix}"


def _text(name: Any) -> str:
    return name.decode("utf-8", "replace") if isinstance(name, bytes) else str(name)
