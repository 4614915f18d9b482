# SPDX-License-Identifier: GPL-3.0-or-later
"""A namespace of this machine's kernel for each machine of the company, joined by veth pairs; no way out of it."""

from __future__ import annotations

import ctypes
import os
import subprocess
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from ipaddress import ip_address, ip_interface
from pathlib import Path

from . import company
from .company import Machine, Subnet

NETNS = Path("/run/netns")
_CLONE_NEWNET = 0x40000000
_LIBC = ctypes.CDLL(None, use_errno=True)
BASE = "base"
"""Where Ansible and the demo itself are: joined to nothing."""


class LabError(Exception):
    """Something that the lab needs was refused."""


def _enter(fd: int) -> None:
    if _LIBC.setns(fd, _CLONE_NEWNET):
        number = ctypes.get_errno()
        raise LabError(f"setns: {os.strerror(number)}")


_home: list[int] = []


@contextmanager
def inside(name: str) -> Iterator[None]:
    """Sockets made and programs run in here belong to the namespace, and stay there."""
    if not _home:
        _home.append(os.open("/proc/self/ns/net", os.O_RDONLY | os.O_CLOEXEC))
    if name == BASE:
        yield
        return
    fd = os.open(NETNS / name, os.O_RDONLY | os.O_CLOEXEC)
    try:
        _enter(fd)
    finally:
        os.close(fd)
    try:
        yield
    finally:
        _enter(_home[0])


def run(command: list[str], text: str = "") -> str:
    done = subprocess.run(command, input=text, capture_output=True, text=True, check=False)
    if done.returncode:
        raise LabError(f"{' '.join(command)}: {done.stderr.strip() or done.returncode}")
    return done.stdout


def nft(name: str, text: str) -> str:
    with inside(name):
        return run(["nft", "-f", "-"], text)


def nft_list(name: str, *what: str) -> str:
    with inside(name):
        return run(["nft", *what])


def _ip(name: str, lines: Iterable[str]) -> None:
    with inside(name):
        run(["ip", "-batch", "-"], "\n".join(lines) + "\n")


def _set(values: dict[str, str]) -> None:
    """Of the namespace that we are in."""
    for key, value in values.items():
        path = Path("/proc/sys/net", key)
        if path.exists():
            try:
                path.write_text(value)
            except OSError as error:
                raise LabError(f"{path}: {error.strerror}. Is /proc/sys read-only here (as in a container)?") from None


_SETTINGS = {
    "ipv4/conf/all/rp_filter": "0",
    "ipv4/conf/default/rp_filter": "0",
    "ipv4/conf/all/send_redirects": "0",
    "ipv4/conf/default/send_redirects": "0",
    "ipv6/conf/all/disable_ipv6": "0",
    "ipv6/conf/default/disable_ipv6": "0",
    "ipv6/conf/default/accept_dad": "0",
    "ipv6/conf/default/accept_ra": "0",
}
_FORWARDING = {"ipv4/ip_forward": "1", "ipv6/conf/all/forwarding": "1"}


def raise_company(published: dict[str, dict[str, dict[int, int]]]) -> None:
    """`published`: of each Docker host, for each protocol, from the published port to the container's."""
    names = [company.WIRE, *(one.name for one in company.MACHINES), *(one.container for one in company.docker_hosts())]
    run(["ip", "-batch", "-"], "link set lo up\n" + "".join(f"netns add {name}\n" for name in names))
    with inside(company.WIRE):
        _set(_SETTINGS | _FORWARDING)
    lines = ["link set lo up"]
    for subnet in company.SUBNETS:
        lines += _switch(subnet)
    for machine in company.MACHINES:
        lines += _cables(machine)
    _ip(company.WIRE, lines)
    for machine in company.MACHINES:
        with inside(machine.name):
            _set(_SETTINGS | ({"ipv4/ip_forward": "1"} if machine.containers else {}))
        _ip(machine.name, _own_side(machine))
    for machine in company.docker_hosts():
        _raise_container(machine, published.get(machine.name, {}))


def _switch(subnet: Subnet) -> list[str]:
    return [
        # Without snooping, or the switch would keep multicast from those who just joined.
        f"link add {subnet.name} type bridge mcast_snooping 0",
        f"link set {subnet.name} up",
        *(f"address add {one}/{_bits(one)} dev {subnet.name}" + _nodad(one) for one in subnet.router),
    ]


def _bits(address: str) -> int:
    return 64 if ":" in address else 24


def _nodad(address: str) -> str:
    return " nodad" if ":" in address else ""


def _subnet(name: str) -> Subnet:
    return next(one for one in company.SUBNETS if one.name == name)


def _cables(machine: Machine) -> list[str]:
    lines = []
    for number, name in enumerate((machine.subnet, company.VPN) if machine.tunnel else (machine.subnet,)):
        port = f"p{number}-{machine.name}"[:15]
        lines += [
            f"link add {port} type veth peer name {_subnet(name).interface} netns {machine.name}",
            f"link set {port} master {name} up",
        ]
    if machine.containers:
        lines.append(f"route add {machine.containers}.0/24 via {machine.ip4}")
    return lines


def _own_side(machine: Machine) -> list[str]:
    lines = ["link set lo up", "link set eth0 up"]
    lines += [f"address add {one}/{_bits(one)} dev eth0{_nodad(one)}" for one in machine.addresses]
    for router in _subnet(machine.subnet).router:
        if any(ip_address(one) in ip_interface(f"{router}/{_bits(router)}").network for one in machine.addresses):
            lines.append(f"route add default via {router}")
    if machine.tunnel:
        lines += [f"address add {machine.tunnel}/24 dev vpn0", "link set vpn0 up"]
    return lines


def _raise_container(machine: Machine, published: dict[str, dict[int, int]]) -> None:
    _ip(
        machine.name,
        [
            "link add docker0 type bridge",
            f"address add {machine.containers}.1/24 dev docker0",
            "link set docker0 up",
            f"link add veth-c1 type veth peer name eth0 netns {machine.container}",
            "link set veth-c1 master docker0 up",
        ],
    )
    with inside(machine.container):
        _set(_SETTINGS)
    _ip(
        machine.container,
        [
            "link set lo up",
            "link set eth0 up",
            f"address add {machine.container_ip}/24 dev eth0",
            f"route add default via {machine.containers}.1",
        ],
    )
    nft(machine.name, _docker_rules(machine, published))


def _docker_rules(machine: Machine, published: dict[str, dict[int, int]]) -> str:
    """What Docker itself would load: published ports are translated unless they come from its own bridge."""
    rules = [
        f'iifname != "docker0" fib daddr type local {protocol} dport {port} dnat to {machine.container_ip}:{inner}'
        for protocol, ports in published.items()
        for port, inner in sorted(ports.items())
    ]
    return "\n".join(
        [
            "table ip docker-like {",
            "  chain prerouting { type nat hook prerouting priority dstnat; policy accept;",
            *(f"    {rule}" for rule in rules),
            "  }",
            "  chain postrouting { type nat hook postrouting priority srcnat; policy accept;",
            f'    ip saddr {machine.containers}.0/24 oifname != "docker0" masquerade',
            "  }",
            "}",
            "",
        ]
    )
