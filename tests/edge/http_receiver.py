"""A real HTTP server that records requests and answers as it is asked to."""

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class HttpReceiver:
    """Records POST requests as (path, headers, body).

    Args:
        statuses: of the first answers; afterwards it answers 200.
        tls: an `ssl.SSLContext`, or None.
        body: of answers.
        headers: of answers.
    """

    def __init__(self, statuses=(), tls=None, body=b"", headers=()):
        self.requests, waiting = [], list(statuses)
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                content = self.rfile.read(int(self.headers["Content-Length"]))
                receiver.requests.append((self.path, self.headers, content))
                self.send_response(waiting.pop(0) if waiting else 200)
                for name, value in headers:
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        class Server(ThreadingHTTPServer):
            def handle_error(self, *_):
                """A client that leaves in the middle is what some tests are about."""

        self._server = Server(("127.0.0.1", 0), Handler)
        if tls is not None:
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True)
        self.port = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()

    def close(self):
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
