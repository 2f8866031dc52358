"""Training: data to a trained model. Needs the extra `train`, but only when a function is used.

::

    result = mien.train.fit("cnn", "fer2013.csv", "runs/cnn")
    evaluation = mien.train.evaluate(result.model, "fer2013.csv")
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from edge.system.lazy import lazy_exports

if TYPE_CHECKING:
    from train.evaluation import evaluate
    from train.training import find_learning_rate, fit, search

__all__ = ["evaluate", "find_learning_rate", "fit", "search"]

__getattr__, __dir__ = lazy_exports(
    __name__,
    {
        "evaluate": "train.evaluation:evaluate",
        "find_learning_rate": "train.training:find_learning_rate",
        "fit": "train.training:fit",
        "search": "train.training:search",
    },
    extra="train",
)
