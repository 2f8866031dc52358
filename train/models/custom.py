"""Architectures of a user's own: a function in a Python file, which a recipe names as `module:function`."""

from __future__ import annotations

import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

from edge.errors import DataError, WrongUseError, first_line
from edge.inference.contract import INPUT_SIZE
from train.models.architecture import Architecture


def is_custom(name: str) -> bool:
    """Whether the name of an architecture is one of a function."""
    return ":" in name


def custom_architecture(name: str) -> type[Architecture]:
    """Import a function that builds a network. Its module is code of the user's, and is run.

    Args:
        name: `module:function`. The module is found as Python finds it, or else in the current folder. The function
            takes the number of classes and the recipe's `[model]` as keyword arguments, and returns a `keras.Model`.

    Returns:
        An architecture with that function as its `build`; the object itself if it is an architecture.

    Raises:
        WrongUseError: there is no such module or function, or the module cannot be imported.
    """
    module_name, _, attribute = name.partition(":")
    if not all(part.isidentifier() for part in (*module_name.split("."), attribute)):
        raise WrongUseError(f"architecture {name!r}: expected module:function, such as my_network:build")
    folder = str(Path.cwd())
    if folder not in sys.path:
        # At the end: a file of the user's must not replace a library's.
        sys.path.append(folder)
    try:
        module = import_module(module_name)
    except Exception as error:
        raise WrongUseError(f"architecture {name}: cannot import {module_name}: {first_line(error)}") from error
    found: Any = getattr(module, attribute, None)
    if isinstance(found, type) and issubclass(found, Architecture):
        return found
    if found is None or not callable(found):
        where = getattr(module, "__file__", None) or module_name
        raise WrongUseError(f"architecture {name}: {where} has no function {attribute}")

    class Custom(Architecture):
        build = staticmethod(_checked(found, name))

    return Custom


def _checked(build: Callable[..., Any], name: str) -> Callable[..., Any]:
    """Return the function with a check of what it returns."""

    def checked(n_classes: int, *args: Any, **model: Any) -> Any:
        import keras

        built = build(n_classes, *args, **model)
        if not isinstance(built, keras.Model):
            raise DataError(f"{name} returns {type(built).__name__}: expected a keras.Model")
        expected = (None, INPUT_SIZE, INPUT_SIZE, 1), (None, n_classes)
        if (built.input_shape, built.output_shape) != expected:
            raise DataError(
                f"{name} returns a network from {built.input_shape} to {built.output_shape}: expected {expected[0]} to "
                f"{expected[1]}"
            )
        return built

    return checked
