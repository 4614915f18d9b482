# SPDX-License-Identifier: GPL-3.0-or-later
"""Which programs of other people are tried, for which flow, and what shows that it worked.

docs/real-clients.md has the same for readers, in two tables.
"""

from __future__ import annotations

from dataclasses import dataclass

from clients.helpers.places import ADDRESS, NEAR_STRANGER, PLANNED, STRANGER
from lab.network import ROUTER, neighbour_of, of_machine

BACKENDS = ("nftables", "firewalld")
SIEM, BOOTER = "siem", "booter"
"""The machine that serves, and one that asks."""
SERVER, NEAR = of_machine(1)[0], neighbour_of(1)[0]
NEAR_BOOTER = neighbour_of(2)[0]
BOOT_LOADER = "mkdir -p /srv/tftp; yes portbook | head -n 20000 >/srv/tftp/boot.efi"
"""Some hundred blocks of TFTP; who asks has it too, to compare."""
SCRIPT = "/tmp/bound"

WORKS, FAILS = True, False
BEFORE, WITH, WITHOUT, BY_STRANGER = "before any rule", "with the rules", "without them", "from a stranger"


@dataclass(frozen=True)
class Command:
    """Runs in a place or on a machine, until its output has the pattern. TOKEN is another one each time."""

    place: str
    words: str
    pattern: str = ""
    arrives: str = ""
    """In place of the pattern: what to run on the server, whose output gets the token."""


@dataclass(frozen=True)
class Row:
    client: str
    server: str
    flow: str
    """As the vendor's products have it, without the prefix of catalogues that are made for tests."""
    row: str
    """Of the vendor's document."""
    what: str
    planned: Command
    stranger: Command
    from_stranger: bool = FAILS
    alone: bool = False
    """Needs another flow of the table too: its own is taken away while those stay."""

    @property
    def name(self) -> str:
        return f"{self.client} to {self.server}: {self.flow} ({self.row})"

    @property
    def wanted(self) -> dict[str, bool]:
        """What is asserted, and printed in docs/real-clients.md."""
        return {WITH: WORKS, WITHOUT: FAILS, BY_STRANGER: self.from_stranger}


def routed(words: str, pattern: str = "", arrives: str = "") -> tuple[Command, Command]:
    """The same from the network that is planned and from another one."""
    return Command(PLANNED, words, pattern, arrives), Command(STRANGER, words, pattern, arrives)


def _tftp(server: str) -> str:
    return f"cd /tmp; tftp -m octet {server} -c get boot.efi TOKEN; cmp TOKEN /srv/tftp/boot.efi && echo the same"


def _wsdd(place: str, interface: str, answers: str) -> Command:
    """It asks by multicast for devices, then for the address of the one that has answered."""
    words = f"wsdd --ipv4only --interface {interface} --discovery --no-host -vv"
    return Command(place, words, rf"resolve match for \S+ on http://{answers}:")


_LOGGER = f"logger --server {SERVER} --port 514 --tag clients"
_LOGGED = "cat /var/log/clients"
_IPERF = f"iperf3 --client {SERVER} --connect-timeout 5000"
_CERTIFICATES = "--cert /tmp/client.crt --key /tmp/client.key --peer-fingerprint $(cat /tmp/server.fingerprint)"
_OPENVPN = f"openvpn --dev null --tls-client --proto tcp-client --remote {SERVER} 1194 --nobind {_CERTIFICATES}"
_DHCP = Command(
    ROUTER,
    f"udhcpc -i machine1 -f -n -q -t 4 -T 1 -s {SCRIPT} -V PXEClient:Arch:00000:UNDI:002001 -x 0x5d:0000 -O bootfile",
    "bound to .* boot file boot.efi",
)


def _proxydhcp(source: str) -> Command:
    return Command(ROUTER, f"python3 /tmp/proxydhcp.py {source} {SERVER}", "boot file boot.0")


