"""The errors that mien raises on purpose, as a tree.

::

    MienError                 exit 1  something failed; the message is one line
    ├── DataError                     a data set, image or label file is not what was expected
    ├── ModelError                    a model file is missing, damaged or does not conform to the contract
    │   ├── CardError                 a model card is missing, damaged or does not match its model
    │   └── UnknownModelError exit 2  no shipped model has this name
    ├── SourceError                   a camera, clip or folder cannot be opened or read
    ├── DetectorError                 a face detector does not work on this machine
    │   └── WeightsMissingError       its weights are not on this machine
    ├── FrameError                    the source yields frames, but none of them can be processed
    ├── SinkError                     events cannot be written to their destination
    │   └── MessageRejectedError          the destination rejects one message for good
    ├── PreviewError                  the preview cannot be served at the requested address
    ├── DeployError                   a release cannot be built, installed or transferred
    │   ├── BundleError               a bundle is damaged, signed by another key, or for another machine
    │   └── UnhealthyError            a new release does not work on this machine
    └── WrongUseError         exit 2  the options or arguments are not valid
        └── MissingPackageError       a package that is needed is not installed
            └── MissingExtraError         it belongs to an extra of mien

A message states what was expected, what was found instead, and what to do about it.
"""

from __future__ import annotations

import reprlib

#: The longest text of a value in a message, in characters.
_MAX_SHOWN = 200
_SHORT_REPR = reprlib.Repr()
_SHORT_REPR.maxlist = _SHORT_REPR.maxtuple = _SHORT_REPR.maxdict = 20
_SHORT_REPR.maxstring = _SHORT_REPR.maxlong = _SHORT_REPR.maxother = _MAX_SHOWN


class MienError(Exception):
    """Base of every error that mien raises on purpose; `exit_code` is the command's exit status."""

    exit_code = 1


class DataError(MienError):
    """A data set, image or label file is not what was expected."""


class ModelError(MienError):
    """A model file is missing, damaged, or does not conform to the contract."""


class CardError(ModelError):
    """A model card is missing, damaged, or does not match its model."""


class UnknownModelError(ModelError):
    """No shipped model has this name."""

    exit_code = 2


class SourceError(MienError):
    """A source of frames cannot be opened or read."""


class DetectorError(MienError):
    """A face detector does not work on this machine."""


class WeightsMissingError(DetectorError):
    """A detector's weights are not on this machine."""


class FrameError(MienError):
    """The source yields frames, but none of them can be processed."""


class SinkError(MienError):
    """Events cannot be written to their destination."""


class MessageRejectedError(SinkError):
    """A destination rejects one message, and would reject it again: it is dropped, and the next one is written."""


class PreviewError(MienError):
    """The preview cannot be served at the requested address."""


class DeployError(MienError):
    """A release cannot be built, installed or transferred."""


class BundleError(DeployError):
    """A bundle is damaged, signed by another key, or made for another machine."""


class UnhealthyError(DeployError):
    """A new release does not work on this machine."""


class WrongUseError(MienError):
    """The options or arguments of a command or function are not valid."""

    exit_code = 2


class MissingPackageError(WrongUseError):
    """A package that a command or a setting needs is not installed.

    Args:
        problem: what is missing.
        command: what installs it.

    Attributes:
        problem, command: as the arguments.
    """

    def __init__(self, problem: str, command: str) -> None:
        self.problem, self.command = problem, command
        super().__init__(f"{problem}: {command}")


class MissingExtraError(MissingPackageError):
    """A command needs an extra of mien that is not installed.

    Args:
        extra: its name, such as `train`.
        needs: the module that could not be imported.
    """

    def __init__(self, extra: str, needs: str) -> None:
        # Not above: the installer of the device has this module, and not that one.
        from edge.own_package import command_for_older_python, extra_command

        if (older := command_for_older_python(extra, needs)) is not None:
            super().__init__(*older)
        else:
            super().__init__(f"this needs {needs}, which is not installed", extra_command(extra))


def first_line(error: Exception) -> str:
    """Return the first line of an error's text, at most 300 characters; the name of its type if it has no text."""
    return next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)[:300]


def shown(value: object) -> str:
    """Return a value of a file as a message shows it: like `repr`, but of what is long or deep only a part."""
    return shortened(_SHORT_REPR.repr(value), _MAX_SHOWN)


def shortened(text: str, longest: int) -> str:
    """Return a text of at most `longest` characters: its beginning and its end, where it is longer."""
    end = longest // 3
    return text if len(text) <= longest else f"{text[: longest - end - 3]}...{text[-end:]}"
