# SPDX-License-Identifier: GPL-3.0-or-later
"""What happens to the firewall of a host, as data: docs/host-events.md has the same list."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass

from lab import network, programs
from lab.laboratory import entry
from machine.helpers import beside
from machine.helpers.playbooks import REMOVE
from machine.helpers.scene import Scene
from machine.helpers.truth import FREE, GUARDED, cells_of

STAYS, AT_ONCE, WITHIN_A_SECOND = "stays", "is loaded again at once", "is back within a second"
UNTIL_RUN, EDITED = "is missing until the next run", "stays edited until the next run"
REPLACED, REMOVED = "is replaced in one transaction", "is removed"
SAME = (STAYS, AT_ONCE, WITHIN_A_SECOND)
"""The same table to the byte, and the same packets pass."""
OPEN = (UNTIL_RUN, EDITED, REMOVED)
"""Everybody reaches a guarded port."""

RESTORES = {"portbook_restore_after_flush": True}


def nothing(_scene: Scene) -> None:
    pass


@dataclass(frozen=True)
class Event:
    name: str
    leaves: str
    """What becomes of our table."""
    happens: Callable[[Scene], None]
    before: Callable[[Scene], None] = nothing
    """Done before the plan is applied."""
    undo: Callable[[Scene], None] = nothing
    run_changes: bool | None = None
    """Whether the run after it has something to do; without a word, if the table is not the same."""
    refused_before: bool = False
    """Rules of others refuse the guarded port before the plan is there."""
    flushes: bool = False
    """It takes away the rules of others, too, and nothing brings them back."""
    more: bool = True
    """Left to `make test-all`."""
    once: bool = False
    """What happens is done by this collection or to its files, so no other Debian does it in another way."""

    @property
    def mended(self) -> bool:
        return self.leaves not in SAME if self.run_changes is None else self.run_changes


def on_machine(*words: str) -> Callable[[Scene], None]:
    def happens(scene: Scene) -> None:
        scene.machine.run(*words)

    return happens


def with_settings(**settings: object) -> Callable[[Scene], None]:
    def before(scene: Scene) -> None:
        scene.settings |= settings

    return before


# -- networks ---------------------------------------------------------------------------------------

_SECOND = network.network_of(101)


def networking(scene: Scene) -> None:
    """Of ifupdown, with the machine's own addresses."""
    lines = ["auto lo", "iface lo inet loopback", "auto host0"]
    routers = network.network_of(1).pair(254)
    for family, address, router in zip(
        ("inet", "inet6"), (f"{scene.machine.address}/24", f"{scene.machine.address6}/64"), routers, strict=True
    ):
        lines += [f"iface host0 {family} static", f"  address {address}", f"  gateway {router}"]
    scene.machine.write("/etc/network/interfaces", "\n".join([*lines, "  dad-attempts 0", ""]))
    scene.machine.run("ip", "address", "flush", "dev", "host0")
    scene.machine.run("systemctl", "restart", "networking")


def interface_comes(scene: Scene) -> None:
    """With addresses of its own, by which the same sources come."""
    inside, router = scene.machine.name, network.ROUTER
    made = ("ip", "link", "add", "second", "netns", router, "type", "veth", "peer", "name", "host1", "netns", inside)
    scene.machine.outside(*made, check=True)
    for place, link, host in ((router, "second", 254), (inside, "host1", 10)):
        for address in _SECOND.pair(host):
            words = ("ip", "address", "add", network.with_length(address), "dev", link)
            scene.machine.outside(*words, place=place, check=True)
        scene.machine.outside("ip", "link", "set", link, "up", place=place, check=True)
    for who in ("peer", "stranger"):
        sources = (network.PEER, network.PEER6) if who == "peer" else (network.STRANGER, network.STRANGER6)
        scene.truth.add(f"{who} by a new interface", sources, _SECOND.pair(10))
    scene.let_in |= cells_of("peer by a new interface")


def interface_goes(scene: Scene) -> None:
    scene.machine.outside("ip", "link", "delete", "second", place=network.ROUTER, check=True)
    for who in ("peer", "stranger"):
        scene.truth.take_away(f"{who} by a new interface")
    scene.let_in -= cells_of("peer by a new interface")


# -- rules of others --------------------------------------------------------------------------------


def fail2ban(action: str) -> Event:
    def before(scene: Scene) -> None:
        """Its settings are none of what is compared."""
        beside.banning(scene.machine, action, GUARDED, "203.0.113.7")

    ban = on_machine("fail2ban-client", "set", "siem", "banip", "203.0.113.7")
    return Event(f"a ban of fail2ban, by `{action}`", STAYS, ban, before=before)


def ufw(scene: Scene) -> None:
    beside.ufw(scene.machine, "nft", f"{FREE}/tcp", "4789/udp")
    scene.machine.run("sh", "-euc", beside.shown("ufw"))
    scene.settings["portbook_mark"] = "0x10"


def libvirt(backend: str) -> Event:
    def happens(scene: Scene) -> None:
        beside.libvirt(scene.machine, backend)
        outside = entry(scene.machine.laboratory.process)
        subprocess.Popen([*outside, sys.executable, "-c", programs.LISTEN, "7000"], stdout=subprocess.DEVNULL)
        scene.probes["guest to its host"] = lambda: beside.guest_reaches(scene.machine, "192.168.122.1", GUARDED)
        scene.probes["guest to the outside"] = lambda: beside.guest_reaches(scene.machine, network.STRANGER, 7000)

    return Event(f"a network of libvirt, by its backend {backend}", STAYS, happens)


# -- the administrator ------------------------------------------------------------------------------


