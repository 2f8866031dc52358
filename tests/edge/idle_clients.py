"""Clients that open many connections and send nothing, in a process of their own."""

import subprocess
import sys
from contextlib import contextmanager

#: Opens connections, reports it, and opens another one for each that the server closes.
_SCRIPT = """
import resource, selectors, socket, sys
port, count, first_bytes = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3].encode()
hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, count + 100), hard))
selector = selectors.DefaultSelector()
def connect():
    connection = socket.create_connection(("127.0.0.1", port), timeout=10)
    connection.sendall(first_bytes)
    connection.setblocking(False)
    selector.register(connection, selectors.EVENT_READ)
for _ in range(count):
    connect()
print("connected", flush=True)
while True:
    for key, _ in selector.select(0.5):
        try:
            ended = not key.fileobj.recv(4096)
        except OSError:
            ended = True
        if ended:
            selector.unregister(key.fileobj)
            key.fileobj.close()
            if sys.argv[4] == "again":
                connect()
"""


@contextmanager
def idle_clients(port, count, first_bytes="", again=False, wait=True):
    """Hold that many connections to a port of loopback; yields the process.

    Args:
        port: of the server.
        count: how many connections.
        first_bytes: what each of them sends.
        again: whether another one is opened for each that the server closes.
        wait: until all are open; otherwise the process writes `connected` when they are.
    """
    command = [sys.executable, "-P", "-c", _SCRIPT, str(port), str(count), first_bytes, "again" if again else "once"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            if wait:
                assert process.stdout.readline() == "connected\n"
            yield process
        finally:
            process.kill()
