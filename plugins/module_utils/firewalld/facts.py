# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a host has: ours, rules of others, sockets, published ports, services, hits. It looks and writes nothing.

What cannot be read is named in `not_read`: it is not known, which is another thing than not there."""

from __future__ import annotations

import time
from functools import partial
from typing import Any, Callable, Dict, Iterable, List, Mapping, Sequence, Tuple

from ..linux import causes, programs, services, sockets, units, way_back
from ..linux.choice import Engines
from ..linux.engine import Engine, EngineError
from ..linux.state import HostState, StateError
from ..nftables import legacy_tables, listed, owners, published
from ..nftables.kernel import Nft
from ..nftables.pieces import TABLE
from . import opened
from .kernel import TABLE as TABLE_OF_FIREWALLD
from .objects import POLICY

FORMAT = 1
SECONDS = 15.0
"""That all programs may take together."""
_SERVICES = (
    *("nftables", "firewalld", "ufw", "iptables", "ip6tables", "netfilter-persistent", "ebtables", "shorewall", "ferm"),
    *("fail2ban", "sshguard", "crowdsec", "crowdsec-firewall-bouncer", "docker", "podman", "containerd", "libvirtd"),
    *("virtnetworkd", "kubelet", "k3s", "rke2-server", "rke2-agent", "tailscaled", "lxd", "incus"),
    *("portbook-firewall", "portbook-restore"),
)
_OURS = ("inet", TABLE)
_MOST_TABLES = 60
_POLICY = f"_policy_{POLICY}"
_XT = 'xt target "DNAT"'
Data = Dict[str, Any]


class _Facts:
    def __init__(self, state: HostState, engines: Engines, most: int) -> None:
        self._state, self._engines, self._most = state, engines, most
        self._not_read: Dict[str, str] = {}
        self._left_out: Dict[str, int] = {}
        self._legacy: List[legacy_tables.Saved] = []

    def data(self) -> Data:
        start = time.monotonic()
        kept = self._tried("ours.rules", self._state.read, {})
        ruleset = self._tried("unmanaged", lambda: listed.read(Nft().listed()), listed.Ruleset((), (), ()))
        found, why_not = self._tried("listening", sockets.listening, ([], ""))
        if why_not:
            self._not_read["listening"] = why_not
        running = self._tried("services", self._services, [])
        self._legacy = self._of_legacy()
        ours = self._ours(kept, ruleset, running)
        return {
            "format": FORMAT,
            "platform": "linux",
            "backend": str(kept.get("backend", "")) if kept.get("applied") else "",
            "ours": ours,
            "unmanaged": self._unmanaged(ruleset),
            "listening": self._some("listening", [_socket(one) for one in found]),
            "published": self._some("published", self._published(ruleset, found)),
            "services": [vars(one) for one in running],
            "hits": self._some("hits", [_hit(one) for one in ruleset.rules if _ours(one) and one.packets is not None]),
            "not_read": self._not_read,
            "left_out": self._left_out,
            "seconds": round(time.monotonic() - start, 3),
        }

    def _tried(self, what: str, look: Callable[[], Any], without: Any) -> Any:
        try:
            return look()
        except (EngineError, StateError) as error:
            self._not_read[what] = str(error)
        except OSError as error:
            self._not_read[what] = causes.in_words(error)
        return without

    def _some(self, what: str, found: List[Any]) -> List[Any]:
        if not self._most or len(found) <= self._most:
            return found
        self._left_out[what] = len(found) - self._most
        return found[: self._most]

    def _services(self) -> List[services.Service]:
        if not units.has_systemd():
            raise OSError("no systemd here, so services cannot be listed")
        return services.states(_SERVICES)

    # -- ours ---------------------------------------------------------------------------------------

    def _ours(self, kept: Mapping[str, Any], ruleset: listed.Ruleset, running: Iterable[services.Service]) -> Data:
        if kept.get("fault"):
            self._not_read["ours.rules"] = f"{self._state.path('state.json')}: {kept['fault']}"
        slices: Dict[str, Any] = kept.get("slices", {})
        rules = [_rule(component, one) for component, part in slices.items() for one in part.get("rules", ())]
        sets = {name: list(nets) for part in slices.values() for name, nets in part.get("sets", {}).items()}
        daemon = any(one.name == "firewalld" and one.active == "active" for one in running)
        return {
            "kernel": self._tried("ours.kernel", lambda: self._kernel(kept, ruleset), "unknown"),
            "digest": str(kept.get("digest", "")),
            "waiting": self._tried("ours.waiting", lambda: way_back.pending(self._state) is not None, False),
            "settings": dict(kept.get("settings", {})),
            "rules": self._some("ours.rules", rules),
            "peers": self._sets(sets),
            "opened": self._some("ours.opened", self._tried("ours.opened", opened.texts, [])) if daemon else [],
        }

    def _sets(self, sets: Mapping[str, List[str]]) -> Dict[str, List[str]]:
        return {name: self._some(f"ours.peers.{name}", networks) for name, networks in sorted(sets.items())}

    def _kernel(self, kept: Mapping[str, Any], ruleset: listed.Ruleset) -> str:
        """Whether it is there as it was applied."""
        applied = kept.get("applied") or {}
        if not applied:
            return "not_remembered" if _OURS in ruleset.tables else "none"
        present = self._engine(str(kept.get("backend", ""))).read()
        if not present.exists:
            return "missing"
        return "as_applied" if present.meaning == applied.get("kernel") else "changed"

    def _engine(self, name: str) -> Engine:
        if name not in self._engines.by_name:
            raise StateError(f"the rules are held by {name}, which this version of portbook.firewall does not know")
        return self._engines.by_name[name]()

    # -- of others ----------------------------------------------------------------------------------

    def _unmanaged(self, ruleset: listed.Ruleset) -> Data:
        files = owners.declared()
        found = [(owners.owner(one, files), one) for one in ruleset.rules if not _ours(one)]
        rules = [_unmanaged_rule(by, one) for by, one in found] + [_legacy_rule(one) for one in self._legacy]
        # Those that no program is known to have made say most.
        rules.sort(key=lambda one: one["owner"] in _KNOWN_ENGINES)
        return {
            "count": len(rules),
            "tables": self._tables(ruleset, rules),
            "chains": self._some("unmanaged.chains", [_base(one) for one in ruleset.bases if one.chain[:2] != _OURS]),
            "rules": self._some("unmanaged.rules", rules),
        }

    def _of_legacy(self) -> List[legacy_tables.Saved]:
        found, unread = self._tried("unmanaged.legacy", legacy_tables.legacy_rules, ([], []))
        if unread:
            loaded = f"iptables-legacy rules are loaded ({', '.join(unread)})"
            self._not_read["unmanaged.legacy"] = f"{loaded} and cannot be read here"
        return list(found)

    def _tables(self, ruleset: listed.Ruleset, rules: Iterable[Data]) -> List[Data]:
        by_table: Dict[Tuple[str, str], List[str]] = {one: [] for one in ruleset.tables if one != _OURS}
        for one in rules:
            by_table.setdefault((one["family"], one["table"]), []).append(one["owner"])
        found = [
            {"family": family, "name": name, "rules": len(by), "owners": sorted({one for one in by if one})}
            for (family, name), by in by_table.items()
        ]
        if len(found) > _MOST_TABLES:
            self._left_out["unmanaged.tables"] = len(found) - _MOST_TABLES
        return found[:_MOST_TABLES]

    def _published(self, ruleset: listed.Ruleset, found: Sequence[sockets.Socket]) -> List[Data]:
        others = [one for one in ruleset.rules if not _ours(one)]
        unclear = {one.chain.family for one in others if one.chain.table == "nat" and _XT in one.text}
        saved: List[legacy_tables.Saved] = []
        for family in sorted(unclear):
            saved += self._tried("published", partial(legacy_tables.nft_rules, family, "nat"), [])
        saved += [one for one in self._legacy if one.table == "nat"]
        return published.published(others, [(one.chain, one.text) for one in saved], found)


_KNOWN_ENGINES = ("firewalld", "docker", "podman", "libvirt", "kubernetes", "lxd", "incus")


def facts(state: HostState, engines: Engines, most: int) -> Data:
    """`most` of each list; 0 is all."""
    with programs.within(SECONDS):
        return _Facts(state, engines, most).data()


def _ours(one: listed.Listed) -> bool:
    """Also what firewalld makes of our policy: chains of every kind, and the jumps to them."""
    return (
        one.chain[:2] == _OURS
        or _POLICY in one.chain.name
        or (one.chain.table == TABLE_OF_FIREWALLD and _POLICY in one.text)
    )


def _rule(component: str, one: Mapping[str, Any]) -> Data:
    return {
        "id": one["id"],
        "component": component,
        "flow": one["flow"],
        "direction": one["direction"],
        "protocol": one["protocol"],
        "ports": _ports(one["spans"]),
        "source_ports": _ports(one["source_spans"]),
        "peers": one["peers"],
        "refusal": one["refusal"],
    }


def _ports(spans: Iterable[Iterable[int]]) -> List[str]:
    return [str(low) if low == high else f"{low}-{high}" for low, high in spans]


def _socket(one: sockets.Socket) -> Data:
    return {
        "protocol": one.protocol,
        "address": one.address,
        "port": one.port,
        "loopback": one.loopback,
        "pid": one.pid,
        "program": one.program,
        "units": [one.unit] if one.unit else [],
    }


def _hit(one: listed.Listed) -> Data:
    return {"chain": one.chain.name, "rule": one.text, "packets": one.packets, "bytes": one.bytes}


def _base(one: listed.Base) -> Data:
    family, table, name = one.chain
    return {
        **{"family": family, "table": table, "name": name, "type": one.kind},
        **{"hook": one.hook, "priority": one.priority, "policy": one.policy},
    }


def _unmanaged_rule(by: str, one: listed.Listed) -> Data:
    family, table, chain = one.chain
    return {
        **{"family": family, "table": table, "chain": chain, "handle": one.handle, "owner": by},
        **{"rule": one.text, "packets": one.packets, "bytes": one.bytes},
    }


def _legacy_rule(one: legacy_tables.Saved) -> Data:
    chain = listed.Chain(one.family, one.table + legacy_tables.LEGACY, one.chain)
    by = owners.owner(listed.Listed(chain, 0, one.text.replace(" -j ", " jump ")), {}) or "iptables"
    return _unmanaged_rule(by, listed.Listed(chain, 0, one.text))