def edits_unit(scene: Scene) -> None:
    path = "/etc/systemd/system/portbook-firewall.service"
    scene.machine.run("sed", "-i", "s|^ExecStart=.*|ExecStart=/bin/true|", path)
    scene.machine.run("systemctl", "daemon-reload")


# -- peers and components ---------------------------------------------------------------------------


def peers(joins: tuple[str, ...] = (), leaves: tuple[str, ...] = ()) -> Callable[[Scene], None]:
    """By IPv6, whose peers the scene adds to those of the inventory; for the next run."""
    who = {network.PEER6: "peer", network.STRANGER6: "stranger"}

    def change(scene: Scene) -> None:
        scene.agents = [one for one in (*scene.agents, *joins) if one not in leaves]
        scene.let_in |= {f"{who[one]}, IPv6: guarded" for one in joins}
        scene.let_in -= {f"{who[one]}, IPv6: guarded" for one in leaves}

    return change


def and_run(change: Callable[[Scene], None]) -> Callable[[Scene], None]:
    def happens(scene: Scene) -> None:
        change(scene)
        scene.run().ok(changed=True)

    return happens


_BEACON = 5201


def two_components(scene: Scene) -> None:
    scene.settings |= {
        "portbook_components": ["stifler_beacon"],
        "portbook_peers_more": {"stifler_client": [network.PEER, network.PEER6]},
    }
    scene.truth.add_port(_BEACON, "beacon")
    scene.let_in |= cells_of("peer", port="beacon")


def removes_component(scene: Scene) -> None:
    task = {"portbook.firewall.apply": {"components": ["stifler_beacon"], "state": "absent"}}
    playbook = scene.operator.folder / "remove_one.yml"
    playbook.write_text(json.dumps([{"hosts": "all", "gather_facts": False, "tasks": [task]}]))
    scene.run(str(playbook)).ok(changed=True)
    scene.let_in |= cells_of("stranger", "controller", port="beacon")


def adds_it_again(scene: Scene) -> None:
    scene.let_in -= cells_of("stranger", "controller", port="beacon")


def removes_everything(scene: Scene) -> None:
    scene.run(REMOVE).ok(changed=True)


EVENTS = (
    Event("a restart of the host", STAYS, lambda scene: scene.machine.reboot()),
    Event("a power cut", STAYS, lambda scene: scene.machine.power_cut()),
    Event("`systemctl daemon-reexec`", STAYS, on_machine("systemctl", "daemon-reexec")),
    Event("`systemctl restart nftables`", AT_ONCE, on_machine("systemctl", "restart", "nftables")),
    Event("`systemctl reload nftables`", AT_ONCE, on_machine("systemctl", "reload", "nftables")),
    Event(
        "an upgrade of the package nftables",
        AT_ONCE,
        # What dpkg runs, with what it sets.
        on_machine(
            "env",
            "DPKG_MAINTSCRIPT_NAME=postinst",
            "DPKG_MAINTSCRIPT_PACKAGE=nftables",
            *("sh", "/var/lib/dpkg/info/nftables.postinst", "configure", "0.9"),
        ),
    ),
    Event("`systemctl stop nftables`", UNTIL_RUN, on_machine("systemctl", "stop", "nftables"), flushes=True),
    Event("`nft -f /etc/nftables.conf` by hand", UNTIL_RUN, on_machine("nft", "-f", "/etc/nftables.conf")),
    Event("`nft flush ruleset`", UNTIL_RUN, on_machine("nft", "flush", "ruleset"), flushes=True),
    Event(
        "the same two with `portbook_restore_after_flush`",
        WITHIN_A_SECOND,
        on_machine("sh", "-c", "nft flush ruleset; sleep 1; nft -f /etc/nftables.conf"),
        before=with_settings(**RESTORES),
    ),
    Event("`systemctl restart networking`", STAYS, on_machine("systemctl", "restart", "networking"), before=networking),
    Event("an interface is added", STAYS, interface_comes),
    Event("an interface is removed", STAYS, interface_goes, before=interface_comes),
    fail2ban("nftables"),
    fail2ban("iptables-multiport"),
    Event("`ufw reload`", STAYS, on_machine("ufw", "reload"), before=ufw, refused_before=True),
    libvirt("nftables"),
    libvirt("iptables"),
    Event(
        "somebody edits the table",
        EDITED,
        on_machine("nft", "insert", "rule", "inet", "portbook", "inbound", "accept"),
        more=False,
        once=True,
    ),
    Event("somebody edits the unit", STAYS, edits_unit, run_changes=True, once=True),
    Event(
        "somebody edits the file",
        STAYS,
        on_machine("sh", "-c", "echo 'add rule inet portbook inbound accept' >>/var/lib/portbook/table.nft"),
        run_changes=True,
        once=True,
    ),
    Event(
        "somebody deletes the folder", STAYS, on_machine("rm", "-r", "/var/lib/portbook"), run_changes=True, once=True
    ),
    Event(
        "a peer joins",
        REPLACED,
        and_run(peers(joins=(network.STRANGER6,))),
        undo=peers(leaves=(network.STRANGER6,)),
        once=True,
    ),
    Event(
        "a peer leaves",
        REPLACED,
        and_run(peers(leaves=(network.PEER6,))),
        undo=peers(joins=(network.PEER6,)),
        once=True,
    ),
    Event(
        "a peer changes its address",
        REPLACED,
        and_run(peers(joins=(network.STRANGER6,), leaves=(network.PEER6,))),
        undo=peers(joins=(network.PEER6,), leaves=(network.STRANGER6,)),
        once=True,
    ),
    Event("a component is removed", REPLACED, removes_component, before=two_components, undo=adds_it_again, once=True),
    Event("`portbook.firewall.remove`", REMOVED, removes_everything, once=True),
)
