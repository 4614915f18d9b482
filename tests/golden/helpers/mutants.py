# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Changed copies of the catalogue and of plans, to prove that the tests notice."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from golden.helpers.book import PLATFORM, Book, shipped

Change = Callable[[Book], None]


def mutant(change: Change) -> Book:
    book = shipped()
    changed = Book(copy.deepcopy(book.files), copy.deepcopy(book.platform))
    change(changed)
    return changed


def written(book: Book, folder: Path) -> Path:
    """The book as files that the catalogue's own reader takes; JSON is YAML, and quicker to write."""
    folder.mkdir(exist_ok=True)
    for name, data in {**book.files, PLATFORM: book.platform}.items():
        (folder / name).write_text(json.dumps(data), encoding="utf-8")
    return folder


def flow(book: Book, name: str) -> dict[str, Any]:
    found: dict[str, Any] = book.flows[name]
    return found


def swap_ports(book: Book) -> None:
    ports = book.components["netwrix_enterprise_manager"]["ports"]
    ports["agent"]["default"], ports["console"]["default"] = ports["console"]["default"], ports["agent"]["default"]


def change_a_fixed_port(book: Book) -> None:
    flow(book, "utmstack.agent-beats")["ports"] = [5045]


def drop_a_flow(book: Book) -> None:
    """With the rows that lead there, as somebody would who tidies up."""
    for data in book.files.values():
        data["flows"].pop("2pxe.proxydhcp", None)
        for name in [name for name, row in data["rows"].items() if "2pxe.proxydhcp" in row.get("flows", [])]:
            flows = [one for one in data["rows"][name]["flows"] if one != "2pxe.proxydhcp"]
            if flows:
                data["rows"][name]["flows"] = flows
            else:
                del data["rows"][name]


def flip_the_direction(book: Book) -> None:
    one = flow(book, "stifler.client.signalr-tcp")
    one["from"], one["to"] = one["to"], one["from"]
    one["decided_by"] = "initiator"
    one["responder"] = one.pop("initiator")


def change_a_peer(book: Book) -> None:
    flow(book, "utmstack.netflow")["from"] = ["utmstack_agent"]


def lose_a_responder(book: Book) -> None:
    flow(book, "utmstack.syslog-tcp")["to"] = ["utmstack_master"]


def change_the_protocol(book: Book) -> None:
    flow(book, "2pxe.http")["protocol"] = "udp"


def lose_a_protocol(book: Book) -> None:
    flow(book, "ntp.agent-threat-manager-event")["protocol"] = "tcp"


def lose_the_source_port(book: Book) -> None:
    del flow(book, "stifler.leader.fwd-request")["source_ports"]


def narrow_what_comes_from_anywhere(book: Book) -> None:
    del flow(book, "2pxe.dhcp")["reach"]


def widen_what_is_local(book: Book) -> None:
    del flow(book, "stifler.bl.peer-data")["reach"]


def lose_the_broadcast(book: Book) -> None:
    flow(book, "2pxe.dhcp")["cast"] = "unicast"


def change_the_multicast_group(book: Book) -> None:
    flow(book, "stifler.mdns")["group"] = ["224.0.0.252", "ff02::fb"]


def turn_a_feature_on(book: Book) -> None:
    book.components["netwrix_activity_agent"]["features"]["api"]["default"] = True


def lose_the_feature(book: Book) -> None:
    del flow(book, "ipxe-ws.admin")["feature"]


def lose_the_versions(book: Book) -> None:
    del flow(book, "ntp.agent-threat-manager")["versions"]


def lose_the_tunnel(book: Book) -> None:
    del book.components["utmstack_probe"]["tunnel"]


def widen_the_tunnel(book: Book) -> None:
    book.components["utmstack_probe"]["tunnel"]["networks"] = ["10.21.198.0/23"]


def lose_a_doubt(book: Book) -> None:
    del flow(book, "utmstack.hids-api")["doubts"]


CHANGES: tuple[Change, ...] = (
    swap_ports,
    change_a_fixed_port,
    drop_a_flow,
    flip_the_direction,
    change_a_peer,
    lose_a_responder,
    change_the_protocol,
    lose_a_protocol,
    lose_the_source_port,
    narrow_what_comes_from_anywhere,
    widen_what_is_local,
    lose_the_broadcast,
    change_the_multicast_group,
    turn_a_feature_on,
    lose_the_feature,
    lose_the_versions,
    lose_the_tunnel,
    widen_the_tunnel,
    lose_a_doubt,
)
