"""What trains: the CPU or the GPUs that the backend sees, the precision that suits them, and all of them at once."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import keras

#: CUDA compute capability from which tensor cores multiply float16 (Volta), and bfloat16 (Ampere).
FLOAT16_FROM, BFLOAT16_FROM = (7, 0), (8, 0)
#: Features by which Linux names processors that multiply bfloat16 in hardware (x86, Arm).
BFLOAT16_FEATURES = {"avx512_bf16", "amx_bf16", "bf16"}


@dataclass(frozen=True)
class Devices:
    """The devices that one training run uses.

    Attributes:
        kind: `CPU`, `GPU` or `TPU`.
        name: of one of them, as its maker has it.
        count: how many share each batch.
        idle: how many more there are that this backend leaves alone.
        capability: CUDA compute capability of a GPU, major and minor; None where there is none.
    """

    kind: str
    name: str
    count: int = 1
    idle: int = 0
    capability: tuple[int, int] | None = None

    def __str__(self) -> str:
        times = f"{self.count} x " if self.count > 1 else ""
        return f"{self.kind} ({times}{self.name})"

    def precision(self, cpuinfo: Path = Path("/proc/cpuinfo")) -> str:
        """The Keras dtype policy that suits them: the fastest one that they have in hardware.

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
        # Measured 1.4 to 1.7 times as fast there.
        return "mixed_bfloat16" if features & BFLOAT16_FEATURES else "float32"


def find_devices() -> Devices:
    """What the backend in use would train on."""
    return {"jax": _jax, "tensorflow": _tensorflow, "torch": _torch}[keras.backend.backend()]()


@contextmanager
def sharing(devices: Devices) -> Iterator[None]:
    """Have every device take its part of each batch of the models that are built inside."""
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
        # More than one CPU only where XLA was told to make several of one (as the tests do).
        len(devices),
        capability=_pair(str(capability)) if kind == "GPU" and capability else None,
    )


def _tensorflow() -> Devices:
    import tensorflow as tf

    gpus = tf.config.list_physical_devices("GPU")
    if not gpus:
        # As with JAX: one, unless it was split on purpose.
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
    """`8.6` as two numbers; None for what is no CUDA capability, such as `gfx90a`."""
    major, _, minor = text.partition(".")
    return (int(major), int(minor or 0)) if major.isdigit() and (minor or "0").isdigit() else None


def _processor(cpuinfo: Path = Path("/proc/cpuinfo")) -> str:
    """The processor's name where Linux tells it."""
    try:
        lines = cpuinfo.read_text().splitlines()
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith(("model name", "Model"))]
    return names[0] if names else "processor"
