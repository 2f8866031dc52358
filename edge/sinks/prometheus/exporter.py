"""`metrics:[HOST:]PORT`: figures for Prometheus, at http://HOST:PORT/metrics.

HOST is 127.0.0.1 where none is named. Beyond this machine a token is asked for, of at least 16 characters: on the only
line of `token_file=FILE` (`metrics:0.0.0.0:9108?token_file=/etc/mien/token`), in MIEN_METRICS_TOKEN, or in systemd's
credential metrics-token; Prometheus sends it as `authorization: {credentials_file: ...}` in its scrape configuration.
"""

from __future__ import annotations

import hmac
import os
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from edge import __version__
from edge.errors import MissingExtraError, SinkError, WrongUseError
from edge.sinks.sink_uri import SinkUri
from edge.system.addresses import is_loopback
from edge.system.credentials import METRICS_TOKEN, credential
from edge.types import SOURCE_STATES, Aggregate, Event, FrameReport, Message

if TYPE_CHECKING:
    from edge.sinks.sink_worker import SinkWorker

TOKEN_VARIABLE = "MIEN_METRICS_TOKEN"
_SHORTEST_TOKEN = 16
#: From half a millisecond to five seconds: a stage on a workstation, a whole frame on a busy Pi Zero.
_BUCKETS_S = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)


def metrics_opener(spec: SinkUri, environment: Mapping[str, str] = os.environ) -> Callable[[], MetricsSink]:
    """What opens the sink of a spec; nothing is listened to yet.

    Raises:
        WrongUseError: the spec is not what was expected, or lacks a token.
        SinkError: the token's file cannot be read.
        MissingExtraError: prometheus-client is not installed.
    """
    spec.check_keys(("token_file", "queue"))
    match = re.fullmatch(r"(?:(\[[0-9a-fA-F:.]+\]|[^:\[\]]+):)?(\d{1,5})", spec.target)
    if not match or not int(match[2]) < 65536:
        raise WrongUseError(f"sink {spec.name} names no port: expected metrics:PORT or metrics:HOST:PORT")
    host, port = (match[1] or "127.0.0.1").strip("[]"), int(match[2])
    token = _token(spec, environment)
    if token is None and not is_loopback(host):
        raise WrongUseError(
            f"sink {spec.name} can be reached from other machines: expected token_file=FILE, or {TOKEN_VARIABLE} in "
            f"the environment, or metrics:127.0.0.1:{port}"
        )
    try:
        import prometheus_client  # noqa: F401
    except ImportError as error:
        raise MissingExtraError("metrics", "prometheus-client") from error
    return partial(MetricsSink, host, port, token)


