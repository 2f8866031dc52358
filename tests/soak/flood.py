"""Sends requests as fast as one client can, until its standard input ends; then prints how they were answered.

Usage: flood.py KIND PREVIEW_PORT METRICS_PORT SEED

A process of its own, so that what it costs is not part of what others measure, and of low priority: attackers are on
other machines.
"""

import json
import os
import random
import select
import socket
import sys
import time
from collections import Counter

HOSTS = ("evil.example", "evil.example:80", "127.0.0.1.evil.example", "[::ffff:10.0.0.1]", "\x7f", "a" * 5000, "]")
ORIGINS = ("http://evil.example", "null", "https://127.0.0.1", "http://localhost", "file://", "http://[")


def wrong_tokens(chance, preview, metrics):
    body = f"token={chance.randbytes(12).hex()}"
    return preview, request("POST /login", f"127.0.0.1:{preview}", f"Content-Length: {len(body)}") + body


def wrong_cookies(chance, preview, metrics):
    cookie = f"Cookie: mien-preview-{preview}={chance.randbytes(32).hex()}"
    return preview, request(chance.choice(("GET /", "GET /live", "GET /?token=x")), f"127.0.0.1:{preview}", cookie)


def wrong_bearers(chance, preview, metrics):
    return metrics, request(
        "GET /metrics", f"127.0.0.1:{metrics}", f"Authorization: Bearer {chance.randbytes(12).hex()}"
    )


def foreign_hosts(chance, preview, metrics):
    port, path = chance.choice(((preview, "GET /"), (preview, "GET /static/main.js"), (metrics, "GET /metrics")))
    return port, request(path, chance.choice(HOSTS), f"Origin: {chance.choice(ORIGINS)}")


def live_connections(chance, preview, metrics):
    """WebSockets without a cookie, some from the page of another site."""
    upgrade = "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13"
    key = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="
    origin = chance.choice(("", *(f"\r\nOrigin: {each}" for each in ORIGINS)))
    return preview, request("GET /live", f"127.0.0.1:{preview}", f"{upgrade}\r\n{key}{origin}", "")


KINDS = {each.__name__: each for each in (wrong_tokens, wrong_cookies, wrong_bearers, foreign_hosts, live_connections)}


def request(line, host, headers, close="Connection: close\r\n"):
    return f"{line} HTTP/1.1\r\nHost: {host}\r\n{close}{headers}\r\n\r\n"


def answer(port, text):
    """Send one request, and return the status with which it is answered."""
    try:
        with socket.create_connection(("127.0.0.1", port), 10) as connection:
            connection.sendall(text.encode("latin-1"))
            received = connection.recv(4096)
    except OSError as error:
        return type(error).__name__
    words = received[:32].split(b" ")
    return words[1].decode("latin-1") if len(words) > 1 else "closed"


def main(kind, preview, metrics, seed):
    os.nice(10)
    chance, answers = random.Random(f"{kind}:{seed}"), Counter()
    while not select.select([sys.stdin], [], [], 0)[0]:
        status = answer(*KINDS[kind](chance, int(preview), int(metrics)))
        answers[status] += 1
        if not status.isdecimal():
            # The server is being exchanged.
            time.sleep(0.01)
    print(json.dumps(answers), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