TABLE = (
    Row(
        "tftp-hpa",
        "tftpd-hpa",
        "2pxe.tftp-request",
        "P1.1b",
        "fetches a boot loader; the answer comes from another port",
        *routed(_tftp(SERVER), "the same"),
    ),
    Row(
        "tftp-hpa",
        "tftpd-hpa",
        "2pxe.tftp-data",
        "P1.1d",
        "the server's transfer from a new port, out of a host that refuses what is not in the plan",
        *routed(_tftp(SERVER), "the same"),
        alone=True,
    ),
    Row(
        "tftp-hpa",
        "tftpd-hpa",
        "2pxe.tftp-data",
        "P2.3",
        "the same transfer, into a host that asks and refuses what is not in the plan",
        Command(BOOTER, _tftp(ADDRESS[PLANNED]), "the same"),
        Command(BOOTER, _tftp(ADDRESS[STRANGER]), "the same"),
    ),
    Row(
        "udhcpc",
        "dnsmasq",
        "2pxe.dhcp",
        "P1.1a",
        "a PXE client's broadcast from 0.0.0.0",
        _DHCP,
        _DHCP,
        from_stranger=WORKS,
    ),
    Row(
        "a request by the test",
        "dnsmasq",
        "2pxe.proxydhcp",
        "P1.1c",
        "asks the boot server for its boot file",
        _proxydhcp(NEAR),
        _proxydhcp(NEAR_STRANGER),
    ),
    Row(
        "logger",
        "rsyslog, published by a container",
        "utmstack.syslog-udp",
        "U3.2",
        "sends a line of syslog by UDP",
        *routed(f"{_LOGGER} --udp TOKEN", arrives=_LOGGED),
    ),
    Row(
        "logger",
        "rsyslog, published by a container",
        "utmstack.syslog-tcp",
        "U3.3",
        "sends a line of syslog by TCP",
        *routed(f"{_LOGGER} --tcp TOKEN", arrives=_LOGGED),
    ),
    Row(
        "softflowd",
        "nfdump, published by a container",
        "utmstack.netflow",
        "U3.1",
        "exports a flow record",
        *routed(
            f"python3 /tmp/capture.py TOKEN /tmp/TOKEN; softflowd -D -v 5 -r /tmp/TOKEN -n {SERVER}:2055",
            arrives="nfdump -q -o fmt:%sa -R /var/flows",
        ),
    ),
    Row(
        "openvpn",
        "openvpn",
        "utmstack.probe-vpn",
        "U1.1",
        "a tunnel over TCP, with certificates",
        *routed(_OPENVPN, "Initialization Sequence Completed"),
    ),
    Row(
        "curl",
        "openssl, published by a container",
        "utmstack.web-console",
        "U5.1",
        "a page by HTTPS, with its certificate checked",
        *routed(f"curl --silent --show-error --cacert /tmp/server.crt https://{SERVER}/", "s_server"),
    ),
    Row(
        "iperf3",
        "iperf3",
        "stifler.beacon.iperf-tcp",
        "S3.4a",
        "measures by TCP",
        *routed(f"{_IPERF} --bytes 64K", "iperf Done"),
    ),
    Row(
        "iperf3",
        "iperf3",
        "stifler.beacon.iperf-udp",
        "S3.4b",
        "measures by UDP, with its control connection by TCP",
        *routed(f"{_IPERF} --udp --bytes 64K", "iperf Done"),
        alone=True,
    ),
    Row(
        "wsdd",
        "wsdd",
        "bc.wsd.probe",
        "S1.4",
        "looks for devices by multicast",
        _wsdd(ROUTER, NEAR, SERVER),
        _wsdd(ROUTER, NEAR_STRANGER, SERVER),
    ),
    Row(
        "wsdd",
        "wsdd",
        "bc.wsd.probe-match",
        "S1.5",
        "answers to a multicast, into a host that asks and refuses what is not in the plan",
        _wsdd(BOOTER, "host0", NEAR_BOOTER),
        _wsdd(BOOTER, "host0", NEAR_STRANGER),
    ),
)
