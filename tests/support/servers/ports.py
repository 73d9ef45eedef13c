# SPDX-License-Identifier: Apache-2.0
"""Ports of loopback that this process keeps, so that no other one gets them at the wrong moment.

A port that was only found free may be another program's a moment later: a client's, or another test's server.
A socket that is bound and does not listen holds its port, and whoever connects is refused. Linux lets a
server listen there all the same, if both set SO_REUSEADDR, as nearly all servers do.
"""

import socket

_held: list[socket.socket] = []


def held_port() -> int:
    """A port for a server, also before it starts and while it is down; held until this process ends."""
    found = socket.socket()
    found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    found.bind(("127.0.0.1", 0))
    _held.append(found)
    return int(found.getsockname()[1])
