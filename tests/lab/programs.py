# SPDX-License-Identifier: GPL-3.0-or-later
"""Small programs that run on the machines and outside, to try connections. Any Python from 3.8 on runs them."""

BANNER = """
import socket, sys, time
end = time.monotonic() + float(sys.argv[2])
while time.monotonic() < end:
    try:
        with socket.create_connection((sys.argv[1], 22), 1) as peer:
            peer.settimeout(5)
            if peer.recv(4) == b"SSH-":
                sys.exit(0)
    except OSError:
        pass
    time.sleep(0.03)
sys.exit(1)
"""
LISTEN = """
import selectors, socket, sys
waiting = selectors.DefaultSelector()
for port in map(int, sys.argv[1:]):
    listener = socket.create_server(("::", port), family=socket.AF_INET6, backlog=1024, dualstack_ipv6=True)
    waiting.register(listener, selectors.EVENT_READ, "listener")
print("listening", flush=True)
while True:
    for key, _ in waiting.select():
        one = key.fileobj
        try:
            if key.data == "listener":
                peer, address = one.accept()
                waiting.register(peer, selectors.EVENT_READ, "peer")
                peer.sendall(address[0].replace("::ffff:", "").encode())
            else:
                said = one.recv(65536)
                if said:
                    one.sendall(said)
                else:
                    waiting.unregister(one)
                    one.close()
        except OSError:
            if key.data == "peer":
                waiting.unregister(one)
                one.close()
"""
REACH = """
import json, socket, sys
from concurrent.futures import ThreadPoolExecutor
def reaches(asked):
    source, target, port = asked
    try:
        with socket.create_connection((target, port), seconds, (source, 0)) as peer:
            return not greeted or peer.recv(99).decode() == source
    except OSError:
        return False
asked, seconds, greeted = json.loads(sys.argv[1])
with ThreadPoolExecutor(max(1, len(asked))) as pool:
    print(json.dumps(list(pool.map(reaches, asked))))
"""
ECHO = """
import selectors, socket, sys
waiting = selectors.DefaultSelector()
for port in map(int, sys.argv[1:]):
    one = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
    one.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
    one.bind(("::", port))
    waiting.register(one, selectors.EVENT_READ)
print("listening", flush=True)
while True:
    for key, _ in waiting.select():
        said, sender = key.fileobj.recvfrom(65536)
        key.fileobj.sendto(said, sender)
"""
ASK = """
import json, socket, sys
from concurrent.futures import ThreadPoolExecutor
def answered(asked):
    source, target, port, source_port = asked
    with socket.socket(socket.AF_INET6 if ":" in target else socket.AF_INET, socket.SOCK_DGRAM) as one:
        one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        one.bind((source, source_port))
        one.connect((target, port))
        one.settimeout(1)
        for _time in range(2):
            try:
                one.send(b"datagram")
                return one.recv(99) == b"datagram"
            except OSError:
                pass
    return False
asked = json.loads(sys.argv[1])
with ThreadPoolExecutor(max(1, len(asked))) as pool:
    print(json.dumps(list(pool.map(answered, asked))))
"""
