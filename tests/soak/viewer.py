"""A user who knows the tokens: opens the preview's page and its live connection, and reads the metrics."""

import time
from contextlib import contextmanager
from http.client import HTTPConnection, HTTPException
from urllib.parse import urlencode

from websockets.exceptions import WebSocketException
from websockets.sync.client import connect

#: How long one attempt may take, and all attempts; the goal is 2 s on a machine that does nothing else.
_ATTEMPT_TIMEOUT_S, _TIMEOUT_S = 10, 60.0
_PAUSE_S = 0.05
#: There was no room for the connection at that moment, or the server is just being exchanged.
_NOT_SERVED = (OSError, HTTPException, WebSocketException, EOFError)


class Viewer:
    """Signs in once, and again where its cookie is no longer valid, as a browser's user does.

    Attributes:
        attempts: how many attempts were needed so far; more than those that succeeded where it was not served at once.
        rejected_by_limit: how often the metrics were not served because of other clients' wrong tokens, which are
            counted by address.
    """

    def __init__(self, daemon):
        self._daemon = daemon
        self._cookie = ""
        self._metrics_token = daemon.metrics_token.read_text()
        self.attempts = self.rejected_by_limit = 0

    @property
    def has_newest_metrics_token(self):
        return self._metrics_token == self._daemon.metrics_token.read_text()

    def served_s(self):
        """Open the page and the live connection, and read the metrics; return the seconds until all were there."""
        begin_s = time.monotonic()
        for step in (self._open_page, self._open_live, self._read_metrics):
            while not self._succeeds(step) and time.monotonic() - begin_s < _TIMEOUT_S:
                time.sleep(_PAUSE_S)
        return time.monotonic() - begin_s

    @contextmanager
    def live(self):
        """Yield a live connection; others may try to keep this one out, so that it is tried again and again."""
        deadline_s = time.monotonic() + _TIMEOUT_S
        while True:
            try:
                live = self._connect()
                break
            except _NOT_SERVED:
                if time.monotonic() > deadline_s:
                    raise
                time.sleep(_PAUSE_S)
        with live:
            yield live

    def _connect(self):
        url = f"ws://127.0.0.1:{self._daemon.preview_port}/live"
        headers = {"Cookie": self._cookie}
        return connect(url, compression=None, proxy=None, additional_headers=headers, open_timeout=_ATTEMPT_TIMEOUT_S)

    def _succeeds(self, step):
        self.attempts += 1
        try:
            return step()
        except _NOT_SERVED:
            return False

    def _open_page(self):
        status, _ = self._request(self._daemon.preview_port, "GET", "/", {"Cookie": self._cookie})
        if status == 401:
            self._sign_in()
        return status == 200

    def _sign_in(self):
        body = urlencode({"token": self._daemon.preview_token.read_text()})
        status, headers = self._request(self._daemon.preview_port, "POST", "/login", {}, body)
        if status == 200:
            self._cookie = headers["Set-Cookie"].partition(";")[0]

    def _open_live(self):
        with self._connect() as live:
            # The state of the source comes first, whether the camera works or not.
            return isinstance(live.recv(_ATTEMPT_TIMEOUT_S), str)

    def _read_metrics(self):
        headers = {"Authorization": f"Bearer {self._metrics_token}"}
        status, _ = self._request(self._daemon.metrics_port, "GET", "/metrics", headers)
        if status == 401:
            self._metrics_token = self._daemon.metrics_token.read_text()
        # All clients of this machine count as one, so that somebody else's wrong tokens keep out this one, too.
        self.rejected_by_limit += status == 429
        return status in (200, 429)

    @staticmethod
    def _request(port, method, path, headers, body=None):
        connection = HTTPConnection("127.0.0.1", port, timeout=_ATTEMPT_TIMEOUT_S)
        try:
            connection.request(method, path, body, {"Connection": "close", **headers})
            response = connection.getresponse()
            response.read()
            return response.status, response.headers
        finally:
            connection.close()
