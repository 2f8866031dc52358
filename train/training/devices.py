"""The devices that train: the CPU or GPUs that the backend sees, their precision, and data parallelism over them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import keras

#: The CUDA compute capability from which tensor cores multiply float16 (Volta), and bfloat16 (Ampere).
FLOAT16_FROM, BFLOAT16_FROM = (7, 0), (8, 0)
#: The flags in Linux' cpuinfo of processors that multiply bfloat16 in hardware (x86, Arm).
BFLOAT16_FEATURES = {"avx512_bf16", "amx_bf16", "bf16"}


@dataclass(frozen=True)
class Devices:
    """The devices that one training run uses.

    Attributes:
        kind: `CPU`, `GPU` or `TPU`.
        name: the manufacturer's name of one of them.
        count: number of devices that share each batch.
        idle: number of further devices that this backend does not use.
        capability: CUDA compute capability of a GPU, major and minor; None for other devices.
    """

    kind: str
    name: str
    count: int = 1
    idle: int = 0
    capability: tuple[int, int] | None = None

    def __str__(self) -> str:
        count = f"{self.count} x " if self.count > 1 else ""
        return f"{self.kind} ({count}{self.name})"

    def precision(self, cpuinfo: Path = Path("/proc/cpuinfo")) -> str:
        """The Keras dtype policy for these devices: the fastest one that they support in hardware.

        Args:
            cpuinfo: where Linux lists the CPU's features.
        """
        if self.kind == "TPU":
            return "mixed_bfloat16"
        if self.kind == "GPU":
            if self.capability is None or self.capability < FLOAT16_FROM:
                return "float32"
            return "mixed_bfloat16" if self.capability >= BFLOAT16_FROM else "mixed_float16"
        try:
            features = set(cpuinfo.read_text().split())
        except OSError:
            return "float32"
        # Measured: 1.4 to 1.7 times as fast as float32 on such processors.
        return "mixed_bfloat16" if features & BFLOAT16_FEATURES else "float32"


def find_devices() -> Devices:
    """The devices on which the current backend would train."""
    return {"jax": _jax, "tensorflow": _tensorflow, "torch": _torch}[keras.backend.backend()]()


@contextmanager
def sharing(devices: Devices) -> Iterator[None]:
    """Distribute each batch over all devices, for the models that are built inside the block."""
    if devices.count == 1:
        yield
    elif keras.backend.backend() == "jax":
        keras.distribution.set_distribution(keras.distribution.DataParallel(auto_shard_dataset=False))
        try:
            yield
        finally:
            keras.distribution.set_distribution(None)
    else:
        import tensorflow as tf

        names = [device.name for device in tf.config.list_logical_devices(devices.kind)]
        with tf.distribute.MirroredStrategy(names).scope():
            yield


def _jax() -> Devices:
    import jax

    devices = jax.devices()
    first = devices[0]
    kind = {"cpu": "CPU", "tpu": "TPU"}.get(first.platform, "GPU")
    capability = getattr(first, "compute_capability", None)
    return Devices(
        kind,
        _processor() if kind == "CPU" else first.device_kind,
        # More than one CPU only where XLA was configured to split one into several (as the tests do).
        len(devices),
        capability=_pair(str(capability)) if kind == "GPU" and capability else None,
    )


def _tensorflow() -> Devices:
    import tensorflow as tf

    gpus = tf.config.list_physical_devices("GPU")
    if not gpus:
        # One, unless it was split on purpose, as with JAX.
        return Devices("CPU", _processor(), max(len(tf.config.list_logical_devices("CPU")), 1))
    details = tf.config.experimental.get_device_details(gpus[0])
    return Devices("GPU", details.get("device_name", "GPU"), len(gpus), capability=details.get("compute_capability"))


def _torch() -> Devices:
    import torch

    if torch.cuda.is_available():
        name, capability = torch.cuda.get_device_name(0), torch.cuda.get_device_capability(0)
        return Devices("GPU", name, idle=torch.cuda.device_count() - 1, capability=capability)
    if torch.backends.mps.is_available():
        return Devices("GPU", "Apple")
    return Devices("CPU", _processor())


def _pair(text: str) -> tuple[int, int] | None:
    """`8.6` as two numbers; None for what is not a CUDA capability, such as `gfx90a`."""
    major, _, minor = text.partition(".")
    return (int(major), int(minor or 0)) if major.isdigit() and (minor or "0").isdigit() else None


def _processor(cpuinfo: Path = Path("/proc/cpuinfo")) -> str:
    """The processor's name, where Linux gives it."""
    try:
        lines = cpuinfo.read_text().splitlines()
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith(("model name", "Model"))]
    return names[0] if names else "processor"
