"""A model as a C++ project for microcontrollers: `mien convert micro`."""

from convert.micro.micro_export import MicroLimits, MicroModel, check_folder, export_micro
from convert.micro.micro_proof import MicroComparison, MicroProof

__all__ = ["MicroComparison", "MicroLimits", "MicroModel", "MicroProof", "check_folder", "export_micro"]
