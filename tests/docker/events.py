# SPDX-License-Identifier: GPL-3.0-or-later
"""What happens to Docker on a host, as data, in the order in which it happens; docs/host-events.md has the same."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from docker.containers import BY_IPV6, BY_PROXY, Docker


@dataclass(frozen=True)
class Event:
    """One after the other, each on what the one before has left."""

    name: str
    happens: Callable[[Docker], None]
    differs: dict[str, bool] = field(default_factory=dict)
    """Cells that are other ones because of Docker."""


def by_compose(docker: Docker) -> None:
    docker.compose("up", "-d")


def again(docker: Docker) -> None:
    docker.compose("down", "-t", "0")
    docker.compose("up", "-d")


def new_network(docker: Docker) -> None:
    docker.compose("down", "-t", "0")
    docker.up_with_both_families("late")


def back_to_compose(docker: Docker) -> None:
    docker.down("late")
    docker.compose("up", "-d")


def flushed(docker: Docker) -> None:
    """By hand, and Docker makes its own again."""
    for table, chain in (("filter", "DOCKER"), ("filter", "FORWARD"), ("nat", "DOCKER")):
        docker.machine.run("iptables", "-t", table, "-F", chain)
    docker.restart()


def other_iptables(docker: Docker) -> None:
    """From iptables over nftables to the old one, or back: the rules are made by the other program."""
    now = "legacy" if "nf_tables" in docker.machine.run("iptables", "--version") else "nft"
    docker.machine.run("systemctl", "stop", "docker", "docker.socket")
    for table in ("filter", "nat"):
        docker.machine.run("iptables", "-t", table, "-F")
        docker.machine.run("iptables", "-t", table, "-P", "OUTPUT", "ACCEPT")
    docker.machine.run("iptables", "-P", "FORWARD", "ACCEPT")
    for program in ("iptables", "ip6tables"):
        docker.machine.run("update-alternatives", "--set", program, f"/usr/sbin/{program}-{now}")
    docker.restart()


EVENTS = (
    Event("`docker compose up`", by_compose),
    Event("`docker compose down` and `up`", again),
    Event("a new network, with IPv6", new_network, BY_IPV6),
    Event("one network is removed, another one is created", back_to_compose),
    Event("`docker restart`", lambda docker: bool(docker("restart", "-t", "0", "beats", "other")) or None),
    Event("`systemctl restart docker`", lambda docker: docker.restart()),
    Event("Docker's chains are flushed, and Docker is restarted", flushed),
    Event("Docker without its proxy", lambda docker: docker.restart(**{"userland-proxy": False}), BY_PROXY),
    Event("Docker with its proxy again", lambda docker: docker.restart(**{"userland-proxy": True})),
    Event("a restart of Docker with `live-restore`", lambda docker: docker.restart(**{"live-restore": True})),
    Event("Docker with the other kind of iptables", other_iptables),
)
