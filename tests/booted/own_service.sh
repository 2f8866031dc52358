# Part of scenario.sh, before any bundle is installed: `mien service` from a virtual environment that pip has made. Each
# step prints its exit status and its output; a program that takes longer than five minutes ends with 124.
step() {
  local name=$1 limit=()
  shift
  [ "$(type -t "$1")" = function ] || limit=(timeout --kill-after=20 300)
  "${limit[@]}" "$@" >"step" 2>&1 </dev/null
  echo "own $name: $?"
  sed 's/^/  /' "step"
}
files() { find /etc /opt/mien /var/lib /var/cache -not -path '/var/lib/systemd/*' 2>/dev/null | sort; }
unchanged() { files | diff before - && echo the files are as before; }

mkdir parts
tar -xf bundle -C parts
python3 -m venv /srv/mien-venv
/srv/mien-venv/bin/pip install --quiet --no-index --find-links parts/wheels --require-hashes -r parts/requirements.txt
mien=/srv/mien-venv/bin/mien
files >before

# The weights are nowhere, and there is no network to pull them from.
step without_weights "$mien" service install --source demo
step nothing_1 unchanged
mkdir -p /root/.cache/mien
cp parts/weights/* /root/.cache/mien/
printf 'sourse = "demo"\n' >wrong.toml
step wrong "$mien" service install --config wrong.toml
step no_camera "$mien" service install
# Only the start shows that there is no such camera.
printf 'source = "camera:7"\n' >camera.toml
step failing "$mien" service install --config camera.toml
step nothing_2 unchanged
step failed_unit systemctl is-failed mien
chmod 700 /srv/mien-venv
step unreadable "$mien" service install --source demo
chmod 755 /srv/mien-venv
step nothing_3 unchanged
step questions_stopped python3 terminal.py "Source of frames: " ^C -- "$mien" service install
step nothing_4 unchanged

# Nothing listens there, so the service waits for its source, until somebody gives up.
step interrupted python3 terminal.py "is offline" ^C -- \
  "$mien" service install --yes --source rtsp://127.0.0.1:9/door
step nothing_5 unchanged

step install "$mien" service install --source demo --sink jsonl:/var/lib/mien/events.jsonl --preview 0.0.0.0:8080
sleep 7
step active systemctl is-active mien
step enabled systemctl is-enabled mien
step status "$mien" service status
step status_json "$mien" service status --json
step modes stat -L -c '%a %U %n' /etc/mien /etc/mien/mien.toml /etc/mien/credentials /etc/mien/credentials/preview-token
step root_weights find /root/.cache/mien -name '*.tflite' -printf '%f %m\n'
step weights find /var/cache/private/mien -name '*.tflite' -printf '%f %m\n'
step again "$mien" service install --source demo --preview 127.0.0.1:9
step bundle python3 install.py bundle --pubkey key.pub --limit 300
rm -rf /opt/mien
step not_asked "$mien" service uninstall
step keep "$mien" service uninstall --yes --keep-config
step kept cat /etc/mien/mien.toml
step from_kept "$mien" service install --no-start
step uninstall "$mien" service uninstall --yes
step nothing_6 unchanged
step repeated "$mien" service uninstall --yes
# On a terminal.
step asked python3 terminal.py "Source of frames: " demo "or none [none]: " none "live picture, or none [" none -- \
  "$mien" service install
step asked_status "$mien" service status
step asked_uninstall "$mien" service uninstall --yes
step nothing_7 unchanged
rm -rf parts /root/.cache/mien step before wrong.toml camera.toml
