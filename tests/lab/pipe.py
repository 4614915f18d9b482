# SPDX-License-Identifier: GPL-3.0-or-later
"""Stand between ssh and a port of a machine, as ssh's ProxyCommand, from inside the laboratory's outside network."""

from __future__ import annotations

import os
import selectors
import socket
import sys


def main() -> None:
    with socket.create_connection((sys.argv[1], int(sys.argv[2])), 30) as peer, selectors.DefaultSelector() as waiting:
        peer.settimeout(None)
        waiting.register(peer, selectors.EVENT_READ)
        waiting.register(0, selectors.EVENT_READ)
        while True:
            for key, _events in waiting.select():
                data = peer.recv(65536) if key.fileobj is peer else os.read(0, 65536)
                if key.fileobj is peer:
                    if not data:
                        return
                    written = 0
                    while written < len(data):
                        written += os.write(1, data[written:])
                elif data:
                    peer.sendall(data)
                else:
                    peer.shutdown(socket.SHUT_WR)
                    waiting.unregister(0)


if __name__ == "__main__":
    main()
