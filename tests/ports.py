"""Ports for servers that are told theirs before they listen.

The kernel's own choice is free again as soon as it is looked at, and given to the next one who asks. Each
process that tests has a range of its own here, below those that the kernel gives to connections.
"""

import itertools
import os
import socket

_FIRST, _EACH, _RANGES = 15000, 2000, 8
_worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0")[2:]) % _RANGES
# Another run of the tests on this machine begins elsewhere.
_numbers = itertools.count(os.getpid() % _EACH)


def free_port() -> int:
    """Return a port of the loopback that nobody listens on and that this process has not given out lately."""
    for number in _numbers:
        port = _FIRST + _worker * _EACH + number % _EACH
        try:
            socket.create_server(("127.0.0.1", port)).close()
        except OSError:
            continue
        return port
    raise AssertionError("the numbers do not end")
