"""The order of a foreign network's classes: by name where it is stated, and the orders that people train in."""

from __future__ import annotations

from collections.abc import Sequence

from edge.datasets.class_names import NUMBERED, parse_class_names
from edge.errors import WrongUseError

#: The order in which Keras' `flow_from_directory` and PyTorch's `ImageFolder` number the folders of a data set.
ALPHABETICAL = "alphabetical"


def parse_class_order(text: str) -> tuple[str, ...]:
    """Parse an order of classes.

    Args:
        text: `alphabetical`, a key of `edge.datasets.class_names.NUMBERED`, or names separated by commas.

    Returns:
        The names; for `alphabetical` that word alone.

    Raises:
        WrongUseError: it is none.
    """
    return (ALPHABETICAL,) if text == ALPHABETICAL else parse_class_names(text)


def resolve_class_order(order: Sequence[str], labels: tuple[str, ...]) -> tuple[str, ...]:
    """Return the classes of a data set in an order.

    Args:
        order: what `parse_class_order` returns.
        labels: the classes of the data.

    Raises:
        WrongUseError: the order has other classes than the data.
    """
    if tuple(order) == (ALPHABETICAL,):
        return tuple(sorted(labels))
    if sorted(order) != sorted(labels):
        raise WrongUseError(
            f"--class-order has {', '.join(order)}; the data has {', '.join(labels)}: expected the same"
        )
    return tuple(order)


def common_orders(labels: tuple[str, ...]) -> dict[str, tuple[str, ...]]:
    """Return the orders in which people train networks of these classes, by the word that `parse_class_order` takes."""
    known = {name: order for name, order in NUMBERED.items() if sorted(order) == sorted(labels)}
    return {ALPHABETICAL: tuple(sorted(labels)), **known}
