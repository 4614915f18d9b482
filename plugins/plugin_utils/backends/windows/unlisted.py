# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who is refused by a guard though nobody said so: peers that are listed by IPv4 only and also speak IPv6. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator

from ...problems import few
from .rule import FirewallRule
from .texts import REFUSABLE, write_ports


def told(guards: Iterable[FirewallRule], written: Collection[str]) -> Iterator[str]:
    """Of guards that are about to be written, those that refuse all of IPv6."""
    found = [
        f"{rule.traffic.direction} {rule.name.rpartition('/')[2].partition('-')[0]} {write_ports(rule.traffic.ports)}"
        for rule in guards
        if rule.name in written and rule.traffic.remote.known.v6 == REFUSABLE.v6
    ]
    if found:
        yield (
            f"refused over IPv6 to everyone, link-local (fe80::) too, since the peers are listed by IPv4 only: "
            f"{few(found, 5)}. If they speak IPv6 with this host, add these addresses to theirs"
        )
