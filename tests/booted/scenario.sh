#!/bin/bash
# A scenario for mien in a system that systemd has booted; each line of output is the state of the service at one step.
cd /opt/inbox
exec >output 2>&1
report() {
  local step=$1
  systemctl show mien -p ActiveState,SubState,Result,NRestarts,ExecMainStatus,StatusText | tr '\n' ';' | sed "s/^/$step: /"
  echo
}
until_active() { for _ in $(seq 120); do [ "$(systemctl is-active mien)" = active ] && return; sleep 1; done; }
main_pid() { systemctl show mien -p MainPID --value; }

timeout 120 systemctl is-system-running --wait
. ./own_service.sh
mkdir -p /etc/mien/credentials /etc/systemd/system/mien.service.d
echo 'source = "demo"
sink = ["jsonl:/var/lib/mien/events.jsonl"]' >/etc/mien/mien.toml
install -m 600 /dev/stdin /etc/mien/credentials/mqtt-login <<<$'cam\nsecret'
# Shorter times than in the unit, for the test.
printf '[Service]\nWatchdogSec=20\nRestartSec=1\n' >/etc/systemd/system/mien.service.d/quick.conf
python3 install.py bundle --pubkey key.pub --limit 300
systemctl enable --now mien
report started
grep -E '^(Seccomp|NoNewPrivs|CapEff):' "/proc/$(main_pid)/status" | tr -d '\t' | tr '\n' ' '
cat /run/credentials/mien.service/mqtt-login | tr '\n' ' '
echo

systemctl reload mien
# systemd is notified once the loop has handled the signal.
for _ in $(seq 60); do journalctl -u mien -o cat | grep -q 'was read again' && break; sleep 1; done
until_active
report reloaded
kill -STOP "$(main_pid)"
sleep 25
until_active
report watched
kill -KILL "$(main_pid)"
sleep 3
until_active
report killed
# A live source, whose capture process is started and delivers frames under the same restrictions.
echo work >/opt/inbox/camera
sed -i 's|"demo"|"scripted:/opt/inbox/camera"|' /etc/mien/mien.toml
systemctl restart mien
report live
step deployed /srv/mien-venv/bin/mien service install --source demo
step deployed_removal /srv/mien-venv/bin/mien service uninstall --yes
step deployed_status /opt/mien/current/venv/bin/mien service status --json
sed -i 's/^source/sourse/' /etc/mien/mien.toml
systemctl restart mien
sleep 3
report wrong
journalctl -u mien --no-pager -o cat >journal
echo the scenario is over
systemctl poweroff
