"""The webhook, with a real HTTP server."""

import base64
import hashlib
import hmac
import json
import logging
import shutil
import socket
import ssl
import subprocess
import threading
import time
from contextlib import contextmanager

import pytest

from edge.errors import MessageRejectedError, SinkError, WrongUseError
from edge.sinks import open_sink, open_sink_group, prepare_sink
from edge.sinks.webhook.signature import sign
from edge.types import SourceEvent
from tests.edge.http_receiver import HttpReceiver
from tests.edge.mosquitto import free_port
from tests.edge.waiting import wait_until


@pytest.fixture
def private_file(tmp_path):
    def write(name, text):
        path = tmp_path / name
        path.write_text(text)
        path.chmod(0o600)
        return path

    return write


def event(number=0):
    return SourceEvent("clip", "offline", f"reason {number}")


def test_a_message_is_posted_as_json():
    message = event()
    with HttpReceiver() as receiver, open_sink(f"webhook:http://127.0.0.1:{receiver.port}/a/b?x=1?timeout=9s") as sink:
        sink.write(message)
    ((path, headers, body),) = receiver.requests
    assert path == "/a/b?x=1"
    assert json.loads(body) == message.as_dict()
    assert headers["Content-Type"] == "application/json"
    assert headers["webhook-id"].startswith("msg_")
    assert abs(int(headers["webhook-timestamp"]) - time.time()) < 60
    assert headers["webhook-signature"] is None
    assert headers["Authorization"] is None


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\n", base64.b64decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")),
        ("a plain secret of mine", b"a plain secret of mine"),
    ],
)
def test_requests_are_signed(private_file, text, key):
    secret = private_file("secret", text)
    with (
        HttpReceiver() as receiver,
        open_sink(f"webhook:http://127.0.0.1:{receiver.port}?secret_file={secret}") as sink,
    ):
        sink.write(event())
    ((_, headers, body),) = receiver.requests
    content = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    expected = base64.b64encode(hmac.new(key, content, hashlib.sha256).digest()).decode()
    assert headers["webhook-signature"] == f"v1,{expected}"


def test_the_example_of_the_specification():
    key = base64.b64decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    assert sign(key, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, b'{"test": 2432232314}') == (
        "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
    )


def test_a_message_that_fails_is_repeated_with_its_id(caplog):
    with HttpReceiver([500, 503, 408, 429]) as receiver, caplog.at_level(logging.WARNING):
        uri = f"webhook:http://127.0.0.1:{receiver.port}/"
        with open_sink_group([uri]) as group:
            for number in range(2):
                group.put(event(number))
            wait_until(lambda: group.counts[uri].delivered == 2, "both are delivered")
            counts = group.counts[uri]
    assert (counts.received, counts.dropped, counts.failures) == (2, 0, 4)
    ids = [headers["webhook-id"] for _, headers, _ in receiver.requests]
    assert ids[:5] == [ids[0]] * 5
    assert ids[5] != ids[0]
    assert "127.0.0.1 answers 500 Internal Server Error" in caplog.text


@pytest.mark.parametrize(
    ("status", "body"), [(404, b""), (401, b"\n who are you?\x1b[2J\n" + b"x" * 100_000), (302, b"")]
)
def test_a_message_that_is_rejected_is_dropped_and_counted(caplog, status, body):
    other = [("Location", "http://127.0.0.1:1/elsewhere")] if status == 302 else []
    with HttpReceiver([status, 200, status], body=body, headers=other) as receiver, caplog.at_level(logging.WARNING):
        uri = f"webhook:http://127.0.0.1:{receiver.port}/"
        with open_sink_group([uri]) as group:
            for number in range(3):
                group.put(event(number))
            wait_until(lambda: not group.counts[uri].queued, "all are posted")
            counts = group.counts[uri]
    assert (counts.received, counts.delivered, counts.dropped, counts.failures) == (3, 1, 2, 2)
    assert len(receiver.requests) == 3
    # Of two warnings within a minute one is logged, and none is about a sink that is too slow.
    (record,) = caplog.records
    assert f"127.0.0.1 answers {status}" in record.message
    assert "(the message is dropped; rejected so far: 1)" in record.message
    assert {404: "Not Found", 401: r"Unauthorized: who are you?\x1b[2J", 302: "elsewhere are not followed"}[
        status
    ] in record.message
    assert len(record.message) < 400


