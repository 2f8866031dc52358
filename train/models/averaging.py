"""Averages the weights of networks that were trained from one another.

Two networks of the same architecture of which one was trained further from the other, or both from a third, lie in one
valley of the loss: the network with their mean weights is as good as both, and often better on other data than either
(Wortsman et al., 2022, "Model soups" and "Robust fine-tuning of zero-shot models"). It costs no more than one of them,
unlike an ensemble. Networks from different random weights have nothing in common, and their mean recognizes nothing.
"""

from __future__ import annotations

from collections.abc import Sequence

import keras
import numpy as np

from edge.errors import ModelError


def average(members: Sequence[keras.Model], shares: Sequence[float], names: Sequence[str]) -> keras.Model:
    """Return the first network with the mean of all their weights.

    The statistics of batch normalization are averaged like the weights; they belong to the mean weights only after
    `train.training.weight_averaging.recompute_batch_norm`.

    Args:
        members: of one architecture. The first one is changed.
        shares: of each member in the mean, greater than 0; divided by their sum.
        names: names of the members, for error messages.

    Raises:
        ModelError: two members have different layers.
    """
    first, weights = members[0], [member.get_weights() for member in members]
    for found, name in zip(weights, names, strict=True):
        if [array.shape for array in found] != [array.shape for array in weights[0]]:
            raise ModelError(f"{name} has other layers than {names[0]}: expected networks of one recipe")
    parts = np.array(shares, np.float64) / sum(shares)
    first.set_weights(
        [
            sum(part * array.astype(np.float64) for part, array in zip(parts, arrays, strict=True)).astype(
                arrays[0].dtype
            )
            for arrays in zip(*weights, strict=True)
        ]
    )
    return first
