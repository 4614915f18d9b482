# SPDX-License-Identifier: GPL-3.0-or-later
"""Listen on ports of a machine, or send packets and say which were answered: any Python from 3.8 on runs this.

packets.py listen PIDFILE SECONDS '{"tcp": [443], "udp": [514]}' [NETWORK]
    prints the ports where something else listens; NETWORK names a file with the number of a process in another network
packets.py watch PIDFILE RESULT '["192.0.2.2", "198.18.1.10", "tcp", 443, 0]'
    connects all the while until it is stopped
packets.py send '[["192.0.2.2", "198.18.1.10", "tcp", 443, 0, true], ...]'
    prints true or false for each
packets.py stop PIDFILE
"""

import ctypes
import json
import os
import selectors
import signal
import socket
import sys
import time
from concurrent.futures import ThreadPoolExecutor

PATIENCE, MORE_PATIENCE = 1.5, 6.0
"""For an answer; more for one that should come and did not, since the machine may be busy."""
UDP_AT = (0.0, 0.15, 0.4)
AT_ONCE = 256


def bind(kind, port):
    """For both families."""
    one = socket.socket(socket.AF_INET6, kind)
    # Of UDP too: who sends from a fixed port may listen there as well.
    one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    one.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
    one.bind(("::", port))
    one.setblocking(False)
    return one


def enter(note):
    """The network of the process whose number is in this file: a container's."""
    with open(note) as text, open(f"/proc/{int(text.read())}/ns/net") as network:
        if ctypes.CDLL(None, use_errno=True).setns(network.fileno(), 0x40000000):
            raise OSError(ctypes.get_errno(), f"cannot enter the network of {note}")


def listen(pidfile, seconds, ports, network=""):
    stop(pidfile)
    if network:
        enter(network)
    waiting, busy = selectors.DefaultSelector(), []
    for protocol, kind in (("tcp", socket.SOCK_STREAM), ("udp", socket.SOCK_DGRAM)):
        for port in ports.get(protocol, []):
            try:
                one = bind(kind, port)
                if protocol == "tcp":
                    one.listen(AT_ONCE)
            except OSError:
                busy.append([protocol, port])
                continue
            waiting.register(one, selectors.EVENT_READ, protocol)
    print(json.dumps(busy), flush=True)
    if parted(pidfile):
        return
    end = time.monotonic() + float(seconds)
    while time.monotonic() < end:
        for key, _events in waiting.select(1.0):
            answer(key.fileobj, key.data)


def parted(pidfile):
    """Whether this is the process that ends; the other one goes on by itself."""
    process = os.fork()
    if process:
        with open(pidfile, "w") as note:
            note.write(str(process))
        return True
    os.setsid()
    nothing = os.open(os.devnull, os.O_RDWR)
    for number in (0, 1, 2):
        os.dup2(nothing, number)
    return False


def watch(pidfile, result, way):
    stop(pidfile)
    if parted(pidfile):
        return
    tried, lost, end = 0, 0, time.monotonic() + 600
    while time.monotonic() < end:
        tried += 1
        lost += not passes(way, PATIENCE)
        # As a whole, for who reads it may come at any time.
        with open(result + ".new", "w") as note:
            json.dump({"tried": tried, "lost": lost}, note)
        os.replace(result + ".new", result)
        time.sleep(0.02)


def answer(one, protocol):
    try:
        if protocol == "tcp":
            peer, _address = one.accept()
            peer.close()
        else:
            said, address = one.recvfrom(512)
            one.sendto(said, address)
    except OSError:
        pass


def stop(pidfile):
    try:
        with open(pidfile) as note:
            os.kill(int(note.read()), signal.SIGKILL)
        os.unlink(pidfile)
    except (OSError, ValueError):
        pass


def passes(way, patience):
    source, target, protocol, port, source_port = way[:5]
    family = socket.AF_INET6 if ":" in target else socket.AF_INET
    kind = socket.SOCK_STREAM if protocol == "tcp" else socket.SOCK_DGRAM
    try:
        with socket.socket(family, kind) as one:
            one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            one.bind((source, source_port))
            one.settimeout(patience)
            one.connect((target, port))
            return protocol == "tcp" or echoed(one, patience)
    except OSError:
        return False


def echoed(one, patience):
    start = time.monotonic()
    for after in (*UDP_AT, patience):
        left = start + after - time.monotonic()
        if left > 0:
            one.settimeout(left)
            try:
                return one.recv(512) == b"portbook"
            except TimeoutError:
                pass
        if after < patience:
            one.send(b"portbook")
    return False


def send(ways):
    with ThreadPoolExecutor(max(1, min(AT_ONCE, len(ways)))) as pool:
        found = list(pool.map(lambda way: passes(way, PATIENCE), ways))
        again = [number for number, way in enumerate(ways) if way[5] and not found[number]]
        for number in again:
            found[number] = pool.submit(passes, ways[number], MORE_PATIENCE)
    print(json.dumps([one if isinstance(one, bool) else one.result() for one in found]))


if __name__ == "__main__":
    what, *rest = sys.argv[1:]
    if what == "listen":
        listen(rest[0], rest[1], json.loads(rest[2]), *rest[3:])
    elif what == "watch":
        watch(rest[0], rest[1], json.loads(rest[2]))
    elif what == "send":
        send(json.loads(rest[0]))
    else:
        stop(rest[0])