def test_open_sink_raises_what_is_rejected():
    with HttpReceiver([410]) as receiver, open_sink(f"webhook:http://127.0.0.1:{receiver.port}") as sink:
        with pytest.raises(MessageRejectedError, match="answers 410 Gone"):
            sink.write(event())
        sink.write(event())


def test_a_server_that_is_away_for_a_while():
    port = free_port()
    with open_sink(f"webhook:http://127.0.0.1:{port}") as sink, pytest.raises(SinkError, match="Connection refused"):
        sink.write(event())


@contextmanager
def raw_server(serve):
    """Call `serve(connection)` with each connection, in a thread."""

    def run():
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with connection:
                serve(connection)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=run, daemon=True)
        thread.start()
        yield listener.getsockname()[1]
        listener.shutdown(socket.SHUT_RDWR)
    thread.join(30)


def test_a_server_that_answers_a_byte_at_a_time_is_left():
    left = threading.Event()

    def drip(connection):
        try:
            connection.sendall(b"HTTP/1.1 200 OK\r\n")
            while True:
                connection.sendall(b"x")
                time.sleep(0.05)
        except OSError:
            left.set()

    with raw_server(drip) as port, open_sink(f"webhook:http://127.0.0.1:{port}?timeout=0.5") as sink:
        with pytest.raises(SinkError, match="timed out"):
            sink.write(event())
        assert left.wait(30)


@pytest.mark.parametrize("answer", [b"SSH-2.0-OpenSSH_9.2\r\n", b"", b"HTTP/1.1 200 OK\r\n" + b"a: b\r\n" * 200])
def test_answers_that_are_no_http(answer):
    def serve(connection):
        connection.recv(10_000)
        connection.sendall(answer)

    with (
        raw_server(serve) as port,
        open_sink(f"webhook:http://127.0.0.1:{port}") as sink,
        pytest.raises(SinkError, match=r"cannot post to 127\.0\.0\.1: \w+"),
    ):
        sink.write(event())


def test_login_and_token(private_file):
    login, token = private_file("login", "pi\nhunter2\n"), private_file("token", "tk_AgQdq7mVBoFD37zQVN29RhuMzNIz2\n")
    with HttpReceiver() as receiver:
        for option in (f"login={login}", f"token_file={token}"):
            with open_sink(f"webhook:http://127.0.0.1:{receiver.port}?{option}") as sink:
                sink.write(event())
    basic, bearer = (headers["Authorization"] for _, headers, _ in receiver.requests)
    assert base64.b64decode(basic.removeprefix("Basic ")) == b"pi:hunter2"
    assert bearer == "Bearer tk_AgQdq7mVBoFD37zQVN29RhuMzNIz2"


