# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Why a flow gave a host no rule: the reason that a reader can act on, once for each flow."""

from __future__ import annotations

from collections.abc import Iterable

from ..catalog.model import End, Flow
from ..inventory.settings import HostSettings
from ..inventory.world import World
from .join import OtherEnd
from .kin import Kin
from .missing_peers import MissingPeers
from .model import NotPlanned
from .terms import TermsReader


class Reasons:
    def __init__(self, world: World, terms: TermsReader, missing: MissingPeers) -> None:
        self._world = world
        self._terms = terms
        self._missing = missing

    def note_nobody(
        self, flow: Flow, end: End, component: str, kin: Kin, other: OtherEnd, off: Iterable[str], *, disabled: bool
    ) -> None:
        """The kin meets nobody at the other end; `off` has what those that are there said, `disabled` the own word."""
        counterparts = flow.initiators if end == "responder" else flow.responders
        missing = () if disabled else tuple(one for one in counterparts if not self._said_empty(one, kin))
        reasons = sorted(set(off))
        if reasons:
            unseen = tuple(one for one in missing if one not in self._world.members)
            kin.skip(component, flow.id, "; ".join(reasons), unseen)
            return
        if other.other_version or self._of_other_version(flow, component, kin.settings):
            return
        terms = [self._terms.of(flow, one, kin.settings) for one in flow.deciders]
        if all(one.other_version for one in terms):
            return
        if all(one.off or one.other_version for one in terms):
            kin.skip(component, flow.id, next(one.off for one in terms if one.off))
            return
        self._note_missing(flow, end, component, kin, counterparts, other.strangers, missing)

    def _note_missing(
        self,
        flow: Flow,
        end: End,
        component: str,
        kin: Kin,
        counterparts: tuple[str, ...],
        strangers: bool,
        missing: tuple[str, ...],
    ) -> None:
        """No host is there, or none that shares a realm."""
        names = " or ".join(counterparts)
        peers = kin.settings.peers
        decided = any(one in self._world.declared or one in peers for one in counterparts)
        # What the user named and is not here belongs to another realm.
        strangers = strangers or any(peers[one].entries for one in counterparts if one in peers)
        if strangers:
            why = f"no {names} shares a realm with it"
        elif decided:
            why = f"{names} is empty"
        else:
            why = f"no host has the component {names}: no group of that name, no entry in portbook_peers"
        kin.skip(component, flow.id, why, missing)
        needed = flow.needs_responder if end == "initiator" else flow.needs_initiator
        said_empty = any(self._said_empty(one, kin) for one in counterparts)
        if needed and not said_empty and (strangers or not decided):
            self._missing.note(component, counterparts, flow.id, kin.hosts, strangers)

    def _of_other_version(self, flow: Flow, component: str, settings: HostSettings) -> bool:
        """Whether the component itself, in its version, has nothing to do with the flow."""
        own = self._world.catalog.components[component]
        comparable = set(flow.versions) & set(own.versions)
        return bool(comparable) and settings.versions.get(component, own.default_version) not in comparable

    def _said_empty(self, component: str, kin: Kin) -> bool:
        """Whether somebody wrote that there is none."""
        peers = kin.settings.peers.get(component)
        return self._world.run.groups.get(component) == () or (
            peers is not None and not peers.entries and not peers.any
        )


def told_once(skipped: Iterable[NotPlanned]) -> tuple[NotPlanned, ...]:
    """A component may be both ends of a flow; the reasons of both stand together."""
    reasons: dict[tuple[str, str], tuple[set[str], set[str]]] = {}
    for one in skipped:
        whys, missing = reasons.setdefault((one.component, one.flow), (set(), set()))
        whys.update(one.why.split("; "))
        missing.update(one.missing)
    return tuple(
        NotPlanned(*key, "; ".join(sorted(whys)), tuple(sorted(missing)))
        for key, (whys, missing) in sorted(reasons.items())
    )
