"""What runs on the device: frames in, expressions out. It imports none of `train`, `convert` and `deploy`."""

__version__ = "0.1.0"