def test_a_secret_that_is_replaced_reopens_the_sink(private_file):
    secret = private_file("secret", "the first secret of two")
    uri = f"webhook:http://127.0.0.1:{free_port()}?secret_file={secret}"
    before = prepare_sink(uri)
    assert before == prepare_sink(uri)
    private_file("secret", "the second secret of two")
    assert before != prepare_sink(uri)


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        ("webhook:", "expected webhook:https://HOST"),
        ("webhook:example.org", "expected webhook:https://HOST"),
        ("webhook:ftp://example.org", "expected webhook:https://HOST"),
        ("webhook:http://", "expected webhook:https://HOST"),
        ("webhook:http://a:99999/", "expected webhook:https://HOST"),
        ("webhook:http://[::1/", "expected webhook:https://HOST"),
        ("webhook:http://a/b c", "expected webhook:https://HOST"),
        ("webhook:http://a/\r\nHost: b", "expected webhook:https://HOST"),
        ("webhook:http://a/é", "expected webhook:https://HOST"),
        ("webhook:http://a/#b", "expected webhook:https://HOST"),
        ("webhook:http://a" + "a" * 70 + ".org", "expected webhook:https://HOST"),
        ("webhook:https://pi:hunter2@example.org/", "expected login=FILE"),
        ("webhook:http://a?timeout=0", "a duration of at least 0.1 seconds"),
        ("webhook:http://a?timeout=2m", "at most 60 seconds"),
        ("webhook:http://a?timout=2", "did you mean 'timeout'"),
        ("webhook:http://a?insecure=yes", "expected https"),
        ("webhook:https://a?insecure=no", "expected yes"),
        ("webhook:http://a?login=x&token_file=y", "expected one of the two"),
    ],
)
def test_wrong_addresses(target, expected):
    with pytest.raises(WrongUseError, match=expected) as caught:
        prepare_sink(target)
    assert "hunter2" not in str(caught.value)
    assert "\n" not in str(caught.value)


def test_wrong_files(private_file):
    junk, short = private_file("junk", "hunter2\nb\nc\n"), private_file("short", "hunter2")
    base = private_file("base", "whsec_hunter2!")
    for options, error, expected in (
        ("secret_file=/no/file", SinkError, "cannot read /no/file"),
        (f"secret_file={short}", WrongUseError, "of at least 16 bytes"),
        (f"secret_file={base}", WrongUseError, "expected base64 after whsec_"),
        (f"login={junk}", WrongUseError, "expected the user, without a colon, and the password"),
        (f"token_file={short}", WrongUseError, "contains no valid token"),
        (f"ca={junk}", SinkError, "expected PEM"),
        ("ca=/no/file", SinkError, "/no/file .* cannot be used"),
    ):
        with pytest.raises(error, match=expected) as caught:
            prepare_sink(f"webhook:https://example.org?{options}")
        assert "hunter2" not in str(caught.value)


@pytest.fixture
def certificate(tmp_path):
    """A certificate for 127.0.0.1 that signs itself, made with openssl."""
    if not shutil.which("openssl"):
        pytest.skip("no openssl: apt install openssl")
    command = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=receiver"
    files = ["-keyout", tmp_path / "key.pem", "-out", tmp_path / "ca.pem"]
    subprocess.run(
        [*command.split(), *files, "-addext", "subjectAltName=IP:127.0.0.1"], check=True, capture_output=True
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "ca.pem", tmp_path / "key.pem")
    return context, tmp_path / "ca.pem"


@pytest.mark.real_part
def test_tls(certificate, caplog):
    context, ca = certificate
    with HttpReceiver(tls=context) as receiver:
        uri = f"webhook:https://127.0.0.1:{receiver.port}/"
        with open_sink(f"{uri}?ca={ca}") as sink:
            sink.write(event())
        with open_sink(f"{uri}?insecure=yes") as sink:
            sink.write(event())
        assert "insecure=yes: the server's certificate is not verified" in caplog.text
        with open_sink(uri) as sink, pytest.raises(SinkError, match="certificate"):
            sink.write(event())
    assert len(receiver.requests) == 2


def test_a_daemon_with_a_webhook_and_a_filter(weights):
    from edge.service.daemon import Daemon
    from edge.service.settings import RunSettings
    from tests.conftest import PORTRAIT

    with HttpReceiver() as receiver:
        uri = f"webhook:http://127.0.0.1:{receiver.port}/?state=frame"
        with Daemon(RunSettings(source=str(PORTRAIT), sink=(uri,), emit="frame")) as daemon:
            list(daemon.steps())
    ((_, _, body),) = receiver.requests
    assert json.loads(body)["state"] == "frame"
