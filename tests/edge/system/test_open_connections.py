"""How many connections a server keeps, and which it closes to make room."""

from edge.system.addresses import client_network
from edge.system.open_connections import OpenConnections


class Clients:
    """Connections that note when they are closed."""

    def __init__(self, maximum, per_network):
        self.open, self.closed = OpenConnections("the server", maximum, per_network), []

    def connect(self, name, address="10.0.0.1"):
        return self.open.admit(name, address, lambda: self.closed.append(name))


def test_the_one_that_has_waited_longest_makes_room():
    clients = Clients(3, 3)
    assert all(clients.connect(name) for name in "abc")
    clients.open.serve("a")
    assert clients.connect("d")
    assert clients.closed == ["b"]
    assert len(clients.open) == 3


def test_served_connections_are_never_closed():
    clients = Clients(2, 2)
    for name in "ab":
        clients.connect(name)
        clients.open.serve(name)
    assert not clients.connect("c")
    assert clients.closed == []
    clients.open.wait("a", lambda: clients.closed.append("a"))
    assert clients.connect("d")
    assert clients.closed == ["a"]


def test_a_network_makes_room_among_its_own():
    clients = Clients(10, 2)
    clients.connect("other", "10.0.0.2")
    for name in "abc":
        assert clients.connect(name)
    assert clients.closed == ["a"]


def test_released_connections_leave_room():
    clients = Clients(2, 2)
    for name in ("a", "b"):
        clients.connect(name)
    clients.open.release("a")
    clients.open.release("a")
    assert clients.connect("c")
    assert clients.closed == []
    assert len(clients.open) == 2


def test_networks():
    assert client_network("127.0.0.1") == client_network("127.9.9.9") == client_network("::1") == "loopback"
    assert client_network("::ffff:127.0.0.3") == "loopback"
    assert client_network("10.0.0.1") != client_network("10.0.0.2")
    assert client_network("2001:db8::1") == client_network("2001:db8::2") != client_network("2001:db8:0:1::1")
    assert client_network("fe80::1%eth0") == client_network("fe80::2%eth1")
    assert client_network("testclient") == "testclient"
