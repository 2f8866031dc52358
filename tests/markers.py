"""Marks tests as `slow`, `long` or `real_part` by what they reach, and leaves slow files out before they are imported.

Nobody has to remember a marker: a test is slow where it, its fixtures or the helpers that they call use a module that
starts processes, or a fixture that trains. What is slow otherwise is marked itself: `@pytest.mark.slow`.
"""

import ast
import inspect
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path
from types import CodeType, FunctionType, ModuleType
from typing import Any

import pytest

#: Fixtures that train, convert, import Keras, read the real data or start a process.
SLOW_FIXTURES = {
    "mien",
    "keras",
    "tensorflow",
    "cnn_run",
    "quantized",
    "fer2013",
    "fer2013_as_distributed",
    "ferplus",
    "workshop",
    "pytester",
}
#: Names that start a process or train, wherever they come from.
SLOW_NAMES = {"subprocess", "multiprocessing", "CapturedSource", "open_watched", "WorkerProcess", "import_without"}
#: Modules of the tests, and others, that start a part which apt or pip installs apart.
REAL_PARTS = {"tests.edge.mosquitto", "tests.deploy.sshd", "selenium", "tests.arm64.board"}
#: Names of such parts where the test starts them itself.
REAL_NAMES = {"Mosquitto", "Server", "webdriver", "listening", "ansible", "prometheus"}
#: Folders whose every test needs one.
REAL_FOLDERS = (
    "tests/arm64/",
    "tests/booted/",
    "tests/camera/",
    "tests/deploy/ansible/",
    "tests/deploy/fleet/",
    "tests/deploy/push/",
    "tests/packages/test_image.py",
)

#: What takes longest, in this order: it begins first.
LONGEST = (
    "tests/train/training/", "tests/convert/", "tests/train/", "tests/deploy/ansible/", "tests/deploy/device/",
    "tests/edge/capture/",
)  # fmt: skip

#: Files whose tests share nothing expensive and take minutes each: any worker takes the next one.
SEPARABLE = ("tests/train/recipes/test_every_recipe.py",)

_ROOT = Path(__file__).parent.parent


class Markers:
    """The hooks."""

    def pytest_ignore_collect(self, collection_path: Path, config: pytest.Config) -> bool | None:
        """Leave out a file that imports Keras, unimported: it needs nine seconds of CPU time for that."""
        if "not slow" not in (config.option.markexpr or "") or not collection_path.name.startswith("test_"):
            return None
        return _imports_keras(collection_path.relative_to(_ROOT).as_posix()) or None

    @pytest.hookimpl(optionalhook=True)
    def pytest_xdist_make_scheduler(self, config: pytest.Config, log: Any) -> Any:
        """With `--dist loadfile`, still distribute the tests of `SEPARABLE` files one by one."""
        if config.getvalue("dist") != "loadfile":
            return None
        from xdist.scheduler import LoadFileScheduling

        class Scheduling(LoadFileScheduling):
            def _split_scope(self, nodeid: str) -> str:
                return nodeid if nodeid.startswith(SEPARABLE) else str(super()._split_scope(nodeid))

        return Scheduling(config, log)

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        # The longest first, so that no worker begins them when the others are done.
        items.sort(key=lambda item: next((i for i, name in enumerate(LONGEST) if item.nodeid.startswith(name)), 99))
        for item in items:
            fixtures = set(getattr(item, "fixturenames", ()))
            reached = set(_reached(_functions_of(item)))
            if "fer2013_as_distributed" in fixtures:
                item.add_marker("fer2013")
            if "fer2013" in fixtures:
                item.add_marker("long")
            if fixtures & SLOW_FIXTURES or reached & SLOW_NAMES or item.get_closest_marker("long"):
                item.add_marker("slow")
            if reached & (REAL_NAMES | REAL_PARTS) or item.nodeid.startswith(REAL_FOLDERS):
                item.add_marker("real_part")


@cache
def _imports_keras(path: str) -> bool:
    """Whether a file of the repository imports Keras when it is imported, itself or through others."""
    tree = ast.parse((_ROOT / path).read_text())
    for node in tree.body:
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
        else:
            continue
        for name in names:
            if name.partition(".")[0] in ("keras", "tensorflow", "torch"):
                return True
            if name.partition(".")[0] in ("train", "convert", "tests"):
                files = (name.replace(".", "/") + suffix for suffix in (".py", "/__init__.py"))
                if any((_ROOT / file).exists() and file != path and _imports_keras(file) for file in files):
                    return True
    return False


def _functions_of(item: pytest.Item) -> Iterator[FunctionType]:
    """The test, and the fixtures that it uses."""
    function = getattr(item, "function", None)
    if function is not None:
        yield function
        for definitions in item._fixtureinfo.name2fixturedefs.values():
            yield definitions[-1].func


def _reached(functions: Iterable[Any]) -> Iterator[str]:
    """Names that functions use, those of the tests' own helpers included, and the modules that helpers stand in."""
    todo, seen = list(functions), set()
    while todo:
        thing = todo.pop()
        if id(thing) in seen:
            continue
        seen.add(id(thing))
        if inspect.isclass(thing):
            todo += [value for value in vars(thing).values() if inspect.isfunction(value)]
            continue
        function = inspect.unwrap(thing)
        if not inspect.isfunction(function):
            continue
        yield function.__module__
        for name in _names_in(function.__code__):
            yield name
            found = function.__globals__.get(name)
            if isinstance(found, ModuleType):
                yield found.__name__.partition(".")[0]
            elif str(getattr(found, "__module__", "")).startswith("tests."):
                todo.append(found)


def _names_in(code: CodeType) -> Iterator[str]:
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _names_in(constant)
