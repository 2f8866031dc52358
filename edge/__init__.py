"""What runs on the device: frames in, expressions out. The ground floor: imports no other room."""

__version__ = "0.1.0"
