"""Networks of PyTorch and ONNX: `network` loads either as a PyTorch module and converts it by LiteRT Torch."""
