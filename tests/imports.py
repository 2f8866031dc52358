"""What modules import: read from their source, or found out by blocking an import in a process of its own."""

import ast
import subprocess
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

import grimp

ROOT = Path(__file__).parent.parent
#: The project's packages; `mien` is the public one.
PACKAGES = tuple(name for name in ("mien", "edge", "train", "convert", "deploy") if (ROOT / name).is_dir())
#: The training stack: what a device must never need.
HEAVY = ("tensorflow", "keras", "torch", "jax", "sklearn", "scipy", "matplotlib", "pandas", "h5py", "tomli_w")

BLOCKED_IMPORT = """
import importlib, sys
class Block:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {blocked!r}:
            raise ImportError(name + " is blocked")
sys.meta_path.insert(0, Block())
for name in {modules!r}:
    importlib.import_module(name)
"""


def import_without(blocked: Iterable[str], modules: Iterable[str]) -> str:
    """Import modules in a process where other packages cannot be imported; return its standard error."""
    code = BLOCKED_IMPORT.format(blocked=tuple(blocked), modules=list(modules))
    done = subprocess.run([sys.executable, "-P", "-c", code], capture_output=True, text=True)
    assert bool(done.returncode) == bool(done.stderr), done
    return done.stderr


def sources_of(package: str) -> list[Path]:
    """The Python files of a package, sorted."""
    return sorted((ROOT / package).rglob("*.py"))


def modules_of(package: str) -> list[str]:
    """The names of a package's modules, except `__main__`, which would run."""
    paths = [path.relative_to(ROOT).with_suffix("") for path in sources_of(package) if path.stem != "__main__"]
    return [".".join(path.parts).removesuffix(".__init__") for path in paths]


def imported_packages(path: Path, *, module_level: bool = False) -> Iterator[str]:
    """The top-level names that a file imports, anywhere or when it is itself imported."""
    tree = ast.parse(path.read_text())
    for node in tree.body if module_level else ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            yield (node.module or "").partition(".")[0]


def import_cycles(packages: Iterable[str]) -> list[list[str]]:
    """Groups of modules that import one another, also inside functions: strongly connected components (Tarjan)."""
    graph = grimp.build_graph(*packages, exclude_type_checking_imports=True, cache_dir=None)
    index: dict[str, int] = {}
    lowest: dict[str, int] = {}
    stack: list[str] = []
    cycles = []

    def visit(module: str) -> None:
        index[module] = lowest[module] = len(index)
        stack.append(module)
        for imported in graph.find_modules_directly_imported_by(module):
            if imported not in index:
                visit(imported)
                lowest[module] = min(lowest[module], lowest[imported])
            elif imported in stack:
                lowest[module] = min(lowest[module], index[imported])
        if lowest[module] == index[module]:
            start = stack.index(module)
            cycle = sorted(stack[start:])
            del stack[start:]
            if len(cycle) > 1:
                cycles.append(cycle)

    for module in sorted(graph.modules):
        if module not in index:
            visit(module)
    return cycles
