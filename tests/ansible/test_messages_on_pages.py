# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What pages show of a run that fails or warns is what Ansible prints of it, for the inventory of the page."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml
from pages import CHECKOUT, of_kind, printed
from playbook_runs import Desk, play

GETTING_STARTED = CHECKOUT / "docs" / "getting-started.md"
CONCEPTS = CHECKOUT / "docs" / "concepts.md"
SITE = "portbook.firewall.site"


@pytest.fixture
def reader(tmp_path: Path) -> Desk:
    """With the inventory that the first steps have the reader write."""
    made = Desk(tmp_path)
    for block in of_kind(GETTING_STARTED, "file"):
        made.write(block.what, block.body)
    return made


def test_a_variable_that_others_cannot_see_is_refused_in_the_words_of_the_page(reader: Desk) -> None:
    role = {"role": "portbook.firewall.utmstack_probe", "vars": {"utmstack_probe_scanner_gmp_port": 9391}}
    message = reader.run(play(hosts="probe-1", roles=[role]), keep=False).failed().message("probe-1")
    assert message == printed(GETTING_STARTED, "hidden variable").words


def test_an_inventory_that_was_changed_is_refused_in_the_words_of_the_page(reader: Desk) -> None:
    reader.run(keep=False, portbook_plan_file="build/plan.json").ok()
    variables = yaml.safe_load((reader.folder / "inventory/group_vars/all.yml").read_text())
    variables["portbook_peers"]["utmstack_device"].append("198.51.100.0/24")
    reader.write("inventory/group_vars/all.yml", variables)
    message = reader.run(SITE, keep=False, portbook_plan_file="build/plan.json").failed().message("siem-1")
    assert without_digits(message) == without_digits(printed(GETTING_STARTED, "another plan").words)


def without_digits(text: str) -> str:
    """Of digests, which change with the catalogue."""
    found, times = re.subn(r"\b[0-9a-f]{12}\b", "digest", text)
    assert times == 2
    return found


def test_a_component_of_a_play_only_is_warned_of_in_the_words_of_the_page(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    hosts = {"dc-1": {"ansible_host": "192.0.2.40", "ansible_connection": "psrp", "portbook_backend": "none"}}
    peers = {"netwrix_enterprise_manager": ["192.0.2.41"]}
    desk.inventory({"domain_controller": {"hosts": hosts, "vars": {"portbook_peers": peers}}})
    run = desk.run(play(hosts="dc-1", roles=["portbook.firewall.netwrix_agent"]), keep=False).ok()
    assert printed(CONCEPTS, "play only").words in run.words
