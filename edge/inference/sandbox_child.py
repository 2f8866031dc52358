"""The child process of the sandboxed load: `python -m edge.inference.sandbox_child NAME <FILE`."""

from __future__ import annotations

import sys

from edge.errors import MienError, ModelError
from edge.inference.control_flow import reject_control_flow
from edge.inference.litert import load_interpreter
from edge.system.board import peak_rss_mb
from edge.system.memory import limit_address_space, prefer_for_oom_kill

#: What it may allocate, in bytes of address space: ResNet50 in float32 needs a fifth of it.
MAX_ADDRESS_SPACE = 4 << 30
#: What loading and running it may take, in bytes, beside a multiple of the size of the file: a tensor of any shape
#: takes no room in a file, and the process that loads it next is a daemon with 400 MB.
MAX_GROWTH_BYTES, GROWTH_PER_BYTE = 256 << 20, 4


def main() -> int:
    """Load the flatbuffer on standard input, and run it once."""
    limit_address_space(MAX_ADDRESS_SPACE)
    prefer_for_oom_kill()
    try:
        graph, name = sys.stdin.buffer.read(), sys.argv[1]
        # Here and not in the parent: a damaged file may take time and memory without end.
        reject_control_flow(graph, name)
        before_mb = peak_rss_mb()
        load_interpreter(graph, 1, name)
        _check_growth(peak_rss_mb() - before_mb, len(graph), name)
    except (MienError, MemoryError) as error:
        print(error or "it needs too much memory", file=sys.stderr)
        return 1
    return 0


def _check_growth(grown_mb: float, size_bytes: int, name: str) -> None:
    """Check that a model has not taken much more memory than one of its size needs.

    Raises:
        ModelError: it has.
    """
    limit_mb = (MAX_GROWTH_BYTES + GROWTH_PER_BYTE * size_bytes) / 2**20
    if grown_mb > limit_mb:
        raise ModelError(
            f"{name} takes {grown_mb:.0f} MB to run: expected at most {limit_mb:.0f} MB of a file of {size_bytes} "
            "bytes; are the shapes of its tensors damaged?"
        )


if __name__ == "__main__":
    sys.exit(main())
