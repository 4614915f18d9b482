# SPDX-License-Identifier: GPL-3.0-or-later
"""What can be said of the lab without raising one."""

from __future__ import annotations

import ipaddress
from pathlib import Path

import pytest
from lab import network, roots, standing
from lab.laboratory import Spec
from lab.standing import Asked, LabError


@pytest.mark.parametrize(
    ("text", "asked"),
    [
        ("siem", Asked("siem", roots.SUITE)),
        ("siem=trixie", Asked("siem", "trixie")),
        ("box=bookworm+docker", Asked("box", "bookworm", ("docker",))),
    ],
)
def test_a_machine_is_asked_for_in_one_word(text: str, asked: Asked) -> None:
    assert Asked.read(text) == asked


@pytest.mark.parametrize(
    ("text", "why"),
    [("siem=sarge", "no such Debian: sarge; there are: bookworm"), ("siem=trixie+dokcer", "no such feature: dokcer")],
)
def test_what_there_is_not_is_said(text: str, why: str) -> None:
    with pytest.raises(LabError, match=why):
        Asked.read(text)


@pytest.mark.parametrize("name", ["", "Siem", "a b", "router", "x" * 13, "-n", "../up"])
def test_names_are_such_that_every_tool_takes_them(name: str) -> None:
    with pytest.raises(ValueError, match="no name for a machine"):
        Spec(name, Path("/"))


def test_no_two_addresses_are_the_same_and_all_are_for_documentation_or_tests() -> None:
    pairs = [network.of_machine(number) for number in range(1, 9)]
    pairs += [network.neighbour_of(number) for number in range(1, 9)]
    every = [*network.HOSTS_OUTSIDE, *(one for pair in pairs for one in pair)]
    assert len(set(every)) == len(every)
    allowed = [ipaddress.ip_network(one) for one in ("192.0.2.0/24", "198.18.0.0/15", "2001:db8::/32")]
    for address in map(ipaddress.ip_address, every):
        assert any(address in one for one in allowed), address


def test_a_lab_is_held_only_by_the_process_that_began_it(tmp_path: Path) -> None:
    """A later process with the same number is another one, and is not killed."""
    (tmp_path / standing.NOTE).write_text('{"process": 1, "started": "0", "groups": []}')
    assert standing.holder(tmp_path) is None
    assert not standing.down(tmp_path)
    with pytest.raises(LabError, match="no lab is up"):
        standing.attached(tmp_path)
