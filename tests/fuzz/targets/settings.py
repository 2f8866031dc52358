"""Settings: the configuration file, addresses of sinks, hosts, and the files of the cache folder."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from deploy.device.health_gate import _is_inference, _model_options
from deploy.device.manifest import Manifest
from deploy.push import Host, parse_waves, read_hosts, split_waves
from edge.cli import config_file
from edge.cli.run import run, run_settings
from edge.errors import MienError
from edge.inference import sandbox, threads
from edge.inference.contract import FER2013_LABELS
from edge.inference.prior import PriorCorrection
from edge.preview.listen_address import parse_address
from edge.sinks import prepare_sink
from tests.fuzz.target import Target

_MANIFEST = Manifest("1.0", "bookworm", "aarch64", "3.11", "mien-small-int8", "", 0, 0, False, ())


class Configuration(Target):
    """The TOML file of `mien run --config`, which the installer reads too."""

    name = "configuration"
    kind = "lines"
    errors = (MienError, click.UsageError)
    tokens = (
        b"inf", b"-nan", b"true", b"1979-05-27T07:32:00Z", b'"""', b"'''", b"[[a]]", b"[a.b]", b"{a = 1}", b"0xff",
        b"1_000", b'"\\u0000"', b'"\\ud800"', b'source = "demo"\n', b"sink = []\n", b"threads = 2\n",
        b"aggregate = '5m'\n", b'[[camera]]\n', b'name = "a"\n',
    )  # fmt: skip

    def run(self, data: bytes) -> None:
        path = self.folder / "mien.toml"
        path.write_bytes(data)
        with run.make_context("run", ["--config", str(path)]) as context:
            PriorCorrection(run_settings(context).prior, FER2013_LABELS)
            config_file.as_toml(context).encode("utf-8", "backslashreplace")
        _model_options(path, _MANIFEST)


class HostsFile(Target):
    """The hosts of `mien deploy push --hosts`, and waves on the last line."""

    name = "hosts"
    kind = "lines"
    # A person types it.
    max_bytes = 2000
    tokens = (b"#", b"@", b"\xff", b"%", b",", b"1,10%,100%", b"-oProxyCommand=x", b"\0")

    def run(self, data: bytes) -> None:
        path = self.folder / "hosts.txt"
        path.write_bytes(data)
        hosts = read_hosts(path)
        for name in hosts[:-1]:
            Host(name, self.folder)
        assert sum(map(len, split_waves(hosts, parse_waves(hosts[-1])))) == len(hosts)


class SinkAddress(Target):
    """The address of a sink on the first line, and a file with its login or token on the others."""

    name = "sink-uri"
    kind = "lines"
    # A person types it.
    max_bytes = 300
    tokens = (
        b"?queue=1",
        b"&qos=2",
        b"?login=secret",
        b"mqtts:",
        b"metrics:0.0.0.0:",
        b"[::1]",
        b"%00",
        b"@",
        b"jsonl:-",
        b"webhook:http://",
        b"exec:true",
        b"&state=ended",
        b"?emotion=sad,happy",
        b"&cooldown=1.5h",
        b"?secret_file=secret",
    )

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._secret = folder / "secret"

    def run(self, data: bytes) -> None:
        line, _, rest = data.partition(b"\n")
        text = "".join(char for char in line.decode("utf-8", "replace") if char.isprintable())
        self._secret.write_bytes(rest)
        checks: tuple[Callable[[str], Any], ...] = (prepare_sink, parse_address, threads.parse_threads)
        rejections = []
        for check in checks:
            try:
                check(text.replace("=secret", f"={self._secret}", 2))
            except MienError as error:
                rejections.append(error)
        if len(rejections) == len(checks):
            raise rejections[len(data) % len(checks)]


class CacheFiles(Target):
    """What mien has stored in its cache folder, and the events that the installer counts."""

    name = "cache"
    kind = "json"

    def run(self, data: bytes) -> None:
        path = self.folder / "stored.json"
        path.write_bytes(data)
        sandbox._read(path)
        threads._read(path)
        for line in data.splitlines():
            _is_inference(line)