class MetricsSink:
    """Counts what passes, and tells it over HTTP.

    Args:
        host: address to listen at.
        port: 0 for any that is free; `port` says which.
        token: what a request must carry as bearer token; None for none.

    Raises:
        SinkError: nobody can listen there: the port is taken, or the address is another machine's.
    """

    def __init__(self, host: str, port: int, token: str | None = None) -> None:
        from prometheus_client import (
            CollectorRegistry,
            Counter,
            Gauge,
            Histogram,
            Info,
            ProcessCollector,
            disable_created_metrics,
            start_http_server,
        )

        from edge.sinks.prometheus.board_collector import BoardCollector

        # When a counter began is of no use here, and doubles the page.
        disable_created_metrics()
        self._registry, self._source_known = CollectorRegistry(), False
        try:
            self._server, self._thread = start_http_server(port, host, self._registry)
        except (OSError, OverflowError) as error:
            reason = getattr(error, "strerror", None) or error
            raise SinkError(f"cannot listen at {host}:{port} for metrics: {reason}") from error
        if token is not None:
            # Before there is anything to see.
            self._server.set_app(_Guard(self._server.get_app(), token))
        self.port = self._server.server_port
        register: dict[str, Any] = {"registry": self._registry, "namespace": "mien"}
        self._frames = Counter("frames", "Frames in which faces were looked for.", ["source"], **register)
        self._frames_dropped = Counter(
            "frames_dropped", "Frames that the source had and nobody processed.", ["source"], **register
        )
        self._faces = Counter("faces", "Faces found, summed over the frames.", ["source"], **register)
        self._faces_now = Gauge("faces_in_view", "Faces in the last frame.", ["source"], **register)
        self._events = Counter("events", "Events, by expression and state.", ["expression", "state"], **register)
        self._shares = Gauge(
            "expression_share", "Of the time that faces were seen, in the last aggregate.", ["expression"], **register
        )
        self._aggregate_faces = Gauge("aggregate_faces", "Different faces in the last aggregate.", **register)
        self._stages = Histogram(
            "stage_duration_seconds", "How long a frame's stages took.", ["stage"], buckets=_BUCKETS_S, **register
        )
        self._source_state = Gauge(
            "source_state", "1 for the state that the source is in.", ["source", "state"], **register
        )
        Info("build", "Which mien this is.", **register).info({"version": __version__})
        self._model = Info("model", "Which model answers.", **register)
        ProcessCollector(registry=self._registry)
        self._registry.register(BoardCollector())

    def watch(self, outlets: Sequence[SinkWorker]) -> None:
        """Tell how these outlets fare, too."""
        from edge.sinks.prometheus.sink_collector import SinkCollector

        self._registry.register(SinkCollector(outlets))

    def model(self, identity: str) -> None:
        """Tell which model answers."""
        name, _, version = identity.rpartition("@")
        self._model.info({"model": name, "version": version})

    def write(self, message: Message) -> None:
        """Count one event, or take note of an aggregate or of the source's state."""
        if isinstance(message, Event):
            self._events.labels(message.emotion, message.state).inc()
        elif isinstance(message, Aggregate):
            self._aggregate_faces.set(message.faces)
            for expression, share in message.shares.items():
                self._shares.labels(expression).set(share)
        else:
            self._set_source(message.source, message.state)

    def frame(self, report: FrameReport) -> None:
        """Count one frame."""
        self._frames.labels(report.source).inc()
        self._frames_dropped.labels(report.source).inc(report.dropped)
        if report.faces is not None:
            self._faces.labels(report.source).inc(report.faces)
            self._faces_now.labels(report.source).set(report.faces)
        if not self._source_known:
            # Files say nothing of themselves; where frames come, the source is there.
            self._set_source(report.source, "online")
        for stage, latency_ms in report.latency_ms.items():
            self._stages.labels(stage).observe(latency_ms / 1000)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop listening."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def _set_source(self, source: str, state: str) -> None:
        self._source_known = True
        for each in SOURCE_STATES:
            self._source_state.labels(source, each).set(each == state)


class _Guard:
    """Lets requests through that carry the token.

    Args:
        app: the WSGI application behind it.
        token: what `Authorization: Bearer TOKEN` must say.
    """

    def __init__(self, app: Any, token: str) -> None:
        self._app, self._expected = app, f"Bearer {token}".encode()

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        sent = environ.get("HTTP_AUTHORIZATION", "").encode("latin-1", "replace")
        if hmac.compare_digest(sent, self._expected):
            answer: Iterable[bytes] = self._app(environ, start_response)
            return answer
        start_response(
            "401 Unauthorized", [("WWW-Authenticate", 'Bearer realm="mien"'), ("Content-Type", "text/plain")]
        )
        return [b"a token is needed\n"]


def _token(spec: SinkUri, environment: Mapping[str, str]) -> str | None:
    token = environment.get(TOKEN_VARIABLE)
    if token is None and (loaded := credential(METRICS_TOKEN, environment)) is not None:
        token = loaded.strip()
    if path := spec.options.get("token_file"):
        try:
            token = Path(path).read_text("utf-8").strip()
        except (OSError, UnicodeError) as error:
            raise SinkError(f"cannot read {path}: {getattr(error, 'strerror', None) or 'not text'}") from error
    if token is not None and not re.fullmatch(rf"[!-~]{{{_SHORTEST_TOKEN},}}", token):
        raise WrongUseError(
            f"the token of sink {spec.name}: expected one line of at least {_SHORTEST_TOKEN} characters, such as "
            "`openssl rand -hex 16` gives"
        )
    return token
