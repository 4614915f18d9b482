# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""firewalld itself, over D-Bus: thin. Each call names its object, for those of a restarted daemon are others."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from importlib import import_module
from typing import Any, Callable, Dict, Iterable, List, Tuple

from ..linux import programs
from ..linux.engine import EngineError
from . import objects
from .drift import Configuration
from .objects import POLICY, Openings, Peers, Service

_NAME = "org.fedoraproject.FirewallD1"
_BUS = "org.freedesktop.DBus"
_PATH, _CONFIG = "/org/fedoraproject/FirewallD1", "/org/fedoraproject/FirewallD1/config"
_FAMILY = {"": objects.IPV4, **{inet: family for family, inet in objects.INET.items()}}


class DaemonError(EngineError):
    """firewalld does not answer, or refuses."""


@dataclass(frozen=True)
class Health:
    version: str
    state: str
    backend: str
    panic: bool


class Daemon:
    def __init__(self) -> None:
        self._bus: Any = None

    # -- looking ------------------------------------------------------------------------------------

    def health(self) -> Health:
        settings = self._all(_CONFIG, f"{_NAME}.config")
        main = self._all(_PATH, _NAME)
        return Health(
            str(main.get("version", "")),
            str(main.get("state", "")),
            str(settings.get("FirewallBackend", "nftables")),
            bool(self._runtime("", "queryPanicMode")),
        )

    def answers(self) -> bool:
        """Whether it is at work, as far as the bus knows."""
        try:
            return bool(self._call("/org/freedesktop/DBus", _BUS, "NameHasOwner", (_NAME,), to=_BUS))
        except EngineError:
            return False

    def openings(self, known: Iterable[Peers] = ()) -> Openings:
        """This collection's, as firewalld has them at runtime; of sets that are known it is not asked."""
        ipsets, services = self._names()
        given = {one.name: one for one in known}
        policy: Dict[str, Any] = {}
        if POLICY in self._runtime("policy", "getPolicies"):
            policy = _plain(self._runtime("policy", "getPolicySettings", POLICY))
        return Openings(
            frozenset(policy.get("rich_rules", ())),
            frozenset(given.get(name) or self._ipset(name) for name in ipsets),
            frozenset(self._service(name) for name in services),
            _frame(policy) if policy else "",
        )

    def _names(self) -> Tuple[List[str], List[str]]:
        names = self._runtime("ipset", "getIPSets"), self._runtime("", "listServices")
        return tuple([str(one) for one in some if objects.ours(one)] for some in names)  # type: ignore[return-value]

    def _ipset(self, name: str) -> Peers:
        _version, what, _text, kind, options, entries = _plain(self._runtime("ipset", "getIPSetSettings", name))
        plain = kind == "hash:net" and set(options) <= {"family"}
        family = _FAMILY.get(options.get("family", ""), "") if plain else ""
        return Peers(name, family, frozenset(entries), what)

    def _service(self, name: str) -> Service:
        settings = _plain(self._runtime("", "getServiceSettings2", name))
        others = {(key, "") for key in set(settings) - {"short", "description", "version", "ports"}}
        return Service(name, frozenset({*map(tuple, settings.get("ports", ())), *others}))

    def configuration(self) -> Tuple[Configuration, Configuration]:
        """At runtime, and permanently."""
        runtime, permanent = Configuration(), Configuration()
        for name in self._runtime("zone", "getZones"):
            runtime.zones[str(name)] = _plain(self._runtime("zone", "getZoneSettings2", name))
        for name in self._runtime("policy", "getPolicies"):
            runtime.policies[str(name)] = _plain(self._runtime("policy", "getPolicySettings", name))
        for name in self._runtime("ipset", "getIPSets"):
            runtime.ipsets[str(name)] = _plain(self._runtime("ipset", "getEntries", name))
        for kind, names, method, into in (
            ("zone", "getZoneNames", "getSettings2", permanent.zones),
            ("policy", "getPolicyNames", "getSettings", permanent.policies),
        ):
            for name in self._config("", names):
                into[str(name)] = _plain(self._object(kind, str(name), method))
        for name in self._config("", "getIPSetNames"):
            permanent.ipsets[str(name)] = _plain(self._object("ipset", str(name), "getEntries"))
        for kept, call in ((runtime, self._runtime), (permanent, self._config)):
            kept.direct.update(self._direct(call, permanent=kept is permanent))
        return runtime, permanent

    def _direct(self, call: Callable[..., Any], permanent: bool) -> Dict[str, List[List[str]]]:
        if permanent:
            chains, rules, passthroughs = _plain(call("direct", "getSettings"))
        else:
            asked = ("getAllChains", "getAllRules", "getAllPassthroughs")
            chains, rules, passthroughs = (_plain(call("direct", method)) for method in asked)
        return {
            "chains": [list(map(str, one)) for one in chains],
            "rules": [[*map(str, one[:4]), *one[4]] for one in rules],
            "passthroughs": [[one[0], *one[1]] for one in passthroughs],
        }

    # -- runtime ------------------------------------------------------------------------------------

    def set_rules(self, rules: Iterable[str]) -> None:
        """All or none of them."""
        self._runtime("policy", "setPolicySettings", POLICY, self._lists(rich_rules=sorted(rules)))

    def remove_entry(self, ipset: str, entry: str) -> None:
        self._runtime("ipset", "removeEntry", ipset, entry)

    def add_entry(self, ipset: str, entry: str) -> None:
        self._runtime("ipset", "addEntry", ipset, entry)

    def set_entries(self, ipset: str, entries: Iterable[str]) -> None:
        """At once, but for a moment the set is empty."""
        self._runtime("ipset", "setEntries", ipset, self._strings(entries))

    def reload(self) -> None:
        self._runtime("", "reload")

    # -- permanent ----------------------------------------------------------------------------------

    def keep_ipset(self, one: Peers) -> None:
        options = self._dbus.Dictionary({"family": objects.INET[one.family]}, signature="ss")
        settings = ("", one.what, objects.MADE_BY, "hash:net", options, self._strings(one.entries))
        if one.name in self._config("", "getIPSetNames"):
            self._object("ipset", one.name, "update", settings)
        else:
            self._config("", "addIPSet", one.name, settings)

    def keep_service(self, one: Service) -> None:
        # What is merged would keep what somebody added.
        settings = self._lists(**dict.fromkeys(("source_ports", "protocols", "modules", "includes", "helpers"), ()))
        settings["ports"] = self._dbus.Array(sorted(one.ports), signature="(ss)")
        settings["destination"] = self._dbus.Dictionary({}, signature="ss")
        settings["short"], settings["description"] = one.name, objects.MADE_BY
        if one.name in self._config("", "getServiceNames"):
            self._object("service", one.name, "update2", settings)
        else:
            self._config("", "addService2", one.name, settings)

    def keep_rules(self, rules: Iterable[str]) -> None:
        """Of the policy that is there."""
        self._object("policy", POLICY, "update", self._lists(rich_rules=sorted(rules)))

    def keep_policy(self, rules: Iterable[str]) -> None:
        lists = dict.fromkeys(("services", "protocols", "icmp_blocks"), ())
        ends = {"ingress_zones": objects.FROM, "egress_zones": objects.TO}
        settings = self._lists(rich_rules=sorted(rules), **ends)
        settings["priority"] = self._dbus.Int32(objects.PRIORITY)
        settings["target"], settings["description"] = objects.TARGET, objects.MADE_BY
        if POLICY not in self._config("", "getPolicyNames"):
            self._config("", "addPolicy", POLICY, settings)
            return
        settings.update(self._lists(**lists))
        for key, kind in (("ports", "(ss)"), ("source_ports", "(ss)"), ("forward_ports", "(ssss)")):
            settings[key] = self._dbus.Array([], signature=kind)
        settings["masquerade"] = self._dbus.Boolean(False)
        self._object("policy", POLICY, "update", settings)

    def forget(self, kind: str, name: str) -> None:
        """Permanently; `kind` is policy, ipset or service."""
        names = {"policy": "getPolicyNames", "ipset": "getIPSetNames", "service": "getServiceNames"}
        if name in self._config("", names[kind]):
            self._object(kind, name, "remove")

    # -- D-Bus --------------------------------------------------------------------------------------

    @property
    def _dbus(self) -> Any:
        try:
            return import_module("dbus")
        except ImportError as error:
            raise DaemonError(
                f"the Python that Ansible uses on this host has no bindings for D-Bus ({error}), by which firewalld is "
                "asked. Install the package python3-dbus, which firewalld itself needs, and let Ansible use the "
                "system's own Python: set ansible_python_interpreter to /usr/bin/python3"
            ) from None

    def _strings(self, texts: Iterable[str]) -> Any:
        return self._dbus.Array(sorted(texts), signature="s")

    def _lists(self, **lists: Iterable[str]) -> Any:
        return self._dbus.Dictionary({key: self._strings(texts) for key, texts in lists.items()}, signature="sv")

    def _runtime(self, interface: str, method: str, *arguments: Any) -> Any:
        return self._call(_PATH, f"{_NAME}.{interface}" if interface else _NAME, method, arguments)

    def _config(self, interface: str, method: str, *arguments: Any) -> Any:
        return self._call(_CONFIG, f"{_NAME}.config" + (f".{interface}" if interface else ""), method, arguments)

    def _object(self, kind: str, name: str, method: str, *arguments: Any) -> Any:
        finders = {"ipset": "getIPSetByName", "zone": "getZoneByName"}
        path = self._config("", finders.get(kind, f"get{kind.capitalize()}ByName"), name)
        return self._call(str(path), f"{_NAME}.config.{kind}", method, arguments)

    def _all(self, path: str, interface: str) -> Dict[str, Any]:
        return dict(_plain(self._call(path, f"{_BUS}.Properties", "GetAll", (interface,))))

    def _call(self, path: str, interface: str, method: str, arguments: Iterable[Any], to: str = _NAME) -> Any:
        dbus = self._dbus
        try:
            if self._bus is None:
                self._bus = dbus.SystemBus()
            # Without a proxy of the object: that would ask for the daemon's name before each call.
            return self._bus.call_blocking(
                to, path, interface, method, None, tuple(arguments), timeout=programs.SECONDS
            )
        except dbus.exceptions.DBusException as error:
            self.leave()
            raise DaemonError(f"firewalld failed at {method}: {_cause(error)}") from None

    def leave(self) -> None:
        """The next call comes over a new connection to the bus."""
        with suppress(Exception):
            self._bus.close()
        self._bus = None


