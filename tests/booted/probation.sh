#!/bin/bash
# Releases on probation, in a system that systemd has booted; the releases are stand-ins that end or hang.
cd /opt/inbox
exec >>output 2>&1
status() { echo "$1: $(python3 install.py status --json | tr -d '\n')"; }
until_over() {
  for _ in $(seq 150); do [ -e /opt/mien/state/probation.json ] || break; sleep 1; done
  # The unit removes itself after its last word.
  for _ in $(seq 30); do [ -e /etc/systemd/system/mien-probation.service ] || break; sleep 1; done
}
install() { python3 install.py "$1.bundle" --frames 5 --limit 60 --probation "$2"; }
try() {
  install "$1" "$2"
  until_over
  status "$1"
  echo "$1 service: $(systemctl is-active mien)"
}

if [ ! -e rebooted ]; then
  timeout 120 systemctl is-system-running --wait
  mkdir -p /etc/systemd/system/mien.service.d
  printf '[Service]\nWatchdogSec=10\nRestartSec=1\n' >/etc/systemd/system/mien.service.d/quick.conf
  python3 install.py first.bundle --pubkey key.pub --frames 5 --limit 60
  systemctl enable --now mien
  try good 5
  try ends-soon 60
  try ends-late 90
  try hangs 60
  # Somebody restarts the service, which is no failure.
  install restarted 8
  systemctl restart mien
  until_over
  status restarted
  # A release that replaces one on probation has a probation of its own.
  install replaced 60
  try successor 5
  install rebooted 30
  sleep 4
  status before-reboot
  touch rebooted
  sync
  systemctl reboot
  sleep 60
fi
status after-reboot
until_over
status rebooted
echo "rebooted service: $(systemctl is-active mien)"
echo "left: $(ls -A /opt/mien/state /etc/systemd/system /etc/systemd/system/multi-user.target.wants | tr '\n' ' ')"
journalctl -u mien-probation --no-pager -o cat
echo the scenario is over
systemctl poweroff
