# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What it takes: a reload for what is new, runtime changes for the rest, and how a shell undoes these."""

from __future__ import annotations

import shlex
from dataclasses import replace

from ansible_collections.portbook.firewall.plugins.module_utils.firewalld.objects import Openings, wanted
from ansible_collections.portbook.firewall.plugins.module_utils.firewalld.steps import steps
from ansible_collections.portbook.firewall.plugins.module_utils.linux.model import Local, Permission


def openings(*flows: tuple[str, int]) -> Openings:
    """By peer and port; the set is named after the port."""
    given = [Permission("in", "tcp", ((port, port),), networks=(who,), peers=f"p{port}") for who, port in flows]
    return wanted(given, Local())


ONE = openings(("192.0.2.1", 514))


def test_the_same_takes_nothing() -> None:
    assert not steps(ONE, ONE).any


def test_the_first_takes_a_reload() -> None:
    found = steps(Openings(), ONE)
    assert (found.new, found.policy, found.reload, found.many) == (True, True, True, False)
    assert {one.name for one in found.services} == {"pb-tcp-514"}


def test_other_peers_take_no_reload() -> None:
    found = steps(ONE, openings(("192.0.2.2", 514)))
    assert not found.reload
    assert list(found.entries.values()) == [({"192.0.2.1"}, {"192.0.2.2"})]


def test_a_rule_that_goes_takes_no_reload() -> None:
    both = openings(("192.0.2.1", 514), ("192.0.2.1", 515))
    found = steps(both, ONE)
    assert not found.reload
    assert len(found.gone) == 1


def test_many_rules_come_with_a_reload() -> None:
    many = openings(*(("192.0.2.1", 1000 + number) for number in range(21)))
    there = replace(many, rules=frozenset())
    assert steps(there, many).many
    few = replace(many, rules=frozenset(sorted(many.rules)[:20]))
    assert not steps(there, few).reload


def test_services_that_somebody_changed_take_a_reload() -> None:
    (service,) = ONE.services
    edited = replace(ONE, services=frozenset([replace(service, ports=service.ports | {("9", "tcp")})]))
    assert steps(edited, ONE).services == (service,)


def test_what_is_undone_closes_before_it_opens_so_that_what_overlaps_can_come_again() -> None:
    there = openings(("192.0.2.1", 514), ("192.0.2.1", 515))
    after = openings(("192.0.2.0/24", 514))
    undone = [shlex.split(line) for line in steps(there, after).undone()]
    assert [words[1].partition("=")[0] for words in undone] == [
        "--remove-entry",
        "--add-entry",
        "--add-rich-rule",
    ]
    assert undone[0][1] == "--remove-entry=192.0.2.0/24"


def test_a_rule_that_names_what_is_not_there_is_not_sound() -> None:
    two = openings(("192.0.2.1", 514), ("192.0.2.1", 515))
    assert two.sound() == two.rules
    assert len(replace(two, ipsets=frozenset(list(two.ipsets)[:1])).sound()) == 1
    assert replace(two, services=frozenset()).sound() == frozenset()
