"""The sink `metrics:[HOST:]PORT`: metrics for Prometheus, at http://HOST:PORT/metrics.

HOST is 127.0.0.1 unless the URI names one. If other machines can reach the address, clients need a token of at least 16
characters: from the file in `token_file=FILE` (`metrics:0.0.0.0:9108?token_file=/etc/mien/token`), from
MIEN_METRICS_TOKEN, or from systemd's credential metrics-token. Prometheus sends it with `authorization:
{credentials_file: ...}` in its scrape configuration.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from edge.errors import SinkError, WrongUseError
from edge.sinks.prometheus.accept_header import AcceptHeaderCheck
from edge.sinks.prometheus.bearer_token import BearerTokenCheck
from edge.sinks.prometheus.metrics_server import MetricsServer
from edge.sinks.sink import Requirement, Sink
from edge.sinks.sink_uri import SinkUri
from edge.system.addresses import is_loopback
from edge.system.credentials import METRICS_TOKEN, checked_token, read_secret
from edge.types import FrameReport, Message

if TYPE_CHECKING:
    from edge.sinks.sink_worker import SinkWorker

TOKEN_VARIABLE = "MIEN_METRICS_TOKEN"
_MAX_TOKEN_LENGTH = 4096


class MetricsSink(Sink):
    """Counts what passes, and serves the counts over HTTP.

    Args:
        host: address to listen at.
        port: 0 for any free port.
        token: the bearer token that a request must carry; None for none.

    Attributes:
        port: the port in use.

    Raises:
        SinkError: the address cannot be used: the port is taken, or the address belongs to another machine.
    """

    usage = "metrics:[HOST:]PORT"
    options = ("token_file",)
    requirement = Requirement("metrics", "prometheus-client", "prometheus_client")
    wants_frames = True

    def __init__(self, host: str, port: int, token: str | None = None) -> None:
        from prometheus_client import CollectorRegistry, ProcessCollector, disable_created_metrics, make_wsgi_app

        from edge.sinks.prometheus.board_collector import BoardCollector
        from edge.sinks.prometheus.run_metrics import RunMetrics
        from edge.sinks.prometheus.sink_collector import SinkCollector

        # The creation time of each counter is of no use here, and doubles the page.
        disable_created_metrics()
        self._registry = CollectorRegistry()
        app = AcceptHeaderCheck(make_wsgi_app(self._registry))
        try:
            self._server = MetricsServer(host, port, app if token is None else BearerTokenCheck(app, token))
        except (OSError, OverflowError, UnicodeError) as error:
            reason = getattr(error, "strerror", None) or error
            raise SinkError(f"cannot listen at {host}:{port} for metrics: {reason}") from error
        self.port = self._server.port
        self._metrics = RunMetrics(self._registry)
        ProcessCollector(registry=self._registry)
        self._registry.register(BoardCollector())
        self._sinks = SinkCollector()
        self._registry.register(self._sinks)

    @classmethod
    def prepare(cls, uri: SinkUri, environment: Mapping[str, str] = os.environ) -> Callable[[], MetricsSink]:
        """See `Sink.prepare`.

        Raises:
            WrongUseError: the URI is not what was expected, or there is no token and other machines can reach the
                address.
            SinkError: the token's file cannot be read.
        """
        match = re.fullmatch(r"(?:(\[[0-9a-fA-F:.]+\]|[^:\[\]]+):)?(\d{1,5})", uri.target)
        if not match or not int(match[2]) < 65536:
            raise WrongUseError(f"sink {uri.name} names no port: expected metrics:PORT or metrics:HOST:PORT")
        host, port = (match[1] or "127.0.0.1").strip("[]"), int(match[2])
        file = Path(uri.options["token_file"]) if "token_file" in uri.options else None
        secret = read_secret(METRICS_TOKEN, TOKEN_VARIABLE, file, environment, error_type=SinkError)
        if secret is None and not is_loopback(host):
            raise WrongUseError(
                f"sink {uri.name} can be reached from other machines: expected token_file=FILE, or {TOKEN_VARIABLE} in "
                f"the environment, or metrics:127.0.0.1:{port}"
            )
        token = None if secret is None else checked_token(secret, f"sink {uri.name}", _MAX_TOKEN_LENGTH)
        return partial(cls, host, port, token)

    def watch(self, workers: Sequence[SinkWorker]) -> None:
        """Serve the counts of these workers, too."""
        self._sinks.workers = workers

    def set_model(self, identity: str) -> None:
        """Take the identity of the model in use."""
        self._metrics.set_model(identity)

    def write(self, message: Message) -> None:
        """Count one event, or take an aggregate's or the source's values."""
        self._metrics.add(message)

    def write_frame(self, report: FrameReport) -> None:
        """Count one frame."""
        self._metrics.add_frame(report)

    def close(self) -> None:
        """Stop listening."""
        self._server.close()
