"""The Ansible role, applied to a machine behind a real sshd: `make test-deploy`."""

import json
import os
import re
import shutil
import subprocess

import pytest

from tests.conftest import ROOT
from tests.deploy.conftest import BARE_PYTHON
from tests.deploy.made_release import Workshop
from tests.deploy.sshd import Network

pytestmark = [pytest.mark.slow, pytest.mark.real_part]
FOLDER = ROOT / "deploy" / "ansible"


def ansible(name):
    program = shutil.which(name)
    if program is None:
        pytest.skip(f"no {name}: apt-get install ansible-core")
    return program


class Fleet:
    """One device, and the inventory that describes it to Ansible."""

    def __init__(self, folder, workshop, network):
        self._folder, self.workshop, self.prefix = folder, workshop, folder / "opt" / "mien"
        self.config, self.credentials, self.facts = (folder / name for name in ("etc/mien.toml", "secret", "facts.d"))
        (folder / "ansible.cfg").write_text("[defaults]\n")
        (folder / "mien.toml.j2").write_text('source = "demo"\n# of {{ inventory_hostname }}\n')
        self._inventory = folder / "devices.json"
        device = {
            "ansible_ssh_common_args": f"-F {network.config}",
            "ansible_python_interpreter": "/usr/bin/python3", "mien_become": False, "mien_python": BARE_PYTHON,
            "mien_prefix": str(self.prefix), "mien_config_path": str(self.config), "mien_facts_path": str(self.facts),
            "mien_credentials_path": str(self.credentials), "mien_credentials": {"mqtt-login": "geheim"},
            "mien_config": str(folder / "mien.toml.j2"), "mien_pubkey": str(workshop.pubkey), "mien_frames": 5,
            "mien_limit": 20, "mien_installer": str(workshop.installer),
        }  # fmt: skip
        self._inventory.write_text(json.dumps({"mien": {"hosts": {"hall": device}}}))

    def play(self, playbook, **variables):
        """Run a playbook: the tasks that changed something, and the whole output."""
        more = [word for key, value in variables.items() for word in ("-e", json.dumps({key: str(value)}))]
        done = self._ansible("ansible-playbook", "-i", self._inventory, FOLDER / playbook, *more)
        recap = re.search(r"^hall +: (.*)$", done.stdout, re.MULTILINE)
        assert recap, done.stdout + done.stderr
        counts = {key: int(number) for key, number in re.findall(r"(\w+)=(\d+)", recap[1])}
        assert not counts["unreachable"], done.stdout
        tasks = re.split(r"^TASK \[", done.stdout, flags=re.MULTILINE)[1:]
        changed = [task.split("]")[0] for task in tasks if re.search(r"^changed: ", task, re.MULTILINE)]
        assert bool(done.returncode) == bool(counts["failed"]), done.stdout + done.stderr
        assert bool(changed) == bool(counts["changed"])
        return changed, counts["failed"], done.stdout

    def setup(self):
        """The facts that Ansible gathers about the device."""
        ask = ("-m", "ansible.builtin.setup", "-a", f"filter=ansible_local fact_path={self.facts}")
        done = self._ansible("ansible", "-i", self._inventory, "hall", *ask)
        return json.loads(done.stdout[done.stdout.index("{") :])["ansible_facts"]["ansible_local"]

    def current(self):
        return (self.prefix / "current").readlink().name

    def _ansible(self, program, *arguments):
        # Debian's Ansible in Debian's Python, without the settings of this environment and its user.
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "ANSIBLE"))}
        environment = {
            **kept, "ANSIBLE_CONFIG": str(self._folder / "ansible.cfg"), "ANSIBLE_HOME": str(self._folder / "home"),
            "LC_ALL": "C.UTF-8",
            "ANSIBLE_NOCOLOR": "1",
            "ANSIBLE_REMOTE_TEMP": str(self._folder / "remote"), "ANSIBLE_DEPRECATION_WARNINGS": "no",
        }  # fmt: skip
        command = [ansible(program), *map(str, arguments)]
        return subprocess.run(command, capture_output=True, text=True, env=environment, timeout=900)


@pytest.fixture(scope="module")
def fleet(workshop, tmp_path_factory):
    folder = tmp_path_factory.mktemp("fleet")
    (folder / "network").mkdir()
    network = Network(folder / "network", ["hall"], "/usr/bin")
    yield Fleet(folder, Workshop(folder, workshop.key, deploy_by=(BARE_PYTHON, str(workshop.installer))), network)
    network.close()


def test_the_playbooks_have_no_syntax_errors():
    program = ansible("ansible-playbook")
    for playbook in ("install.yml", "rollback.yml", "facts.yml"):
        command = [program, "--syntax-check", "-i", FOLDER / "devices.example.ini", FOLDER / playbook]
        kept = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
        done = subprocess.run(command, capture_output=True, text=True, env={**kept, "LC_ALL": "C.UTF-8"}, timeout=100)
        assert done.returncode == 0, done.stderr


@pytest.mark.timeout(1800)
@pytest.mark.usefixtures("long_checks")
def test_install_upgrade_failure_rollback_and_facts(fleet):
    """The life of one device; repeating a step changes nothing."""
    _, failures, output = fleet.play("install.yml", mien_bundle="/missing.bundle")
    assert failures == 1
    assert "expected a file of this machine in mien_bundle: -e mien_bundle=FILE" in output
    first = fleet.workshop.bundle("1.0")
    changed, failures, output = fleet.play("install.yml", mien_bundle=first)
    assert not failures, output
    assert any("Install the bundle" in name for name in changed)
    assert fleet.current() == "1.0"
    assert fleet.config.read_text() == 'source = "demo"\n# of hall\n'
    secret = fleet.credentials / "mqtt-login"
    assert (secret.read_text(), secret.stat().st_mode & 0o777) == ("geheim\n", 0o600)
    assert "geheim" not in output
    assert fleet.play("install.yml", mien_bundle=first)[:2] == ([], 0)

    second = fleet.workshop.bundle("1.1")
    changed, failures, output = fleet.play("install.yml", mien_bundle=second)
    # Facts, configuration and secrets are unchanged.
    assert len(changed) == 3, changed
    assert fleet.current() == "1.1"
    assert fleet.play("install.yml", mien_bundle=second)[:2] == ([], 0)

    _, failures, output = fleet.play("install.yml", mien_bundle=fleet.workshop.bundle("1.2", "crashes"))
    assert failures == 1
    assert "the model is damaged" in output
    assert fleet.current() == "1.1"

    changed, failures, output = fleet.play("rollback.yml", mien_rollback_to="1.0")
    assert (len(changed), failures) == (1, 0), output
    assert fleet.current() == "1.0"
    assert fleet.play("rollback.yml", mien_rollback_to="1.0")[:2] == ([], 0)
    assert fleet.play("rollback.yml", mien_rollback_to="0.9")[1] == 1

    status = fleet.setup()["mien"]
    assert (status["current"], status["previous"]) == ("1.0", "1.1")
    changed, failures, output = fleet.play("facts.yml")
    assert (changed, failures) == ([], 0)
    assert "1.0, previously 1.1" in output
    # No copy of a bundle is left behind.
    assert not list(fleet.prefix.glob("**/*.bundle"))
