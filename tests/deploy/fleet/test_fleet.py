"""The fleet example: real programs load its files, and its queries name metrics that `mien run` exports."""

import json
import os
import re
import shutil
import subprocess
import sys
import urllib.error
import urllib.parse
import urllib.request
from contextlib import contextmanager

import pytest

from edge.sinks.prometheus.board_collector import BoardCollector
from tests.conftest import ROOT
from tests.edge.mosquitto import find, free_port
from tests.edge.waiting import wait_until

FLEET = ROOT / "deploy" / "fleet"
DASHBOARD = json.loads((FLEET / "grafana/dashboards/mien.json").read_text())
TOKEN = "0123456789abcdef"
#: Words of PromQL: functions, aggregations, operators.
PROMQL = {
    "sum", "max", "count", "by", "or",
    "rate", "increase", "histogram_quantile", "label_join", "label_replace", "vector",
}  # fmt: skip
#: Prometheus' own metric of whether a device answers.
NOT_OURS = {"up"}

parser = pytest.importorskip("prometheus_client.parser", reason="no prometheus-client: pip install 'mien[metrics]'")


def queries():
    """The title and the query of every target of every panel."""
    return [(panel["title"], target["expr"]) for panel in DASHBOARD["panels"] for target in panel["targets"]]


def metric_names(query):
    """The metrics in a query: what remains without strings, labels, durations and the words of PromQL."""
    bare = re.sub(r'"(?:[^"\\]|\\.)*"', " ", query)
    bare = re.sub(r"\{[^}]*\}|\[[^\]]*\]|\bby\s*\([^)]*\)", " ", bare)
    return set(re.findall(r"[a-zA-Z_:][a-zA-Z0-9_:]*", bare)) - PROMQL


@contextmanager
def device(folder):
    """Run a daemon on the demo source, with a token for its metrics; yields its port."""
    port, token = free_port(), folder / "token"
    token.write_text(TOKEN + "\n")
    sinks = ("--sink", f"metrics:127.0.0.1:{port}?token_file={token}", "--sink", "jsonl:/dev/null")
    command = [sys.executable, "-P", "-m", "edge", "run", "--source", "demo", *sinks]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            wait_until(lambda: "mien_frames_total" in scraped(port), "the device counts frames")
            yield port
        finally:
            process.kill()


def scraped(port):
    """The exported metrics, each with the names of its labels."""
    request = urllib.request.Request(f"http://127.0.0.1:{port}/metrics", headers={"Authorization": f"Bearer {TOKEN}"})
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            text = answer.read().decode()
    except OSError:
        return {}
    families = parser.text_string_to_metric_families(text)
    return {sample.name: set(sample.labels) for family in families for sample in family.samples}


@pytest.mark.slow
@pytest.mark.usefixtures("weights")
def test_every_metric_of_the_dashboard_and_the_alerts_is_exported(tmp_path):
    with device(tmp_path) as port:
        exported = set(scraped(port))
    (tmp_path / "temp").write_text("61000\n")
    (tmp_path / "throttled").write_text("50005\n")
    board = BoardCollector(tmp_path / "temp", tmp_path / "throttled")
    exported |= {sample.name for family in board.collect() for sample in family.samples}
    alerts = re.findall(r"expr: (.*)", (FLEET / "prometheus/rules.yml").read_text())
    asked = {name for _, query in queries() for name in metric_names(query)}
    asked |= {name for query in alerts for name in metric_names(query)}
    assert len(alerts) == 6
    assert {"mien_source_state", "mien_frames_total", "mien_stage_duration_seconds_bucket", "mien_throttled"} <= asked
    assert {"mien_model_info", "mien_build_info"} <= asked
    assert asked - exported - NOT_OURS == set()


def test_metric_names_in_queries():
    query = 'histogram_quantile(0.95, sum by (instance, le) (rate(a_bucket{stage="total", b="c{d}"}[5m]))) / e_total'
    assert metric_names(query) == {"a_bucket", "e_total"}
    assert metric_names('label_replace(up{job="mien"}, "x", "$1", "y", "(.*)") or vector(0)') == {"up"}


