"""A whole Debian for arm64 with its own kernel, systemd and a V4L2 camera, under emulation: `make test-board`.

The tests run in this order on one board, because a boot and an installation take minutes.
"""

import json

import pytest

from tests.board.power_cuts import COUNT, INSTALL, RUNNING

pytestmark = [pytest.mark.slow, pytest.mark.real_part, pytest.mark.usefixtures("weights"), pytest.mark.timeout(7200)]

EVENTS = "/var/lib/private/mien/events.jsonl"
VIVID = "/sys/bus/platform/drivers/vivid"


def show(board, *names):
    """Properties of the service."""
    text = board.check(f"systemctl show mien -p {','.join(names)}")
    return dict(line.split("=", 1) for line in text.splitlines())


def wait_until(board, condition, limit_s=240):
    """Wait in the guest until a shell command succeeds; the error shows the end of the journal."""
    code, _ = board.run(f"for i in $(seq {limit_s}); do {condition} && exit 0; sleep 1; done; exit 1", limit_s * 4)
    assert code == 0, f"{condition}: " + board.check("journalctl -b -o cat -u mien | tail -20")


def wait_for_events(board, count):
    """Wait until the service has written `count` state changes or more, and return the names of the states."""
    wait_until(board, f"[ $(grep -c '\"state\"' {EVENTS}) -ge {count} ]")
    return [json.loads(line)["state"] for line in board.check(f"cat {EVENTS}").splitlines()]


def wait_for_start(board, restarts):
    wait_until(board, f'[ "$(systemctl show mien -p ActiveState,NRestarts --value | xargs)" = "{restarts} active" ]')


def test_the_board_boots_with_a_camera(board):
    assert board.check("uname -m; systemctl is-system-running --wait; true", 900).split()[0] == "aarch64"
    assert board.check("systemctl list-units --state=failed --plain --no-legend") == ""
    assert board.check("stat -c '%G %a' /dev/video0; cat /sys/class/video4linux/video0/name").splitlines() == [
        "video 660", "vivid-000-vid-cap",
    ]  # fmt: skip


def test_the_bundle_is_installed(board):
    output = board.check(f"{INSTALL} 1.0.bundle --pubkey /opt/board/fleet.pub --limit 1200", 1500)
    assert "1.0 is the current release; start it with  sudo systemctl enable --now mien" in output


def test_the_service_starts_on_the_camera(board):
    # With a limit, so that two boards can be emulated on two cores, where a camera can take long to open.
    sink = f"jsonl:{EVENTS.replace('/private', '')}"
    config = f'source = "camera:0"\nwait-for-source = true\nsink = ["{sink}"]\nmax-cpu = 30\n'
    board.check(f"mkdir -p /etc/mien && echo '{config}' >/etc/mien/mien.toml && systemctl enable --now mien")
    assert show(board, "ActiveState", "NRestarts") == {"ActiveState": "active", "NRestarts": "0"}
    assert wait_for_events(board, 1) == ["online"]
    assert "camera:0: " in show(board, "StatusText")["StatusText"]


def test_the_service_runs_in_its_sandbox(board):
    process = show(board, "MainPID")["MainPID"]
    # The users that systemd makes for DynamicUser= (systemd's docs/UIDS-GIDS.md).
    assert 61184 <= int(board.check(f"ps -o uid= -p {process}")) <= 65519
    assert "video" in board.check(f"ps -o supgrp= -p {process}").strip().split(",")
    status = board.check(f"grep -E '^(Seccomp|NoNewPrivs|CapEff):' /proc/{process}/status").split()
    assert status == ["CapEff:", "0000000000000000", "NoNewPrivs:", "1", "Seccomp:", "2"]
    # Of all devices it may open cameras only; root itself could read the disk.
    join = "echo $$ >/sys/fs/cgroup/system.slice/mien.service/cgroup.procs"
    code, output = board.run(f"{join} && : </dev/video0 && head -c 1 /dev/vda")
    assert (code, "Operation not permitted" in output) == (1, True), output
    board.save(RUNNING)


def test_the_configuration_is_read_again_on_reload(board):
    process = show(board, "MainPID")
    board.check("sed -i 's/max-cpu = 30/max-cpu = 60/' /etc/mien/mien.toml && systemctl reload mien")
    wait_until(board, "journalctl -u mien -o cat | grep -q 'was read again'")
    assert show(board, "MainPID", "ActiveState", "NRestarts") == {**process, "ActiveState": "active", "NRestarts": "0"}


