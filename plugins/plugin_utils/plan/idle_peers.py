# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Peers that the user listed and that no flow of any host uses: one warning for each, with what it waits for."""

from __future__ import annotations

from collections.abc import Iterable

from ..inventory.world import World
from ..problems import Problems, few
from .kin import Kin

_MOST_NAMED = 3


def warn(world: World, kins: Iterable[Kin], used: set[str], problems: Problems) -> None:
    """`used` are the components whose listed peers some flow of some host has."""
    listing: dict[str, list[Kin]] = {}
    for kin in kins:
        for component, peers in kin.settings.peers.items():
            if component not in used and (peers.any or peers.entries):
                listing.setdefault(component, []).append(kin)
    for component, found in sorted(listing.items()):
        wrong, right = _why(world, component, found)
        problems.warn("inventory", f"portbook_peers.{component}", wrong, right)


def _why(world: World, component: str, listing: list[Kin]) -> tuple[str, str]:
    """What the peers wait for: a component that no host is, or a flow that is off or has another version or realm."""
    flows = world.catalog.flows_of(component)
    others = {one for flow in flows for one in _other_ends(component, flow.initiators, flow.responders)}
    here = {one for kin in listing for one in kin.components}
    there = sorted(others & {one for host in world.hosts for one in host.components})
    if not others & here:
        names = " or ".join(sorted(others)) or "no component"
        if there:
            return (
                f"lists peers at hosts that have no flow with them: flows with {component} need {names}",
                f"List them where the hosts of {' or '.join(there)} see them, in group_vars/all.yml say",
            )
        return (
            f"lists peers, but no host has a flow with {component}: flows with it need {names}",
            f"Put a host into the group {names}, or remove the peers",
        )
    ids = {flow.id for flow in flows}
    reasons = {why for kin in listing for one in kin.not_planned if one.flow in ids for why in one.why.split("; ")}
    # Of those that a variable turns on; that another counterpart has no hosts explains nothing here.
    off = {why.removeprefix("off: ") for why in reasons if why.startswith("off: ")} or reasons
    return (
        f"lists peers, but no host has a flow with {component} that is on",
        few(off, _MOST_NAMED) or "The versions of the hosts have no such flow: remove the peers",
    )


def _other_ends(component: str, initiators: tuple[str, ...], responders: tuple[str, ...]) -> tuple[str, ...]:
    both = component in initiators and component in responders
    return (*initiators, *responders) if both else responders if component in initiators else initiators
