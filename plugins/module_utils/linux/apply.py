# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One apply on one host: look, decide, check, hold, load, remember. Looks only, where nothing differs."""

from __future__ import annotations

import json
import time
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Dict, List, Optional, Tuple

from .. import shrinking
from ..nftables import after_flush, legacy_tables
from ..nftables import foreign as foreign_rules
from ..nftables.kernel import Nft, NftError, NftStopped, meaning
from ..nftables.ruleset import TABLE, Local, Permission, Settings, deletion, ruleset
from . import local as host_local
from . import management, programs, slices, way_back
from . import units as boot
from .state import PENDING, RULESET, STATE, HostState, StateError, sha

_WAYS_KEPT = 4
# Whoever mends the table after a flush holds the lock for a moment, too.
_LOCK_WAIT = 1.0
_REFUSES = "type filter hook"
"""What only a ruleset has that refuses something."""
_SSH = ("ssh", "paramiko", "paramiko_ssh", "libssh")
LOCAL = "local"


@dataclass(frozen=True)
class Request:
    slices: Dict[str, slices.Slice]
    replace_all: bool = False
    settings: Dict[str, Any] = field(default_factory=dict)
    digest: str = ""
    transport: str = ""
    """Of Ansible's connection; empty: nobody asks whether it could be cut."""
    hold: float = 0
    token: str = ""
    check: bool = False
    backend: str = "nftables"
    removes: bool = False
    """Slices are taken away: with the last one goes the table, whatever the posture was."""
    inventory: Optional[shrinking.Inventory] = None
    """Without it, what the host loses is not asked about: somebody decided it."""


class Shrinks(StateError):
    """What the host would lose that nobody decided."""

    def __init__(self, losses: List[str], inventory: shrinking.Inventory) -> None:
        super().__init__(shrinking.refusal(losses, inventory))
        self.losses = losses


@dataclass
class Applied:
    words: Dict[str, List[str]]
    changed: bool = False
    mended: bool = False
    foreign: List[Dict[str, str]] = field(default_factory=list)
    warnings: List[str] = field(default_factory=list)
    held: bool = False
    unconfirmed: str = ""
    """Why a change that refuses something is not confirmed by a new connection."""
    persistence: str = ""
    left: Dict[str, int] = field(default_factory=dict)
    """Components that the host no longer has, and how many rules went with each."""
    left_to: str = ""
    """Another backend that this host has, so that nothing was done."""
    seconds: float = 0.0
    before: str = ""
    after: str = ""


@dataclass(frozen=True)
class _Wanted:
    """What the host is to be, and what it is."""

    slices: Dict[str, slices.Slice]
    settings: Dict[str, Any]
    ways: List[str]
    ports: List[int]
    """That logins come to."""
    text: str
    access: management.Access
    files: Dict[str, str]
    table: bool
    """Whether there is to be one: for slices, or for a posture that refuses without any."""


def apply(state: HostState, nft: Nft, request: Request) -> Applied:
    with programs.within(programs.RUN):
        if request.check:
            return _warned(state.fault(), state, _apply(state, nft, request))
        state.prepare()
        with state.lock(wait=_LOCK_WAIT):
            try:
                fault = state.fault()
                if not way_back.pending(state):
                    state.tidy()
                return _warned(fault, state, _apply(state, nft, request))
            finally:
                state.leave_if_empty()


def _warned(fault: str, state: HostState, applied: Applied) -> Applied:
    if fault:
        applied.warnings.append(
            f"{state.path(STATE)} was not readable ({fault}), so what this host had been given before is not known. "
            "It gets what this run gives, and nothing else: apply again what comes from other playbooks"
        )
    return applied


def confirm(state: HostState, nft: Nft, token: str) -> str:
    """Why not; empty if the change stands."""
    with programs.within(programs.RUN):
        return way_back.refusal(state, nft, token)


