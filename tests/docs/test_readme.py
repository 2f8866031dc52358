"""The Python of the README and of the Python API's page runs as it stands."""

import re
import textwrap

import cv2
import pytest

import mien
from tests.conftest import PORTRAIT, ROOT


def python_block(page):
    (block,) = re.findall(r"^```python\n(.*?)^```$", page.read_text(), re.MULTILINE | re.DOTALL)
    return textwrap.dedent(block)


@pytest.mark.parametrize("page", ["README.md", "docs/index.md"])
def test_the_five_lines_name_the_smile_of_the_portrait(page, weights, capsys):
    exec(compile(python_block(ROOT / page), page, "exec"), {"image": cv2.imread(str(PORTRAIT))})
    (line,) = capsys.readouterr().out.splitlines()
    emotion, score, box = line.split(maxsplit=2)
    assert emotion == "happy"
    assert 0.5 < float(score) <= 1
    assert re.fullmatch(r"\([\d., ]+\)", box)


def test_the_lines_of_the_reference_run_on_the_demo_source(weights, capsys):
    code = python_block(ROOT / "docs" / "reference" / "python-api.md")
    # A camera is not at hand everywhere, and the demo source does not end.
    assert 'mien.watch("camera:0")' in code
    code = code.replace('"camera:0"', '"demo"') + "    break\n"
    exec(compile(code, "python-api.md", "exec"), {"image": cv2.imread(str(PORTRAIT))})
    first, event = capsys.readouterr().out.splitlines()
    assert first.startswith("happy ")
    assert re.fullmatch(r"1 \w+", event)


def test_everything_that_mien_exports_is_on_the_page():
    text = (ROOT / "docs" / "reference" / "python-api.md").read_text()
    documented = set(re.findall(r"^::: (mien\.\S+)$", text, re.MULTILINE))
    expected = set()
    for name in mien.__all__:
        if name in ("benchmark", "convert", "plugins", "testing", "train"):
            expected |= {f"mien.{name}.{verb}" for verb in getattr(mien, name).__all__}
        elif name != "__version__":
            expected.add(f"mien.{name}")
    assert documented == expected
