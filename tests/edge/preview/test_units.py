"""The parts of the preview that need no server."""

import socket
from ipaddress import ip_address

import pytest

from edge.errors import WrongUseError
from edge.preview.access_token import VARIABLE, read_token
from edge.preview.frame_rate import FrameRate
from edge.preview.listen_address import listen, parse_address, url_of
from edge.preview.timeline import COLUMN_S, SPAN_S, Timeline
from edge.system.addresses import is_loopback
from edge.system.login_attempts import MAX_CLIENTS, MAX_FAILURES, WINDOW_S, LoginAttempts


class Clock:
    now_s = 1000.0

    def __call__(self):
        return self.now_s


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("127.0.0.1:8080", ("127.0.0.1", 8080)),
        ("[::1]:0", ("::1", 0)),
        ("pi.local:65535", ("pi.local", 65535)),
        ("8080", ("127.0.0.1", 8080)),
    ],
)
def test_parse_address(text, expected):
    assert parse_address(text) == expected


def test_a_port_is_not_shared_where_that_takes_an_option(monkeypatch):
    # Windows has it; here it stands for an option that can be read again.
    monkeypatch.setattr(socket, "SO_EXCLUSIVEADDRUSE", socket.SO_KEEPALIVE, raising=False)
    with listen("127.0.0.1", 0) as listener:
        assert listener.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
        assert not listener.getsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR)


@pytest.mark.parametrize(
    "text", ["", "99999", ":8080", "127.0.0.1", "::1:8080", "[::1]", "a:65536", "a:-1", "a b:1", "http://a:1"]
)
def test_invalid_addresses(text):
    with pytest.raises(WrongUseError, match="expected HOST:PORT"):
        parse_address(text)


def test_the_page_of_all_addresses_is_the_one_in_the_local_network():
    with listen("0.0.0.0", 0) as listener:
        host, port = url_of(listener).removeprefix("http://").rstrip("/").rsplit(":", 1)
        assert int(port) == listener.getsockname()[1]
        # Without a network there is none but this.
        assert host == "0.0.0.0" or ip_address(host).is_private or ip_address(host).is_global
    with listen("127.0.0.1", 0) as listener:
        assert url_of(listener).startswith("http://127.0.0.1:")


def test_loopback():
    assert all(map(is_loopback, ("127.0.0.1", "127.8.8.8", "::1", "localhost", "LOCALHOST.")))
    assert not any(map(is_loopback, ("0.0.0.0", "::", "10.0.0.1", "localhost.example", "127.0.0.1.example", "")))


def test_tokens(tmp_path):
    file = tmp_path / "token"
    file.write_text("  a-token-of-some-length\n")
    assert read_token(file, {VARIABLE: "another-token-of-length"}) == "a-token-of-some-length"
    assert read_token(None, {VARIABLE: "another-token-of-length"}) == "another-token-of-length"
    assert read_token(None, {}) is None
    assert read_token(None, {VARIABLE: ""}) is None
    for bad in (b"", b"short", b"two words of some length", b"\xff" * 20, b"line-one-of-some\nline-two", b"x" * 5000):
        file.write_bytes(bad)
        with pytest.raises(WrongUseError, match=r"no valid token|not text|at most 4,096 bytes") as error:
            read_token(file, {})
        if bad:
            assert bad.decode("utf-8", "replace") not in str(error.value)
    with pytest.raises(WrongUseError, match="No such file"):
        read_token(tmp_path / "nothing", {})


def test_a_client_with_too_many_wrong_tokens_waits_and_no_other():
    clock = Clock()
    attempts = LoginAttempts(clock)
    for _ in range(MAX_FAILURES):
        assert attempts.retry_after_s("10.0.0.1") == 0
        attempts.record_failure("10.0.0.1")
        clock.now_s += 1
    assert attempts.retry_after_s("10.0.0.1") == WINDOW_S - MAX_FAILURES
    assert attempts.retry_after_s("10.0.0.2") == 0
    clock.now_s += WINDOW_S - MAX_FAILURES
    assert attempts.retry_after_s("10.0.0.1") == 0


def test_an_ipv6_network_is_one_client_and_mapped_ipv4_addresses_are_not():
    attempts = LoginAttempts(Clock())
    for i in range(MAX_FAILURES):
        attempts.record_failure(f"2001:db8::{i}")
        attempts.record_failure("::ffff:10.0.0.1")
    assert attempts.retry_after_s("2001:db8::ffff") > 0
    assert attempts.retry_after_s("2001:db8:0:1::1") == 0
    assert attempts.retry_after_s("10.0.0.1") > 0
    assert attempts.retry_after_s("::ffff:10.0.0.2") == 0


def test_the_memory_of_clients_is_bounded():
    attempts = LoginAttempts(Clock())
    for i in range(2 * MAX_CLIENTS):
        attempts.record_failure(f"10.{i // 256}.{i % 256}.1")
    assert len(attempts._failures) == MAX_CLIENTS


def test_the_timeline_counts_faces_and_their_absence():
    clock = Clock()
    timeline = Timeline(clock)
    for expressions in (["happy"], ["happy", "sad"], ["happy"], []):
        timeline.add(expressions)
    assert timeline.as_dict()["columns"] == [[0, 0.75, {"happy": 0.75, "sad": 0.25}]]
    number = timeline.number
    # A source that has stalled leaves a gap.
    clock.now_s += 5 * COLUMN_S
    timeline.add(["uncertain"])
    assert timeline.number == number + 5
    assert [column[0] for column in timeline.as_dict()["columns"]] == [5, 0]
    clock.now_s += SPAN_S - COLUMN_S
    assert timeline.as_dict()["columns"] == [[SPAN_S / COLUMN_S - 1, 1.0, {"uncertain": 1.0}]]
    for _ in range(1000):
        clock.now_s += COLUMN_S
        timeline.add(["happy"])
    assert len(timeline.as_dict()["columns"]) == SPAN_S / COLUMN_S


def test_the_frame_rate_counts_processed_and_dropped_frames():
    clock = Clock()
    rate = FrameRate(clock)
    for _ in range(20):
        clock.now_s += 0.1
        rate.add(2)
    assert rate.fps == pytest.approx(10)
    assert rate.dropped_fps == pytest.approx(20)
