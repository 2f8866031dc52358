#!/bin/sh
# Runs a command in the root file system of another architecture: enter.sh ROOT CPUINFO COMMAND...
# Start it with `unshare --user --map-root-user --mount --pid --fork --net`: mounts and registrations then exist only
# inside, end with the command, and leave the machine unchanged. There is no network.
set -eu
root=$1 cpuinfo=$2
shift 2
mount --make-rprivate /
# Since Linux 6.7, each user namespace has its own binfmt_misc.
mount -t binfmt_misc binfmt_misc /proc/sys/fs/binfmt_misc
# An ELF file, 64-bit, little-endian, for AArch64. F: the emulator is opened now, because the root contains none; P: the
# program receives the name that it was called by, which Python needs in a virtual environment.
printf '%s' ':mien-aarch64:M::\x7fELF\x02\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\xb7\x00:\xff\xff\xff\xff\xff\xff\xff\x00\xff\xff\xff\xff\xff\xff\xff\xff\xfe\xff\xff\xff:'"$MIEN_EMULATOR"':FP' \
  >/proc/sys/fs/binfmt_misc/register
mount --bind "$root" "$root"
cd "$root"
mount -t proc proc proc
mount --bind "$cpuinfo" proc/cpuinfo
mount -t tmpfs tmpfs tmp
mount -t tmpfs -o mode=755 tmpfs dev
mkdir dev/shm
for device in null zero full random urandom; do
  touch "dev/$device"
  mount --bind "/dev/$device" "dev/$device"
done
ln -s /proc/self/fd/0 dev/stdin
ip link set lo up 2>/dev/null || true
exec chroot . /usr/bin/env -i HOME=/root LANG=C.UTF-8 PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
  QEMU_CPU="$QEMU_CPU" "$@"
