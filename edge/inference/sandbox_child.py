"""The child process of the sandboxed load: `python -m edge.inference.sandbox_child NAME <FILE`."""

from __future__ import annotations

import resource
import sys

from edge.errors import MienError
from edge.inference.control_flow import reject_control_flow
from edge.inference.litert import load_interpreter
from edge.system.memory import prefer_for_oom_kill

#: What it may allocate, in bytes of address space: ResNet50 in float32 needs a fifth of it.
MAX_ADDRESS_SPACE = 4 << 30


def main() -> int:
    """Load the flatbuffer on standard input, and run it once."""
    resource.setrlimit(resource.RLIMIT_AS, (MAX_ADDRESS_SPACE,) * 2)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    prefer_for_oom_kill()
    try:
        graph, name = sys.stdin.buffer.read(), sys.argv[1]
        # Here and not in the parent: a damaged file may take time and memory without end.
        reject_control_flow(graph, name)
        load_interpreter(graph, 1, name)
    except (MienError, MemoryError) as error:
        print(error or "it needs too much memory", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