def test_a_camera_that_disappears_and_returns_is_read_again(board):
    board.check(f"echo vivid.0 >{VIVID}/unbind")
    states = wait_for_events(board, 2)
    assert states[1] in ("offline", "stalled")
    board.check(f"echo vivid.0 >{VIVID}/bind")
    wait_until(board, f"tail -1 {EVENTS} | grep -q online")


def test_a_camera_that_returns_with_another_number_is_found(board):
    count = len(wait_for_events(board, 1))
    # The module can only be removed when nobody reads from the camera.
    board.check(f"echo vivid.0 >{VIVID}/unbind")
    assert wait_for_events(board, count + 1)[-1] in ("offline", "stalled")
    wait_until(board, "modprobe -r vivid")
    board.check("modprobe vivid n_devs=1 node_types=0x1 num_inputs=1 vid_cap_nr=4 && ls /dev/video4")
    wait_until(board, f"tail -1 {EVENTS} | grep -q online")
    assert show(board, "NRestarts") == {"NRestarts": "0"}
    process = show(board, "MainPID")["MainPID"]
    capture = board.check(f"pgrep -P {process}").split()[0]
    assert "/dev/video4" in board.check(f"readlink /proc/{capture}/fd/*")
    board.check("systemctl stop mien && modprobe -r vivid && modprobe vivid && udevadm settle && systemctl start mien")


def test_a_service_that_hangs_is_restarted_by_the_watchdog(board):
    board.check(
        "modprobe -r vivid; for i in $(seq 60); do modprobe -r vivid && break; sleep 1; done; modprobe vivid; true"
    )
    folder = "/run/systemd/system/mien.service.d"
    board.check(f"mkdir -p {folder} && printf '[Service]\\nWatchdogSec=60\\nRestartSec=1\\n' >{folder}/quick.conf")
    board.check("systemctl daemon-reload && systemctl restart mien")
    board.check("kill -STOP $(systemctl show mien -p MainPID --value)")
    wait_for_start(board, 1)
    journal = board.check("journalctl -b -u mien -o cat")
    assert "Watchdog timeout (limit 1min)" in journal
    assert "Fatal Python error: Aborted" in journal


def test_a_service_that_is_killed_is_restarted(board):
    board.check("kill -KILL $(systemctl show mien -p MainPID --value)")
    wait_for_start(board, 2)


def test_a_full_disk_rejects_a_release_and_keeps_the_other(board):
    # It stops where the disk is full, which is before the last free block.
    board.run("fallocate -l $(($(stat -f -c %f /) * 4096)) /full; sync")
    code, output = board.run(f"{INSTALL} 2.0.bundle --limit 1200", 1500)
    board.check("rm /full")
    assert code == 1
    assert "space" in output.splitlines()[-1]
    assert board.check("readlink /opt/mien/current; systemctl is-active mien").split() == ["releases/1.0", "active"]


def test_a_disk_that_can_only_be_read_stops_no_service_and_no_release(board):
    # What writes to files keeps a file system writable, so the events go elsewhere.
    board.check("sed -i 's/^sink.*/sink = [\"metrics:127.0.0.1:9108\"]/' /etc/mien/mien.toml && systemctl stop mien")
    board.check("sync; for i in $(seq 60); do mount -o remount,ro / && break; sleep 1; done; ! touch /written")
    code, output = board.run(f"{INSTALL} 2.0.bundle --limit 1200", 1500)
    assert code == 1
    assert "Read-only file system" in output.splitlines()[-1]
    board.check("systemctl reset-failed mien; systemctl start mien")
    assert show(board, "ActiveState") == {"ActiveState": "active"}
    board.check("mount -o remount,rw /")


def test_a_clock_in_1970_stops_neither_the_service_nor_an_installation(board):
    board.check("date -s @86400 && systemctl restart mien")
    assert show(board, "ActiveState") == {"ActiveState": "active"}
    output = board.check(f"{INSTALL} 2.0.bundle --limit 1200 --frames 5", 1500)
    assert "2.0 is the current release; it replaces 1.0; the service was restarted" in output


@pytest.mark.parametrize("number", range(2 * COUNT))
def test_a_power_cut_leaves_one_whole_release_that_starts(cuts, number):
    cut = cuts[number]
    assert not cut["fault"], cut
    assert cut["release"] in ("1.0", "2.0")


def test_the_power_was_cut_in_many_steps_of_an_installation(cuts):
    cuts = [cut for cut in cuts if cut["kind"] == "installation"]
    assert len({cut["step"] for cut in cuts}) >= 4, cuts
    # Before the switch, and after it.
    assert {cut["release"] for cut in cuts} == {"1.0", "2.0"}, cuts
