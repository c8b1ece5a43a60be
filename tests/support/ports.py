"""Ports for the servers that the tests start."""

import itertools
import os
import random
import socket

FIRST, EACH = 20_000, 1_500
"""Below the ports that the kernel gives to outgoing connections (32768 and above), which may take one at any moment."""
_worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")) % 4
_worker += 4 if "TECHMAIL_SERVERS" in os.environ else 0
_start = random.randrange(EACH)
_offsets = itertools.count(_start)


def free_port() -> int:
    """A loopback port that nothing listens on, and that this process was not given before (each 1,500 times).

    Every process of pytest-xdist has a range of its own, in either pass of `make test`, so that two that ask at the
    same moment get two ports.
    """
    for offset in itertools.islice(_offsets, EACH):
        port = FIRST + _worker * EACH + offset % EACH
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise RuntimeError("No port is free between 20000 and 32000.")
