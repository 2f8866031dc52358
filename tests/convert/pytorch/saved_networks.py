"""Writes networks as PyTorch users have them: `python -m tests.convert.pytorch.saved_networks DIR`, with PyTorch."""

import sys
import warnings
from pathlib import Path

import torch
from torch import nn


class Network(nn.Module):
    """A small classifier that returns logits."""

    def __init__(self, channels=1, size=48, activation=nn.ReLU):
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(channels, 8, 3, padding=1, bias=False), nn.BatchNorm2d(8), activation(), nn.MaxPool2d(2),
            nn.Conv2d(8, 12, 3, stride=2, padding=1), activation(), nn.AvgPool2d(2),
            nn.Conv2d(12, 12, 3, groups=12), activation(),
        )  # fmt: skip
        self.head = nn.Sequential(nn.Flatten(), nn.Dropout(0.3), nn.Linear(12 * (size // 8 - 2) ** 2, 7))

    def forward(self, faces):
        return self.head(self.body(faces))


class ChannelsLast(nn.Module):
    """A network that takes its channels last, as one that was exported from Keras does."""

    def __init__(self):
        super().__init__()
        self.network = Network()

    def forward(self, faces):
        return torch.softmax(self.network(faces.permute(0, 3, 1, 2)), 1)


class Two(nn.Module):
    def forward(self, a, b):
        return a.mean((2, 3)).repeat(1, 7) + b.mean((2, 3)).repeat(1, 7)


class Maps(nn.Module):
    def forward(self, faces):
        return faces * 2


#: Name to a network, the shape of its input, and whether it is exported as it is in use.
NETWORKS = {
    "relu": (lambda: Network(), (1, 1, 48, 48), True),
    "color": (lambda: Network(3, 64, nn.LeakyReLU), (1, 3, 64, 64), True),
    "silu": (lambda: Network(activation=nn.SiLU), (1, 1, 48, 48), True),
    "elu": (lambda: Network(activation=nn.ELU), (1, 1, 48, 48), True),
    "mish": (lambda: Network(activation=nn.Mish), (1, 1, 48, 48), True),
    "prelu": (lambda: Network(activation=nn.PReLU), (1, 1, 48, 48), True),
    "hard-swish": (lambda: Network(activation=nn.Hardswish), (1, 1, 48, 48), True),
    "channels-last": (lambda: ChannelsLast(), (1, 48, 48, 1), True),
    "probabilities": (lambda: nn.Sequential(Network(), nn.Softmax(1)), (1, 1, 48, 48), True),
    "log-probabilities": (lambda: nn.Sequential(Network(), nn.LogSoftmax(1)), (1, 1, 48, 48), True),
    "sigmoid": (lambda: nn.Sequential(Network(), nn.Sigmoid()), (1, 1, 48, 48), True),
    "training": (lambda: Network(), (1, 1, 48, 48), False),
    "oblong": (lambda: nn.Sequential(nn.AdaptiveAvgPool2d(4), nn.Flatten(), nn.Linear(16, 7)), (1, 1, 48, 64), True),
    "eight": (lambda: Network(), (8, 1, 48, 48), True),
    "maps": (lambda: Maps(), (1, 1, 48, 48), True),
}


def main(folder: Path) -> None:
    warnings.simplefilter("ignore")
    for name, (build, shape, in_use) in NETWORKS.items():
        torch.manual_seed(0)
        network, example = build().train(not in_use), torch.rand(shape)
        torch.export.save(torch.export.export(network, (example,)), folder / f"{name}.pt2")
        if not in_use:
            continue
        # With a batch of any size, as most people export.
        axes = {"faces": {0: "batch"}} if shape[0] == 1 else None
        torch.onnx.export(network, (example,), folder / f"{name}.onnx", dynamo=False, dynamic_axes=axes,
                          input_names=["faces"])  # fmt: skip
    pair = torch.rand(1, 1, 48, 48)
    torch.export.save(torch.export.export(Two(), (pair, pair)), folder / "two.pt2")
    torch.onnx.export(Two(), (pair, pair), folder / "two.onnx", dynamo=False)
    torch.save(Network().state_dict(), folder / "weights.pt")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
