#!/bin/bash
# What happens to mien in a system that systemd has booted; each line says how the service is then.
cd /opt/inbox
exec >told 2>&1
tell() {
  local word=$1
  systemctl show mien -p ActiveState,SubState,Result,NRestarts,ExecMainStatus,StatusText | tr '\n' ';' | sed "s/^/$word: /"
  echo
}
until_active() { for _ in $(seq 120); do [ "$(systemctl is-active mien)" = active ] && return; sleep 1; done; }
main() { systemctl show mien -p MainPID --value; }

systemctl is-system-running --wait
mkdir -p /etc/mien/credentials /etc/systemd/system/mien.service.d
echo 'source = "demo"
sink = ["jsonl:/var/lib/mien/events.jsonl"]' >/etc/mien/mien.toml
install -m 600 /dev/stdin /etc/mien/credentials/mqtt-login <<<$'cam\nsecret'
# As in the unit, but within the time of a test.
printf '[Service]\nWatchdogSec=20\nRestartSec=1\n' >/etc/systemd/system/mien.service.d/quick.conf
python3 install.py bundle --pubkey key.pub --limit 300
systemctl enable --now mien
tell started
grep -E '^(Seccomp|NoNewPrivs|CapEff):' "/proc/$(main)/status" | tr -d '\t' | tr '\n' ' '
cat /run/credentials/mien.service/mqtt-login | tr '\n' ' '
echo

systemctl reload mien
# systemd learns of it once the loop has come round.
for _ in $(seq 60); do journalctl -u mien -o cat | grep -q 'was read again' && break; sleep 1; done
until_active
tell reloaded
kill -STOP "$(main)"
sleep 25
until_active
tell watched
kill -KILL "$(main)"
sleep 3
until_active
tell killed
# A live source: its process is made, and hands over its pictures, within the same bounds.
echo work >/opt/inbox/camera
sed -i 's|"demo"|"scripted:/opt/inbox/camera"|' /etc/mien/mien.toml
systemctl restart mien
tell live
sed -i 's/^source/sourse/' /etc/mien/mien.toml
systemctl restart mien
sleep 3
tell wrong
journalctl -u mien --no-pager -o cat >journal
systemctl poweroff