def test_the_dashboard_is_consistent():
    panels = DASHBOARD["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    for panel in panels:
        place = panel["gridPos"]
        assert place["x"] + place["w"] <= 24
        assert panel["targets"], panel["title"]
    # No two panels overlap.
    cells = [
        (x, y)
        for place in (panel["gridPos"] for panel in panels)
        for x in range(place["x"], place["x"] + place["w"])
        for y in range(place["y"], place["y"] + place["h"])
    ]
    assert len(cells) == len(set(cells))
    # Its data source is the one that is provisioned.
    given = (FLEET / "grafana/provisioning/datasources/prometheus.yml").read_text()
    uids = {target["datasource"]["uid"] for panel in panels for target in panel["targets"]}
    assert uids == {re.search(r"uid: (\w+)", given)[1]}
    assert "path: /var/lib/grafana/dashboards" in (FLEET / "grafana/provisioning/dashboards/mien.yml").read_text()


def test_the_files_that_the_containers_mount_exist():
    yaml = pytest.importorskip("yaml", reason="no PyYAML: apt-get install python3-yaml, or pip install pyyaml")
    for path in FLEET.rglob("*.yml"):
        assert yaml.safe_load(path.read_text()), path
    compose = yaml.safe_load((FLEET / "compose.yml").read_text())
    assert set(compose["services"]) == {"mosquitto", "prometheus", "grafana"}
    for service in compose["services"].values():
        # A pinned version.
        assert re.fullmatch(r"[\w/-]+:v?[\d.]+", service["image"])
        for volume in service["volumes"]:
            place = volume.split(":")[0]
            secret = place.startswith("./secrets/")
            assert secret or place in compose["volumes"] or (FLEET / place).exists(), volume
    # Secrets are never committed.
    assert (FLEET / "secrets/.gitignore").read_text() == "*\n!.gitignore\n"


@pytest.mark.real_part
def test_mosquitto_accepts_its_configuration(tmp_path):
    port = free_port()
    subprocess.run([find("mosquitto_passwd"), "-c", "-b", tmp_path / "passwords", "hall", "geheim"], check=True)
    text = (FLEET / "mosquitto/mosquitto.conf").read_text()
    text = text.replace("listener 1883", f"listener {port} 127.0.0.1" + ("" if os.getuid() else "\nuser root"))
    subprocess.run([find("mosquitto_passwd"), "-b", tmp_path / "passwords", "attic", "geheim"], check=True)
    text = text.replace("/mosquitto/config/passwords", str(tmp_path / "passwords"))
    text = text.replace("/mosquitto/config/acl.conf", str(FLEET / "mosquitto/acl.conf"))
    (tmp_path / "mosquitto.conf").write_text(text.replace("/mosquitto/data/", f"{tmp_path}/"))
    with subprocess.Popen([find("mosquitto"), "-c", tmp_path / "mosquitto.conf"], stderr=subprocess.DEVNULL) as broker:

        def publish(*login, text="x"):
            message = ["-p", str(port), "-t", "mien/hall/state", "-m", text, "-q", "1"]
            return subprocess.run([find("mosquitto_pub"), *message, *login], capture_output=True, timeout=20).returncode

        try:
            wait_until(lambda: publish("-u", "hall", "-P", "geheim") == 0, "the broker accepts a device")
            assert publish() != 0
            assert publish("-u", "hall", "-P", "wrong") != 0
            # Another device may neither write nor read what is hall's.
            read = [find("mosquitto_sub"), "-p", str(port), "-t", "#", "-W", "3", "-v", "-P", "geheim", "-u"]
            publish("-u", "attic", "-P", "geheim", "-r", text="forged")
            publish("-u", "hall", "-P", "geheim", "-r", text="true")
            assert subprocess.run([*read, "hall"], capture_output=True, text=True).stdout == "mien/hall/state true\n"
            assert subprocess.run([*read, "attic"], capture_output=True, text=True).stdout == ""
        finally:
            broker.kill()


def prometheus_folder(folder, port):
    """Copy the example's configuration, for one device on this machine that is scraped every second."""
    shutil.copytree(FLEET / "prometheus", folder, dirs_exist_ok=True)
    (folder / "token").write_text(TOKEN)
    config = (folder / "prometheus.yml").read_text()
    assert "scrape_interval: 15s" in config
    config = config.replace("interval: 15s", "interval: 1s").replace(
        "/run/secrets/metrics-token", str(folder / "token")
    )
    (folder / "prometheus.yml").write_text(config)
    (folder / "devices.yml").write_text(f'- targets: ["localhost:{port}"]\n')
    return folder / "prometheus.yml"


def promtool():
    program = shutil.which("promtool")
    if program is None:
        pytest.skip("no promtool: apt-get install prometheus")
    return program


@pytest.mark.real_part
def test_prometheus_accepts_its_configuration(tmp_path):
    config = prometheus_folder(tmp_path, 9108)
    done = subprocess.run([promtool(), "check", "config", config], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "6 rules found" in done.stdout


@pytest.mark.slow
@pytest.mark.real_part
@pytest.mark.usefixtures("weights")
def test_a_real_prometheus_answers_every_query_of_the_dashboard(tmp_path):
    promtool()
    (tmp_path / "device").mkdir()
    (tmp_path / "prometheus").mkdir()
    web = free_port()

    def ask(path, **parameters):
        url = f"http://127.0.0.1:{web}/api/v1/{path}?{urllib.parse.urlencode(parameters)}"
        try:
            with urllib.request.urlopen(url, timeout=30) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as error:
            # A rejected query has a reason in JSON; a server that is not ready yet answers with text.
            text = error.read().decode()
            return json.loads(text) if text.startswith("{") else {"status": "away"}
        except OSError:
            return {"status": "away"}

    def found(query):
        answer = ask("query", query=query.replace("$device", ".*"))
        assert answer["status"] == "success", (query, answer)
        return answer["data"]["result"]

    with device(tmp_path / "device") as port:
        config = prometheus_folder(tmp_path / "prometheus", port)
        command = [shutil.which("prometheus"), f"--config.file={config}", f"--storage.tsdb.path={tmp_path / 'data'}"]
        # On a free port of this machine only.
        command.append(f"--web.listen-address=127.0.0.1:{web}")
        with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as prometheus:
            try:
                wait_until(lambda: ask("query", query="1")["status"] == "success", "Prometheus answers")
                wait_until(lambda: found("rate(mien_frames_total[1m]) > 0"), "two scrapes of the device")
                (up,) = found('up{job="mien"}')
                # The device's name, without the port.
                assert (up["metric"]["instance"], up["value"][1]) == ("localhost", "1")
                for title, query in queries():
                    result = found(query)
                    # Only a board has these metrics.
                    board = {"mien_throttled", "mien_temperature_celsius"} & metric_names(query)
                    assert result or board, (title, query)
                (model,) = found(
                    "max by (instance, answers) (label_join(mien_model_info, 'answers', '@', 'model', 'version'))"
                )
                assert re.fullmatch(r"mien-[\w-]+@\d+", model["metric"]["answers"])
                assert len(ask("rules")["data"]["groups"][0]["rules"]) == 6
                wait_until(
                    lambda: ask("rules")["data"]["groups"][0]["lastEvaluation"] > "0002", "the rules were evaluated"
                )
                assert not ask("alerts")["data"]["alerts"]
            finally:
                prometheus.kill()