def _frame(policy: Dict[str, Any]) -> str:
    known = {"short", "description", "version", "target", "rich_rules", "priority", "ingress_zones", "egress_zones"}
    others = [key for key, value in policy.items() if key not in known and value]
    ends = policy.get("ingress_zones", ()), policy.get("egress_zones", ())
    return objects.frame(policy.get("priority", 0), policy.get("target", ""), *ends, others)


def _plain(value: Any) -> Any:
    """Without the types of D-Bus."""
    if isinstance(value, dict):
        return {str(key): _plain(one) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(one) for one in value]
    # Its truth is a number of its own.
    if type(value).__name__ == "Boolean":
        return bool(value)
    return int(value) if isinstance(value, int) else str(value)


def _cause(error: Any) -> str:
    name, text = str(error.get_dbus_name() or ""), str(error.get_dbus_message() or "")
    if name.endswith(("ServiceUnknown", "NameHasNoOwner")):
        return "it does not run. Start it (systemctl start firewalld), then run again"
    if name.endswith(("NoReply", "Timeout", "TimedOut")):
        return f"it did not answer within {programs.SECONDS:g} s. journalctl -u firewalld says why. Then run again"
    if "FileNotFound" in name or "NoServer" in name or "Disconnected" in name:
        return "the system's D-Bus does not run. Start dbus.service and firewalld.service, then run again"
    return text or name or "no reason given"
