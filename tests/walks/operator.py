"""The operator with two hundred Pis: keys, bundles, waves, and the way back."""

import platform
import re

from tests.walks.pages import Piece
from tests.walks.shell import Shell
from tests.walks.steps import checked, configuration, leave, run

_MACHINE = "the machine of the test is to read it"
_SERVERS = "ssh servers of the test, not as root; bundles of a stand-in for mien"


def _revoke(shell: Shell, piece: Piece, text: str) -> None:
    """The identifier is what `keygen` has printed."""
    identifier = re.search(r"identifier is (\w{16})$", shell.done["keygen"], re.MULTILINE)[1]
    assert "IDENTIFIER" in text, piece.place
    shell.run(text.replace("IDENTIFIER", identifier) + f" --arch {platform.machine()}", 0, piece.place)


def _keygen(shell: Shell, piece: Piece, text: str) -> None:
    shell.done["keygen"] = shell.run(text, 0, piece.place)


REFERENCE = [
    checked("mien deploy keygen --out fleet", _keygen),
    run(
        "mien deploy bundle --target bookworm", "mien.bundle: release ", "SHA-256", because=_MACHINE,
        more="--arch {machine}",
    ),
    leave("mien deploy bundle --target bookworm", "the same command, with its size"),
    run("mien deploy bundle --target trixie", "downloading the wheels for trixie (Python 3.13, aarch64)", " files, ",
        because="the first bundle is read below", old="mien.bundle", new="trixie.bundle"),
    run("mien deploy keygen --out new", "its identifier is "),
    run("mien deploy bundle --target bookworm", "a.bundle: release ", because=_MACHINE, more="--arch {machine}"),
    checked("mien deploy bundle --target bookworm", _revoke, "IDENTIFIER is that of the first key"),
    leave("/opt/mien/", "a tree of folders", ("tests/deploy/device/test_installation.py", "history.jsonl")),
    run("tar -xOf mien.bundle manifest.json"),
    run("openssl pkeyutl -verify", "Signature Verified Successfully"),
    leave("MIEN_INSTALL_KILLS=100", "takes twenty minutes", ("tests/deploy/device/test_kill.py", "MIEN_INSTALL_KILLS")),
    leave("100 passed", "the output of that"),
]  # fmt: skip

WALK = {
    "docs/reference/bundle.md": REFERENCE,
    "docs/how-to/two-hundred-pis.md": [
        run(
            "mien deploy push --hosts devices.txt --waves 1,10%,100% --pubkey fleet.pub",
            "porch  installed", "hall   installed", "attic  installed", "1.0 is the current release",
            because=_SERVERS, old="push", new="push {ssh_options}", old2="mien.bundle", new2="{first}",
        ),
        run(
            "mien deploy push --hosts devices.txt --waves 1,10%,100%", "2.0 is the current release",
            because=_SERVERS, old="push", new="push {ssh_options}", old2="mien.bundle", new2="{second}",
        ),
        run(
            "mien deploy push --hosts devices.txt --rollback", "porch  rolled back", "1.0",
            because=_SERVERS, old="push", new="push --ssh-config {ssh} --prefix mien",
        ),
        run("cp deploy/ansible/devices.example.ini devices.ini"),
        run("mien deploy installer --out install.py"),
        run(
            "ansible-playbook -i devices.ini deploy/ansible/install.yml", "playbook: ",
            because="a test applies the role to a machine behind ssh; here the files are found", more="--syntax-check",
        ),
        run(
            "ansible-playbook -i devices.ini deploy/ansible/facts.yml", "playbook: ",
            because="as the command before", more="--syntax-check",
        ),
        run(
            "ansible-playbook -i devices.ini deploy/ansible/rollback.yml", "playbook: ",
            because="as the command before", more="--syntax-check",
        ),
        configuration('sink = ["metrics:', because="the name of a user is not shown", old="hall@", new=""),
    ],
}  # fmt: skip
