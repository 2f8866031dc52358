"""The disk of the guest: Debian for arm64 with its own kernel, made without running a program of that architecture."""

import gzip
import shutil
import subprocess
from pathlib import Path

from tests.arm64.board import find
from tests.conftest import ROOT

FOLDER = Path(__file__).parent
SUITE = "trixie"
#: What Raspberry Pi OS Lite has of this too, and mien needs.
_PACKAGES = "systemd,systemd-sysv,dbus,udev,kmod,openssl,python3,python3-venv,procps,libstdc++6"
#: Unpacked in the guest's root only: packages that the other root has as essential ones, and the kernel.
_ARM64_PACKAGES = (
    "base-files,base-passwd,bash,coreutils,dash,util-linux,mount,sed,grep,gawk,findutils,tar,gzip,e2fsprogs,login,"
    f"passwd,libpam-runtime,{_PACKAGES},linux-image-arm64,busybox-static"
)
_MERGED = "/usr/share/mmdebstrap/hooks/merged-usr"
#: Programs of this machine, and the packages that they come from.
_PROGRAMS = {
    "mmdebstrap": "mmdebstrap", "mke2fs": "e2fsprogs", "depmod": "kmod", "cpio": "cpio", "xz": "xz-utils",
    "qemu-img": "qemu-utils", "qemu-system-aarch64": "qemu-system-arm",
}  # fmt: skip
#: Modules of the initial RAM disk, each with what it needs: the disk and its file system.
_MODULES = ("crc32c_generic", "virtio_blk", "ext4")
#: Bytes of the disk.
_SIZE = 3 << 30
_INIT = """#!/bin/busybox sh
/bin/busybox mount -t devtmpfs dev /dev
while read module; do /bin/busybox insmod /modules/$module; done </order
while ! [ -b /dev/vda ]; do /bin/busybox sleep 1; done
/bin/busybox mount -t ext4 -o ro /dev/vda /root
/bin/busybox mount --move /dev /root/dev
exec /bin/busybox switch_root /root /sbin/init
"""
_AGENT = """[Unit]
DefaultDependencies=yes
[Service]
ExecStart=/usr/bin/python3 /opt/board/agent.py
[Install]
WantedBy=multi-user.target
"""
#: Units that a board has no use for in these tests, and that take time under emulation.
_MASKED = (
    "serial-getty@.service", "getty.target", "apt-daily.timer", "apt-daily-upgrade.timer", "dpkg-db-backup.timer",
    "fstrim.timer", "e2scrub_all.timer", "e2scrub_reap.service", "systemd-networkd-wait-online.service",
    "systemd-pstore.service", "console-getty.service", "ldconfig.service",
)  # fmt: skip


def run(*command, **options):
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, **options)
    assert done.returncode == 0, f"{command}: {done.stderr[-2000:]}"
    return done.stdout


