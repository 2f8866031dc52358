"""Each project, built with CMake and run: on this machine, and on an emulated Cortex-M3."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from edge.inference.shipped_models import shipped_models

#: Program to the Debian package that has it.
HOST = {"cmake": "cmake", "g++": "g++"}
CORTEX_M = {**HOST, "arm-none-eabi-gcc": "gcc-arm-none-eabi libnewlib-arm-none-eabi",
            "qemu-system-arm": "qemu-system-arm"}  # fmt: skip
SHIPPED = [path.stem for path in shipped_models()]


def require(programs: dict[str, str]) -> None:
    missing = [package for program, package in programs.items() if shutil.which(program) is None]
    if missing:
        pytest.skip(f"missing here: apt-get install {' '.join(missing)}")


def built(project: Path, name: str, *options: str) -> str:
    """Build a project with the commands of its README, run its self-test, and return what that printed."""
    folder = project / name
    for command in (
        ["cmake", "-B", folder, "-D", "CMAKE_COMPILE_WARNING_AS_ERROR=ON", *options],
        ["cmake", "--build", folder],
        ["ctest", "--test-dir", folder, "--verbose"],
    ):
        done = subprocess.run(command, cwd=project, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr
        assert "warning" not in (done.stdout + done.stderr).lower()
    return done.stdout


def faces_of(output: str) -> list[str]:
    return re.findall(r"face \d+: .*", output)


@pytest.fixture(scope="module", params=[*SHIPPED, "cnn"])
def project(request, invoke, made_csv, tmp_path_factory):
    model = request.getfixturevalue("quantized") if request.param == "cnn" else request.param
    out = tmp_path_factory.mktemp("project") / request.param
    done = invoke("micro", model, "--out", out, "--data", made_csv, module="convert")
    assert done.code == 0, done.err
    return out


@pytest.mark.slow
def test_the_self_test_passes_here_and_on_a_cortex_m(project):
    require(HOST)
    here = built(project, "build")
    assert len(faces_of(here)) == 10
    assert "10 of 10 faces, 10 of 10 crops as expected" in here
    require(CORTEX_M)
    there = built(project, "build-arm", "-D", "CMAKE_TOOLCHAIN_FILE=test/cortex_m/toolchain.cmake")
    assert faces_of(there) == faces_of(here)
    assert "10 of 10 faces, 10 of 10 crops as expected" in there


@pytest.mark.slow
def test_the_self_test_fails_where_a_weight_is_wrong(project):
    require(HOST)
    model = project / "src" / "mien_model.c"
    text = model.read_text()
    begin = text.index("mien_model[")
    # Every fourth byte, in the middle of the weights.
    values = re.findall(r"\d+", text[text.index("{", begin) :])
    for i in range(len(values) // 2, len(values) // 2 + 4000, 4):
        values[i] = str(int(values[i]) ^ 64)
    broken = shutil.copytree(
        project, project.with_name(f"{project.name}-broken"), ignore=shutil.ignore_patterns("build*")
    )
    (broken / "src" / "mien_model.c").write_text(text[: text.index("{", begin)] + "{" + ",".join(values) + "};\n")
    for command in (["cmake", "-B", "build"], ["cmake", "--build", "build"]):
        subprocess.run(command, cwd=broken, check=True, capture_output=True)
    done = subprocess.run(["ctest", "--test-dir", "build", "--verbose"], cwd=broken, capture_output=True, text=True)
    assert done.returncode != 0
    assert "WRONG" in done.stdout