def _apply(state: HostState, nft: Nft, request: Request) -> Applied:
    if way_back.pending(state):
        raise StateError(
            "a change of this host still waits to be confirmed. Wait until it is taken back, then run again"
        )
    kept = state.read()
    other = _other_backend(kept, request.backend)
    if other:
        return Applied(slices.difference({}, {}), left_to=other)
    start = time.monotonic()
    table = nft.table()
    wanted = _wanted(kept, nft, request)
    words = slices.difference(kept["slices"], wanted.slices)
    applied = Applied(words, left=_left(request, kept, wanted, table is not None))
    given = kept["applied"]
    if wanted.table:
        same_text = given.get("text") == sha(wanted.text) and state.text(RULESET) == wanted.text
        same_kernel = table is not None and given.get("kernel") == meaning(table)
    else:
        same_text, same_kernel = not given, table is None
    applied.mended = bool(given and wanted.table) and given.get("kernel") != meaning(table)
    same_units = not boot.has_systemd() or boot.as_wanted(wanted.files)
    applied.changed = not (same_text and same_kernel and same_units)
    applied.changed = applied.changed or any(words[one] for one in ("create", "change", "delete"))
    applied.persistence = _persistence(wanted)
    applied.before, applied.after = _lines(kept["slices"], words), _lines(wanted.slices, words)
    if not applied.changed:
        applied.seconds = time.monotonic() - start
        return applied
    _refuse_lock_out(request, kept, wanted)
    if request.transport == LOCAL and _REFUSES in wanted.text:
        applied.unconfirmed = "not confirmed: local connection"
    applied.foreign = _foreign(nft, wanted)
    _refuse_lost(applied.foreign, wanted.settings)
    nft.check(wanted.text)
    if not request.check:
        _write(state, nft, request, kept, wanted, table is not None, applied)
    applied.seconds = time.monotonic() - start
    return applied


def _other_backend(kept: Dict[str, Any], backend: str) -> str:
    """With auto, a host that runs firewalld is left to it; a host that was once given nftables keeps it."""
    if backend != "auto" or kept["applied"]:
        return ""
    firewalld = boot.firewalld()
    if firewalld == "enabled":
        raise StateError(
            "firewalld is enabled on this host and does not run, so which backend it should have cannot be told. "
            "Start or disable firewalld, or set portbook_backend"
        )
    return "firewalld" if firewalld == "running" else ""


def _wanted(kept: Dict[str, Any], nft: Nft, request: Request) -> _Wanted:
    held = slices.united(kept["slices"], request.slices, request.replace_all)
    settings = {**kept["settings"], **request.settings}
    permissions = slices.permissions(held)
    local, ways, ports = _local(kept, settings, permissions, request)
    rendered = _settings(settings)
    table = bool(held) or (not request.removes and (rendered.strict_in or rendered.strict_out))
    text = ruleset(permissions, rendered, local) if table else deletion()
    files = boot.wanted(nft.path, RULESET, _restores(settings)) if table else {}
    access = management.Access(tuple(permissions), rendered.strict_in, local.way_in)
    return _Wanted(held, settings, ways, ports, text, access, files, table)


def _refuse_lock_out(request: Request, kept: Dict[str, Any], wanted: _Wanted) -> None:
    """Over a connection that does not come by the network, nothing shows that others still get in."""
    if request.transport in ("", *_SSH) or not wanted.table or _REFUSES not in wanted.text:
        return
    before = management.Access(
        tuple(slices.permissions(kept["slices"])),
        kept["settings"].get("posture") == "strict",
        (*kept["way_in"], *(kept["settings"].get("management") or ())),
    )
    named = wanted.settings.get("management") or ()
    found = management.locked_out(wanted.ports, before, wanted.access, named, management.connected_to(wanted.ports))
    if found:
        raise StateError(
            f"nothing was changed: over the connection {request.transport} nobody can confirm that this host can still "
            f"be reached, and {'; '.join(found)}. Set portbook_management to all addresses that must get in, or "
            "apply this over ssh"
        )


def _management_ports(settings: Dict[str, Any], request: Request) -> List[int]:
    """That logins come to: by the user's word, else those of the listening sshd."""
    named = sorted({int(port) for port in settings.get("management_ports") or ()})
    if named or request.transport in ("", *_SSH):
        return named
    # Whoever logged in to start this came to a port of sshd's, too.
    came = host_local.way_in()
    return sorted({*management.ssh_ports(), *([came[1]] if came else [])})


def _left(request: Request, kept: Dict[str, Any], wanted: _Wanted, table: bool) -> Dict[str, int]:
    """Components that the host leaves; refused is what an inventory would take away that is short of hosts."""
    unknown = "" if kept["slices"] or not table else f"the table inet {TABLE}, of which {STATE} knows no rule"
    before = slices.held(kept["slices"], wanted.settings, unknown)
    after = slices.held(wanted.slices, wanted.settings, unknown if wanted.table else "")
    if request.inventory is not None:
        found = shrinking.losses(before, after, request.inventory)
        if found:
            raise Shrinks(found, request.inventory)
    return {name: before.rules[name] for name in shrinking.left(before, after)}


