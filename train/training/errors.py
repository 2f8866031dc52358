"""The error of a run whose recipe cannot be trained."""

from edge.errors import MienError


class UntrainableError(MienError):
    """With the values of a recipe the loss is no longer a number, or a batch does not fit in memory."""
