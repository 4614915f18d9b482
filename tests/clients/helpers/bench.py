# SPDX-License-Identifier: GPL-3.0-or-later
"""Two machines that refuse all that is not planned, programs on them, and clients that try each row of the table."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

from clients.helpers import servers
from clients.helpers.places import ADDRESS, PLANNED, Places, Said, until_on
from clients.helpers.table import BOOTER, NEAR, SIEM, Row
from lab import keys, widened
from lab.laboratory import Laboratory
from machine.helpers.playbooks import Operator

PATIENCE, MORE_PATIENCE = 10.0, 30.0
"""Seconds for what should fail, and for what should work, which ends when it does: the slowest was seen to take 6."""
NOTHING = "^nothing shows at this end$"
ONE_AT_A_TIME = ("iperf3", "openvpn")
WIDENED = frozenset(name for data in widened.books().values() for name in data["flows"])
_PEERS = (
    *("utmstack_agent", "utmstack_probe", "utmstack_device", "utmstack_console"),
    *("lab_stifler_client", "lab_twopxe_server"),
)


def known_as(flow: str) -> str:
    """In the catalogue of the tests."""
    return f"{widened.PART}{flow}" if flow in WIDENED else flow


@dataclass(frozen=True)
class Tried:
    row: Row
    said: Said
    seconds: float


class Bench:
    """No rules of ours yet, and every server there is."""

    def __init__(self, laboratory: Laboratory, root: Path, key: Path, folder: Path) -> None:
        self.siem, self.booter = laboratory.machines[SIEM], laboratory.machines[BOOTER]
        self.places = Places(laboratory)
        self.places.make(root)
        self._folder = folder / "operator"
        self._folder.mkdir()
        widened.write(self._folder / "catalog")
        known = keys.known_host(root, self.siem.address, self.booter.address)
        self.operator = Operator(self._folder, self.siem, key, known)
        self._numbers = count(1)
        servers.prepare(self.booter, self.places)
        servers.start(self.siem, self.places)

    def apply(self, without: Iterable[Row] = ()) -> None:
        """All rules, less those for the flows of these rows; to both machines at once."""
        flows = {known_as(row.flow): {"state": "disabled"} for row in without}
        (self._folder / "hosts.yml").write_text(json.dumps(self._inventory(flows), indent=1))
        self.operator.run().ok(changed=True)

    def _inventory(self, flows: dict[str, Any]) -> dict[str, Any]:
        hosts = {
            SIEM: {"ansible_host": self.siem.address, "portbook_outbound": "strict"},
            BOOTER: {"ansible_host": self.booter.address, "portbook_components": ["lab_pxe_client"]},
        }
        peers: dict[str, list[str]] = {name: [ADDRESS[PLANNED]] for name in _PEERS}
        variables = {
            "ansible_user": "root",
            "ansible_python_interpreter": "/usr/bin/python3",
            "portbook_posture": "strict",
            "portbook_catalogs": ["catalog"],
            "portbook_peers": {**peers, "lab_pxe_client": [ADDRESS[PLANNED], NEAR], "lab_stifler_server": []},
            "portbook_flows": flows,
            "lab_twopxe_server_dhcp_offer": True,
        }
        serves = ("utmstack_master", "lab_twopxe_server", "lab_stifler_beacon")
        groups: dict[str, tuple[str, ...]] = {**dict.fromkeys(serves, (SIEM,)), "lab_stifler_client": (SIEM, BOOTER)}
        children: dict[str, Any] = {name: {"hosts": {one: {} for one in members}} for name, members in groups.items()}
        return {"all": {"hosts": hosts, "vars": variables, "children": children}}

    def ask(self, rows: Iterable[Row], wanted: bool, stranger: bool = False) -> list[Tried]:
        """At once, but for programs that serve one at a time."""
        lanes: dict[str, list[Row]] = {}
        for row in rows:
            lanes.setdefault(row.server if row.server in ONE_AT_A_TIME else row.row, []).append(row)
        with ThreadPoolExecutor(len(lanes)) as pool:
            done = pool.map(lambda lane: [self._try(row, wanted, stranger) for row in lane], lanes.values())
            return [one for lane in done for one in lane]

    def _try(self, row: Row, wanted: bool, stranger: bool) -> Tried:
        command = row.stranger if stranger else row.planned
        patience = MORE_PATIENCE if wanted else PATIENCE
        # An address, for some programs send nothing else.
        token = f"10.77.0.{next(self._numbers)}"
        start = time.monotonic()
        words, pattern = command.words.replace("TOKEN", token), command.pattern or NOTHING
        if command.place == BOOTER:
            said = until_on(self.booter, words, pattern, patience)
        else:
            said = self.places.until(command.place, words, pattern, patience)
        if command.arrives:
            said = Said(self._arrives(command.arrives, token, start + patience), said.output)
        return Tried(row, said, time.monotonic() - start)

    def _arrives(self, words: str, token: str, end: float) -> bool:
        while token not in self.siem.run("sh", "-c", words, check=False).split():
            if time.monotonic() > end:
                return False
            time.sleep(0.2)
        return True