def _restores(raw: Dict[str, Any]) -> bool:
    return bool(raw.get("restore_after_flush"))


def _settings(raw: Dict[str, Any]) -> Settings:
    return Settings(
        strict_in=raw.get("posture") == "strict",
        strict_out=raw.get("outbound") == "strict",
        refuse=raw.get("refuse", "drop"),
        log=raw.get("log", "off"),
        cut=bool(raw.get("cut", True)),
        outbound_off=raw.get("outbound", "off") == "off",
    )


def _local(
    kept: Dict[str, Any], raw: Dict[str, Any], permissions: List[Permission], request: Request
) -> Tuple[Local, List[str], List[int]]:
    """The way in counts where it could be cut; those confirmed last stay, so a second controller is no change."""
    # A local connection comes from nowhere, whoever started it.
    found = None if request.transport == LOCAL else host_local.way_in()
    named = list(raw.get("management") or ())
    refuses = raw.get("posture") == "strict" or any(one.guarded for one in permissions)
    if refuses and request.transport in _SSH and found is None and not (named and raw.get("management_ports")):
        raise StateError(
            "the way Ansible comes in was not found on this host (no SSH_CONNECTION in the environment of any "
            "ancestor), so refusing anything could cut it. Set portbook_management to the addresses that must always "
            "get in and portbook_management_ports to the port that they come to, or portbook_posture: open"
        )
    ways = [str(one) for one in kept["way_in"]]
    if found and found[0] not in ways:
        ways = [*ways, found[0]][-_WAYS_KEPT:]
    ports = sorted({*_management_ports(raw, request), *([found[1]] if found else [])})
    endangered = raw.get("posture") == "strict" or any(
        one.guarded and one.protocol == "tcp" and any(low <= port <= high for low, high in one.spans for port in ports)
        for one in permissions
    )
    trusted = raw.get("trusted_interfaces")
    bridges = host_local.container_bridges()
    return (
        Local(
            trusted=tuple(bridges if trusted is None else trusted),
            bridges=tuple(bridges),
            subnets=tuple(host_local.subnets()) if any(one.local_subnet for one in permissions) else (),
            way_in=tuple(sorted({*ways, *named})) if endangered else (),
            way_in_ports=tuple(ports) if endangered else (),
            resolvers=tuple(host_local.resolvers()) if raw.get("outbound") == "strict" else (),
            time_servers=tuple(host_local.time_servers()) if raw.get("outbound") == "strict" else (),
        ),
        ways,
        ports,
    )


def _write(
    state: HostState,
    nft: Nft,
    request: Request,
    kept: Dict[str, Any],
    wanted: _Wanted,
    exists: bool,
    applied: Applied,
) -> None:
    """Files first, so that a full disk is found before the kernel is touched; what fails later is put back."""
    back = way_back.previous(nft, exists)
    systemd = boot.has_systemd()
    units = boot.present() if systemd else {}

    def units_as_before() -> None:
        if systemd and not boot.as_wanted(units):
            boot.bring(units)

    new_state = {
        "format": kept["format"],
        "slices": wanted.slices,
        "settings": wanted.settings,
        "way_in": wanted.ways,
        "digest": request.digest,
        # As long as a digest, so that there is room for one.
        "applied": {"text": sha(wanted.text), "kernel": sha("")},
    }
    loaded = False
    try:
        if wanted.table:
            state.write_next(RULESET, wanted.text)
            state.write_next(STATE, json.dumps(new_state, sort_keys=True))
            if systemd and not boot.as_wanted(wanted.files):
                boot.bring(wanted.files)
        if request.hold and request.transport != LOCAL and _REFUSES in wanted.text:
            way_back.hold(state, nft, back, request.token, request.hold, units_as_before)
            applied.held = True
            new_state["token"] = request.token
            way_back.still_waits(state, request.token, request.hold)
        if systemd and not wanted.table:
            boot.stop_restoring()
        loaded = True
        try:
            nft.load(wanted.text)
        except NftError as error:
            # One that was ended may have done it before.
            loaded = isinstance(error, NftStopped)
            raise
        if applied.held:
            way_back.still_waits(state, request.token, request.hold)
        if wanted.table:
            new_state["applied"] = {"text": sha(wanted.text), "kernel": meaning(_there(nft))}
            state.write_next(STATE, json.dumps(new_state, sort_keys=True))
            if not applied.held:
                state.commit()
        else:
            if systemd:
                boot.bring({})
            state.leave()
        if applied.held:
            # Nobody would take away what was written after it was given up.
            way_back.still_waits(state, request.token, request.hold)
    except BaseException:
        with programs.within(programs.CLEAN_UP, programs.CLEAN_UP_EACH):
            try:
                if loaded:
                    nft.load(back)
                state.forget(PENDING)
            except NftError:
                pass  # The holder, if there is one, tries again.
            if applied.held:
                way_back.until_taken_back(state)
            state.roll_back()
            with suppress(OSError):
                units_as_before()
        raise


