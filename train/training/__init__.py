"""One training run: from a recipe and a data set to a finished run folder.

`fit(recipe, data, out)` is what a caller needs. `run_setup` checks what must fit together before a run starts or is
resumed; `trainer` runs the stages; `freezing`, `optimizer`, `loss`, `devices` and `callbacks` are the parts of a stage;
`checkpoint` and `interrupt` make a run resumable; `distillation` mixes teachers into the targets; `moving_averages`,
`weight_averaging` and `logit_adjustment` change the weights that are saved; `torch_layers` is faster on PyTorch.
`find_learning_rate` and `search` train a recipe to choose its values.

Importing this room does not import Keras.
"""

from train.training.fitting import FitResult, fit
from train.training.learning_rate_range import find_learning_rate
from train.training.recipe_search import search

__all__ = ["FitResult", "find_learning_rate", "fit", "search"]
