"""A frozen backbone sees the same faces in each epoch of some stages: its features are then computed once."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import numpy.typing as npt

from edge.datasets.reader import Faces
from train.data.batches import Batches
from train.models.initialization import backbone, first_head_layer
from train.training.torch_layers import no_gradients

Floats = npt.NDArray[np.float32]
#: Largest size of the features of all faces in memory, in bytes: 2,048 features of FER-2013's take a quarter of it.
LARGEST = 1 << 30


class HeadOnFeatures(keras.Model):
    """A network that takes the features of its frozen backbone in place of pixels.

    It has the weights of the whole network in the same order, so that whatever reads or sets them need not
    distinguish the two.

    Args:
        whole: a network whose backbone is frozen.
    """

    def __init__(self, whole: keras.Model) -> None:
        super().__init__(name=whole.name)
        self.whole = whole
        self.head = keras.Model(_features(whole), whole.output)
        # Both are: weights can be loaded before the first batch.
        self.built = True

    def call(self, features: Any, training: bool | None = None) -> Any:
        """Return the scores `(n, classes)` of features `(n, ...)`."""
        return self.head(features, training=training)

    def save_weights(self, filepath: Any, overwrite: bool = True, **options: Any) -> None:
        """Save the weights and the optimizer as those of the whole network, which any later run can load."""
        self.whole.optimizer = self.optimizer
        self.whole.save_weights(filepath, overwrite=overwrite, **options)

    def load_weights(self, filepath: Any, skip_mismatch: bool = False, **options: Any) -> None:
        """Load the weights and the optimizer of the whole network."""
        self.whole.optimizer = self.optimizer
        self.whole.load_weights(filepath, skip_mismatch=skip_mismatch, **options)


class FeatureBatches(Batches):
    """The batches of one split, with the features of each face in place of its pixels.

    Args:
        model: the network whose backbone computes them, at once.
        faces: the split.
        batch_size: as for `Batches`.
        seed: as for `Batches`.
        verbose: as for `compute_features`.
    """

    def __init__(
        self, model: keras.Model, faces: Faces, batch_size: int, seed: int | None, verbose: str | int = 0
    ) -> None:
        super().__init__(faces, batch_size, seed)
        self._features = compute_features(model, faces, batch_size, verbose)

    def __getitem__(self, index: int) -> tuple[Floats, ...]:
        """Features `(n, ...)` and targets `(n, classes)` of batch `index`, float32."""
        chosen = self._order[index * self._batch_size : (index + 1) * self._batch_size]
        return self._features[chosen], self._targets(chosen)


def can_compute_once(model: keras.Model, n_faces: int) -> bool:
    """Whether the backbone of a model is frozen and draws no random numbers, and all its features fit in memory."""
    layers = backbone(model)
    if not layers or any(layer.trainable_weights or _is_random(layer) for layer in layers):
        return False
    # One in the head gathers statistics of its own, for which the whole network runs.
    if any(isinstance(layer, keras.layers.BatchNormalization) and layer.trainable for layer in model.layers):
        return False
    shape = _features(model).shape[1:]
    return None not in shape and 4 * n_faces * int(np.prod(shape)) <= LARGEST


def compute_features(model: keras.Model, faces: Faces, batch_size: int, verbose: str | int = 0) -> Floats:
    """Compute the features that the head of a network takes.

    Args:
        model: the network.
        faces: `n` faces.
        batch_size: faces in one batch.
        verbose: the progress display of Keras: 0 none, 1 or "auto" a bar of the batches, 2 one line at the end.

    Returns:
        `(n, ...)` float32.
    """
    below = keras.Model(model.input, _features(model))
    pixels = Batches(faces, batch_size, None)
    progress = keras.utils.Progbar(len(pixels), verbose=1 if verbose == "auto" else verbose)
    parts = []
    with no_gradients():
        for i in range(len(pixels)):
            features = keras.ops.convert_to_numpy(below(pixels[i][0], training=False))
            parts.append(np.asarray(features, np.float32))
            progress.update(i + 1)
    return np.concatenate(parts)


def _features(model: keras.Model) -> Any:
    """The tensor that the head takes: pooled or flattened, which has no weights."""
    return model.get_layer(first_head_layer(model)).output


def _is_random(layer: Any) -> bool:
    """Whether a layer draws random numbers in training."""
    return any(variable.path.endswith("seed_generator_state") for variable in layer.variables)
