"""The installer as one file: `python3 install.py BUNDLE` on a Pi that has no mien, by the system's Python alone."""

from __future__ import annotations

from pathlib import Path

_ROOT = Path(__file__).parents[2]
_HEAD = '''#!/usr/bin/env python3
"""Installs a bundle of mien: python3 install.py BUNDLE --pubkey FILE. Needs Python 3.11 and nothing else.

Written by `mien deploy installer`: below stand mien's own modules as they are, and a few lines that import them
from here.
"""

import sys
from importlib.machinery import ModuleSpec

if sys.version_info < (3, 11):
    sys.exit("mien deploy: this is Python %d.%d: expected 3.11 or later" % sys.version_info[:2])

SOURCES = {}
'''
_TAIL = '''

class _Here:
    """Imports the modules above; see importlib.abc.MetaPathFinder and Loader."""

    def find_spec(self, name, path=None, target=None):
        if name in SOURCES:
            return ModuleSpec(name, self, is_package=any(other.startswith(name + ".") for other in SOURCES))

    def create_module(self, spec):
        return None

    def exec_module(self, module):
        exec(compile(SOURCES[module.__name__], "<" + module.__name__ + ">", "exec"), module.__dict__)


sys.meta_path.insert(0, _Here())

from deploy.device.command_line import main

sys.exit(main())
'''


def installer_script() -> str:
    """The installer's text; the same modules give the same text."""
    modules = ["edge/__init__.py", "edge/errors.py", "deploy/__init__.py"]
    modules += sorted(str(path.relative_to(_ROOT)) for path in (_ROOT / "deploy" / "device").glob("*.py"))
    texts = []
    for path in modules:
        name = path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
        text = (_ROOT / path).read_text("utf-8")
        # As a raw string it stays readable; what cannot stand in one is not written in these modules.
        assert "'''" not in text, path
        texts.append(f"\nSOURCES[{name!r}] = r'''{text}'''\n")
    return _HEAD + "".join(texts) + _TAIL