def _there(nft: Nft) -> List[Any]:
    table = nft.table()
    if table is None:
        raise NftError(
            f"the table inet {TABLE} was gone right after it was loaded: something on this host flushes or deletes it "
            "(nft monitor shows what happens). Stop that, then run again"
        )
    return table


def _persistence(wanted: _Wanted) -> str:
    if not wanted.table:
        return "nothing to bring back"
    restores = _restores(wanted.settings)
    if boot.has_systemd():
        brings = f"{boot.UNIT} brings it back after a restart of the host or of nftables.service"
        return f"{brings}, {after_flush.UNIT} after a flush by hand" if restores else brings
    skipped = "skipped: no systemd here, so the table is gone after a restart"
    return f"{skipped} or a flush, whatever portbook_restore_after_flush says" if restores else skipped


def _foreign(nft: Nft, wanted: _Wanted) -> List[Dict[str, str]]:
    """Documented flows that rules of others do not surely let pass: inbound, and outbound where that is ours, too."""
    directions = ("in",) if wanted.settings.get("outbound", "off") == "off" else ("in", "out")
    objects: Optional[List[Any]] = None
    found = []
    for name, one in wanted.slices.items():
        for rule in one["rules"]:
            if rule["direction"] not in directions or rule["protocol"] not in ("tcp", "udp") or not rule["spans"]:
                continue
            objects = [*nft.others(), *legacy_tables.objects()] if objects is None else objects
            verdict = _verdict(objects, rule, one["sets"].get(rule["peers"]))
            if verdict.outcome != foreign_rules.ALLOWED:
                found.append(
                    {"component": name, "flow": rule["flow"], "outcome": verdict.outcome, "where": verdict.where}
                )
    return found


def _verdict(objects: List[Any], rule: Dict[str, Any], networks: Optional[List[str]]) -> foreign_rules.Verdict:
    """Lost is a flow of which no family gets through to one of its ports."""
    families = [
        family
        for family, mark in (("ip", "."), ("ip6", ":"))
        if networks is None or any(mark in network for network in networks)
    ]
    worst = foreign_rules.Verdict(foreign_rules.ALLOWED, "")
    for low, _high in rule["spans"]:
        found = [
            foreign_rules.judge(objects, foreign_rules.Packet(rule["protocol"], low, family, rule["direction"]))
            for family in families
        ]
        if found and all(one.outcome == foreign_rules.LOST for one in found):
            return found[0]
        for one in found:
            if one.outcome != foreign_rules.ALLOWED:
                worst = foreign_rules.Verdict(foreign_rules.UNKNOWN, one.where)
    return worst


def _refuse_lost(foreign: List[Dict[str, str]], settings: Dict[str, Any]) -> None:
    word = settings.get("foreign", "auto")
    bad = [one for one in foreign if word == "fail" or (word == "auto" and one["outcome"] == foreign_rules.LOST)]
    if bad:
        flows = ", ".join(sorted({one["flow"] for one in bad})[:5])
        raise StateError(
            f"rules of others refuse what the plan permits ({flows}): {bad[0]['where']}. Nothing was applied. "
            "Let them pass there, or set portbook_foreign: warn"
        )


def _lines(held: Dict[str, slices.Slice], words: Dict[str, List[str]]) -> str:
    texts = [slices.words(one, held) for kind in ("create", "change", "delete") for one in words[kind]]
    return "".join(f"{text}\n" for text in sorted(text for text in texts if text))
