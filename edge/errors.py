"""What can go wrong, as a tree.

::

    MienError                 exit 1  something failed; the message is one line
    ├── DataError                     a data set, image or label file is not what was expected
    ├── ModelError                    a model file is missing, damaged or of another kind
    │   └── CardError                 its card is missing, damaged or at odds with it
    ├── SourceError                   a camera, clip or folder cannot be read
    ├── DetectorError                 a face detector cannot be had here
    │   └── WeightsMissingError       its weights are not on this machine
    ├── FrameError                    frames come, and none of them can be processed
    ├── SinkError                     events cannot be written where they should go
    ├── PreviewError                  the preview cannot be served where it was asked for
    ├── DeployError                   a release cannot be made, installed or sent
    │   ├── BundleError               a bundle is damaged, signed by another, or for another machine
    │   └── UnhealthyError            a new release does not work on this machine
    └── WrongUseError         exit 2  the command was asked for something that cannot be
        └── MissingExtraError         a part of mien that is not installed

Every message says what was expected, what came, and what to do.
"""

from __future__ import annotations


class MienError(Exception):
    """Base of every error that mien raises on purpose; `exit_code` is the command's exit status."""

    exit_code = 1


class DataError(MienError):
    """A data set, image or label file is not what was expected."""


class ModelError(MienError):
    """A model file is missing, damaged, or breaks the contract."""


class CardError(ModelError):
    """A model's card is missing, damaged, or says something else than the model."""


class SourceError(MienError):
    """A source of frames cannot be opened or read."""


class DetectorError(MienError):
    """A face detector cannot be had on this machine."""


class WeightsMissingError(DetectorError):
    """A detector's weights are not on this machine."""


class FrameError(MienError):
    """Frames come, and none of them can be processed."""


class SinkError(MienError):
    """Events cannot be written where they should go."""


class PreviewError(MienError):
    """The preview cannot be served at the address that was asked for."""


class DeployError(MienError):
    """A release cannot be made, installed or sent."""


class BundleError(DeployError):
    """A bundle is damaged, signed by another key, or made for another machine."""


class UnhealthyError(DeployError):
    """A new release does not work on this machine."""


class WrongUseError(MienError):
    """The command was asked for something that cannot be."""

    exit_code = 2


class MissingExtraError(WrongUseError):
    """A command needs a part of mien that is not installed.

    Args:
        extra: name of the extra, as in `pip install 'mien[train]'`.
        needs: the module that could not be imported.
    """

    def __init__(self, extra: str, needs: str) -> None:
        super().__init__(f"this needs {needs}, which is not installed here: pip install 'mien[{extra}]'")


def first_line(error: Exception) -> str:
    """What an error of some library says, in one line of at most 300 characters; its kind where it says nothing."""
    return next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)[:300]
