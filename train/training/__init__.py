"""One training run: from a recipe and a data set to a finished run folder.

`fit(recipe, data, out)` is what a caller needs. `run_setup` checks what must fit together before a run starts or is
resumed; `trainer` runs the stages; `freezing`, `optimizer`, `loss`, `devices` and `callbacks` are the parts of a stage;
`checkpoint` and `interrupt` make a run resumable; `distillation` mixes teachers into the targets; `moving_averages`,
`weight_averaging` and `logit_adjustment` change the weights that are saved; `torch_layers` is faster on PyTorch.

Importing this room does not import Keras.
"""

from train.training.fitting import FitResult, fit

__all__ = ["FitResult", "fit"]
