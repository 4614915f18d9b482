# SPDX-License-Identifier: GPL-3.0-or-later
"""The programs that are asked: on the machine, in a container of it, and in the clients' places."""

from __future__ import annotations

from clients.helpers.places import NEAR_STRANGER, PLANNED, STRANGER, Places
from clients.helpers.table import BOOT_LOADER, NEAR, NEAR_BOOTER, SCRIPT, SERVER
from lab import roots
from lab.machine import Machine
from lab.network import ROUTER

_CONTAINER = roots.CHECKOUT / "extensions" / "molecule" / "published_ports" / "container.sh"
_RSYSLOG = """
global(net.enableDNS="off")
module(load="imudp")
module(load="imtcp")
input(type="imudp" port="514")
input(type="imtcp" port="514")
*.* /var/log/clients
"""
_RANGE = SERVER.rpartition(".")[0]
_DNSMASQ = f"""
port=0
interface=host0
dhcp-range={_RANGE}.100,{_RANGE}.150,255.255.255.0,10m
dhcp-boot=boot.efi
pxe-service=x86PC,"Boot",boot
no-ping
dhcp-leasefile=/run/dnsmasq-leases
"""
_TFTPD = "in.tftpd --listen --foreground --user nobody --address 0.0.0.0:69 --secure /srv/tftp"
_ON_THE_MACHINE = {
    "tftpd": _TFTPD,
    "dnsmasq": "dnsmasq --keep-in-foreground --conf-file=/etc/clients-dnsmasq.conf",
    "iperf3": "iperf3 --server",
    "wsdd": "wsdd --ipv4only --interface host0",
    "openvpn": "openvpn --dev null --tls-server --dh none --proto tcp-server --port 1194 --cert /etc/clients.crt "
    "--key /etc/clients.key --peer-fingerprint $(cat /etc/clients.fingerprint)",
}
_IN_THE_CONTAINER = {
    "rsyslog": "rsyslogd -n -f /etc/clients-rsyslog.conf -i /run/clients-rsyslog.pid",
    "nfcapd": "nfcapd -t 2 -w /var/flows -p 2055",
    "https": "openssl s_server -accept 443 -cert /etc/clients.crt -key /etc/clients.key -www",
}
_CERTIFICATES = f"""
cd /tmp
for one in server client; do
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj "/CN=$one" \\
    -addext subjectAltName=IP:{SERVER} -keyout "$one.key" -out "$one.crt"
  openssl x509 -noout -fingerprint -sha256 -in "$one.crt" | sed 's/.*=//' >"$one.fingerprint"
done
"""
_BOUND = """#!/bin/sh
[ "$1" != bound ] || echo "bound to $ip, boot file $bootfile"
"""
# What a machine asks of the boot server that it has chosen: by RFC 2131, with option 43 as PXE has it.
_PROXYDHCP = """
import socket, struct, sys
def option(number, value):
    return bytes([number, len(value)]) + value
source, server = sys.argv[1:]
message = struct.pack("!BBBBIHH4s12x", 1, 1, 6, 0, 0x1234, 0, 0, socket.inet_aton(NEAR))
message += bytes.fromhex("020000000001") + bytes(10 + 64 + 128) + bytes([99, 130, 83, 99])
message += option(53, b"\\3") + option(60, b"PXEClient:Arch:00000:UNDI:002001") + option(93, bytes(2))
message += option(97, bytes(17)) + option(43, bytes([71, 4, 0x80, 0, 0, 0, 255])) + b"\\xff"
one = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
one.bind((source, 0))
one.settimeout(1)
for _time in range(5):
    one.sendto(message, (server, 4011))
    try:
        print("boot file", one.recv(2000)[108:236].rstrip(bytes(1)).decode())
        break
    except OSError:
        pass
"""
# A packet as a capture has it, from the address that is the token.
_CAPTURE = """
import socket, struct, sys
udp = struct.pack("!HHHH", 1111, 2222, 12, 0) + b"flow"
addresses = socket.inet_aton(sys.argv[1]), socket.inet_aton("203.0.113.77")
packet = bytes(12) + struct.pack("!HBBHHHBBH4s4s", 0x800, 0x45, 0, 32, 1, 0, 64, 17, 0, *addresses) + udp
head = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1)
with open(sys.argv[2], "wb") as file:
    file.write(head + struct.pack("<IIII", 1700000000, 0, len(packet), len(packet)) + packet)
"""


def start(siem: Machine, places: Places) -> None:
    """All of them, so that what fails later is not for want of a server."""
    _certificates(siem, places)
    siem.write("/etc/clients-rsyslog.conf", _RSYSLOG)
    siem.write("/etc/clients-dnsmasq.conf", _DNSMASQ)
    siem.run("sh", "-euc", BOOT_LOADER)
    siem.run("mkdir", "/var/flows")
    for name, words in _ON_THE_MACHINE.items():
        service(siem, name, words)
    siem.run("sh", "-s", "up", siem.name, text=_CONTAINER.read_text(encoding="utf-8"))
    # On a machine of nspawn's /proc/sys cannot be written from within.
    siem.outside("sysctl", "-qw", "net.ipv4.ip_forward=1", place=siem.name, check=True)
    for name, words in _IN_THE_CONTAINER.items():
        inside = f"nsenter --net=/proc/$(cat /run/portbook-lab-container-{siem.name})/ns/net"
        service(siem, name, f"{inside} {words}")


def service(machine: Machine, name: str, words: str) -> None:
    machine.run("systemd-run", "--quiet", f"--unit=clients-{name}", "sh", "-c", f"exec {words}")


def prepare(booter: Machine, places: Places) -> None:
    """The clients, and the servers in their places, which the second machine asks."""
    places.run("sh", "-euc", BOOT_LOADER)
    places.write("/tmp/proxydhcp.py", _PROXYDHCP.replace("NEAR", repr(NEAR)))
    places.write("/tmp/capture.py", _CAPTURE)
    places.write(SCRIPT, _BOUND)
    places.run("chmod", "755", SCRIPT)
    booter.run("sh", "-euc", BOOT_LOADER)
    # It asks from a port of the dynamic range, which is Windows' in the port book.
    dynamic = "net.ipv4.ip_local_port_range=49152 65535"
    booter.outside("sysctl", "-qw", dynamic, place=booter.name, check=True)
    for place in (PLANNED, STRANGER):
        places.start(place, _TFTPD)
    for address in (NEAR_BOOTER, NEAR_STRANGER):
        places.start(ROUTER, f"wsdd --ipv4only --interface {address}")


def _certificates(siem: Machine, places: Places) -> None:
    """Each end knows the other one's."""
    places.run("sh", "-euc", _CERTIFICATES)
    for kind, whose in (("crt", "server"), ("key", "server"), ("fingerprint", "client")):
        siem.write(f"/etc/clients.{kind}", places.run("cat", f"/tmp/{whose}.{kind}"))