class GuestImage:
    """Kernel, initial RAM disk and disk of the guest. Debian's files are kept in build/board between runs.

    Args:
        folder: for the disk of this run.
        files: copied to /opt/board in the guest.
    """

    def __init__(self, folder, files):
        for program, package in _PROGRAMS.items():
            find(program, package)
        self.folder, self.made = folder, ROOT / "build" / "board"
        self._root = self.made / SUITE
        self._make_root()
        self._configure_root()
        release = next((self._root / "boot").glob("vmlinuz-*"))
        self.kernel, version = release, release.name.removeprefix("vmlinuz-")
        self.initrd = folder / "initrd.gz"
        self._make_initrd(folder / "initrd", self._root / "usr/lib/modules" / version)
        inbox = self._root / "opt" / "board"
        shutil.rmtree(inbox, ignore_errors=True)
        inbox.mkdir(parents=True)
        for path in (FOLDER / "agent.py", *files):
            shutil.copy(path, inbox)
        raw, self.disk = folder / "disk.raw", folder / "disk.qcow2"
        run("mke2fs", "-q", "-t", "ext4", "-L", "board", "-d", self._root, raw, f"{_SIZE >> 10}k")
        # mke2fs leaves small things to correct, after which the first boot would start again. 1: corrected.
        assert subprocess.run(["e2fsck", "-fy", raw], capture_output=True).returncode in (0, 1)
        run("qemu-img", "convert", "-O", "qcow2", raw, self.disk)
        raw.unlink()

    def _make_root(self):
        ready = self.made / f"{SUITE}.packages"
        if ready.exists() and ready.read_text() == _ARM64_PACKAGES:
            return
        native = self.made / f"{SUITE}-native"
        for root in (self._root, native):
            shutil.rmtree(root, ignore_errors=True)
        self.made.mkdir(parents=True, exist_ok=True)
        run("mmdebstrap", "--quiet", "--variant=minbase", f"--include={_PACKAGES}", SUITE, native)
        options = ("--variant=extract", "--architectures=arm64", f"--hook-dir={_MERGED}")
        run("mmdebstrap", "--quiet", *options, f"--include={_ARM64_PACKAGES}", SUITE, self._root)
        # What the packages' scripts would have made, which only run on their own architecture: users, and /etc.
        subprocess.run(["cp", "-an", f"{native}/etc/.", f"{self._root}/etc/"], check=False, capture_output=True)
        etc = self._root / "etc"
        for name in ("passwd", "group", "shadow", "gshadow"):
            shutil.copy2(native / "etc" / name, etc / name)
        (etc / "ld.so.cache").unlink(missing_ok=True)
        shutil.rmtree(native)
        version = next((self._root / "boot").glob("vmlinuz-*")).name.removeprefix("vmlinuz-")
        run("depmod", "-b", self._root, version)
        ready.write_text(_ARM64_PACKAGES)

    def _configure_root(self):
        etc = self._root / "etc"
        for name in ("run", "proc", "sys", "dev", "tmp", "root", "var/tmp"):
            (self._root / name).mkdir(exist_ok=True)
        (etc / "fstab").write_text("/dev/vda / ext4 defaults 0 1\n")
        (etc / "hostname").write_text("board\n")
        (etc / "machine-id").write_text("4d69656e4d69656e4d69656e4d69656e\n")
        # The test board has a camera of the kernel's own: test patterns at a real V4L2 node.
        (etc / "modules-load.d").mkdir(exist_ok=True)
        (etc / "modules-load.d" / "camera.conf").write_text("vivid\n")
        (etc / "modprobe.d").mkdir(exist_ok=True)
        (etc / "modprobe.d" / "camera.conf").write_text("options vivid n_devs=1 node_types=0x1 num_inputs=1\n")
        units = etc / "systemd" / "system"
        for name in _MASKED:
            (units / name).unlink(missing_ok=True)
            (units / name).symlink_to("/dev/null")
        (units / "agent.service").write_text(_AGENT)
        link = units / "multi-user.target.wants" / "agent.service"
        link.parent.mkdir(exist_ok=True)
        link.unlink(missing_ok=True)
        link.symlink_to("../agent.service")

    def _make_initrd(self, folder, modules):
        for name in ("bin", "modules", "root", "dev"):
            (folder / name).mkdir(parents=True)
        shutil.copy(self._root / "usr/bin/busybox", folder / "bin")
        (folder / "init").write_text(_INIT)
        (folder / "init").chmod(0o755)
        needs = dict(line.split(":", 1) for line in (modules / "modules.dep").read_text().splitlines())
        order = []
        for module in _MODULES:
            path = next(path for path in needs if Path(path).name == f"{module}.ko.xz")
            # modules.dep lists what a module needs with the last to load first.
            for part in (*reversed(needs[path].split()), path):
                name = Path(part).name.removesuffix(".xz")
                if name not in order:
                    order.append(name)
                    content = subprocess.run(["xz", "-dc", modules / part], check=True, capture_output=True).stdout
                    (folder / "modules" / name).write_bytes(content)
        (folder / "order").write_text("".join(f"{name}\n" for name in order))
        names = "\n".join(str(path.relative_to(folder)) for path in sorted(folder.rglob("*")))
        archive = subprocess.run(
            ["cpio", "--create", "--format=newc", "--quiet"], input=names.encode(), cwd=folder, check=True,
            capture_output=True,
        )  # fmt: skip
        self.initrd.write_bytes(gzip.compress(archive.stdout, 1))
