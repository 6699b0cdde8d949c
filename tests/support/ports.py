"""Ports of this machine that stay free until they are used, while other tests open ports and connections."""

import secrets
import socket
from contextlib import contextmanager
from pathlib import Path

# From these the system gives a port to each process that asks for any, and to each connection of a client.
_GIVEN_BY_THE_SYSTEM = Path("/proc/sys/net/ipv4/ip_local_port_range")
_FIRST = 15_000


def listen_on_a_free_port(**options):
    """Listen on a port that the system gives to no process by itself."""
    last = 32_767
    if _GIVEN_BY_THE_SYSTEM.exists():
        last = max(int(_GIVEN_BY_THE_SYSTEM.read_text().split()[0]) - 1, _FIRST + 1_000)
    while True:
        try:
            return socket.create_server(("127.0.0.1", _FIRST + secrets.randbelow(last - _FIRST)), **options)
        except OSError:  # noqa: PERF203 - a process listens there
            continue


def free_port():
    """A port for a server that is not started yet: no process listens there, and the system gives it to none."""
    with listen_on_a_free_port() as listener:
        return listener.getsockname()[1]


@contextmanager
def refusing_port():
    """A port that refuses connections: it is taken, and no process listens."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield taken.getsockname()[1]
