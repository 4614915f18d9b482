# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who is who: components of hosts, and the addresses under which others see them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ..catalog.book import Catalog
from ..net.addresses import AddressSet, BadAddress, is_address, is_host, is_name, parse, reachable
from ..problems import Problems, nearest, one_of, shown
from .read_settings import SettingsReader, run_settings
from .settings import HostSettings, PeerEntry, RunSettings
from .values import Untemplated
from .variables import PLATFORM_OF

Resolver = Callable[[Iterable[str]], Mapping[str, "tuple[str, ...] | str"]]
"""Names to their addresses, or to a sentence why there are none."""

_WINDOWS_CONNECTIONS = ("winrm", "psrp", "ansible.builtin.winrm", "ansible.builtin.psrp")
_WINDOWS_SHELLS = ("powershell", "cmd", "ansible.builtin.powershell", "ansible.builtin.cmd")
_POSIX_CONNECTIONS = ("ssh", "smart", "paramiko", "paramiko_ssh", "local")


@dataclass(frozen=True)
class HostInput:
    """A host as the inventory has it; `facts` are its addresses by facts, where the run asks for them."""

    name: str
    groups: frozenset[str]
    variables: Mapping[str, Any]
    facts: tuple[str, ...] | None = None


@dataclass(frozen=True, eq=False)
class Host:
    name: str
    components: tuple[str, ...]
    """Those that get rules here."""
    parts: frozenset[str]
    """All that it is a peer as: its components, and the parties whose group it is in."""
    settings: HostSettings
    platform: str


@dataclass(frozen=True, eq=False)
class World:
    catalog: Catalog
    run: RunSettings
    hosts: tuple[Host, ...]
    declared: frozenset[str]
    """Components that have a group or a host in the inventory, be it an empty group."""
    book: AddressBook
    members: Mapping[str, int]
    """Hosts of each component; those that have none are left out."""
    undecided: frozenset[str]
    """Components with a group that is there and empty, which portbook_groups does not call empty."""
    hosts_in_inventory: int


@dataclass
class AddressBook:
    """Addresses of hosts and names; each is looked up once."""

    of_host: dict[str, AddressSet] = field(default_factory=dict)
    of_name: dict[str, AddressSet] = field(default_factory=dict)

    def entry(self, entry: PeerEntry) -> AddressSet:
        named = [self.of_host.get(name) or self.of_name.get(name, AddressSet()) for name in entry.names]
        return AddressSet.union([entry.addresses, *named]) if named else entry.addresses


def build(
    catalog: Catalog,
    inputs: Iterable[HostInput],
    groups: Iterable[str],
    problems: Problems,
    resolve: Resolver,
    default_connection: str = "ssh",
) -> World:
    ordered = sorted(inputs, key=lambda one: one.name)
    reader = SettingsReader(catalog, problems)
    run = run_settings(((one.name, one.variables) for one in ordered), reader, problems)
    groups = frozenset(groups)
    groups_of = _groups(catalog, run, groups, problems)
    hosts = []
    given: dict[str, tuple[str, ...] | None] = {}
    for one in ordered:
        settings = reader.read(one.name, one.variables)
        given[one.name] = reader.addresses(one.name, one.variables)
        by_group = {component for group in one.groups for component in groups_of.get(group, ())}
        own = {name for name in by_group if not catalog.components[name].party} | set(settings.components)
        hosts.append(
            Host(
                one.name,
                tuple(sorted(own)),
                frozenset(by_group | own),
                settings,
                platform_of(one, settings, default_connection),
            )
        )
    reader.report(problems)
    members = Counter(component for host in hosts for component in host.parts)
    sizes = Counter(group for one in ordered for group in one.groups)
    _check_near_names(run, groups_of, groups, sizes, members, problems)
    declared = {component for host in hosts for component in host.parts} | {
        component for group in groups for component in groups_of.get(group, ())
    }
    book = _addresses(ordered, hosts, given, run, problems, resolve)
    _check_platforms(catalog, hosts, problems)
    undecided = {component for group in groups if not sizes[group] for component in groups_of.get(group, ())}
    return World(
        catalog, run, tuple(hosts), frozenset(declared), book, dict(members), frozenset(undecided), len(ordered)
    )


def _groups(
    catalog: Catalog, run: RunSettings, groups: frozenset[str], problems: Problems
) -> dict[str, tuple[str, ...]]:
    """Inventory group to the components of its hosts."""
    found: dict[str, list[str]] = {}
    for component in catalog.components:
        names = run.groups.get(component, (component,))
        for name in names:
            found.setdefault(name, []).append(component)
            if component in run.groups and name not in groups:
                problems.error(
                    "all hosts",
                    f"portbook_groups.{component}",
                    f"names {shown(name)}, which is not a group of the inventory",
                    one_of(groups - {"all", "ungrouped"}, name),
                )
    return {name: tuple(components) for name, components in found.items()}


def _check_near_names(
    run: RunSettings,
    groups_of: Mapping[str, tuple[str, ...]],
    groups: frozenset[str],
    sizes: Mapping[str, int],
    members: Mapping[str, int],
    problems: Problems,
) -> None:
    """A misspelt group is a component without hosts: the others would refuse its hosts, and they would lose all."""
    for group in sorted(groups - set(groups_of)):
        near = nearest(group, groups_of, cutoff=0.9)
        if near is None:
            continue
        lost = [one for one in groups_of[near] if not members.get(one) and one not in run.groups]
        if lost and sizes.get(group):
            names = " and ".join(lost)
            problems.error(
                "inventory",
                f"group {group}",
                f"has {sizes[group]} host{'s' * (sizes[group] > 1)} and is the group of no component, while {names} "
                f"{'have' if len(lost) > 1 else 'has'} none",
                f"Rename the group to {near}, or set portbook_groups: {{{lost[0]}: [{group}]}}, or "
                f"{{{lost[0]}: []}} if there are none",
            )
        else:
            problems.warn(
                "inventory",
                f"group {group}",
                f"is the group of no component, although {near} is one",
                "Rename it, or map it with portbook_groups",
            )


def platform_of(one: HostInput, settings: HostSettings, default_connection: str) -> str:
    """windows, linux, or other for what is neither, such as a network device."""
    if settings.backend in PLATFORM_OF:
        return PLATFORM_OF[settings.backend]
    connection = str(one.variables.get("ansible_connection", default_connection))
    shell = str(one.variables.get("ansible_shell_type", ""))
    if connection in _WINDOWS_CONNECTIONS or shell in _WINDOWS_SHELLS:
        return "windows"
    return "linux" if connection.rpartition(".")[2] in _POSIX_CONNECTIONS else "other"


def _check_platforms(catalog: Catalog, hosts: Iterable[Host], problems: Problems) -> None:
    for host in hosts:
        if host.settings.mark and host.platform == "windows" and (host.components or host.settings.allow):
            problems.warn(
                host.name,
                "portbook_mark",
                "does nothing on Windows, which has no packet marks",
                "Set it for Linux hosts alone, for example in the group_vars of a group of theirs",
            )
        for name in host.components:
            wrong = platform_error(catalog, name, host.platform)
            if wrong:
                problems.error(host.name, name, *wrong)


def platform_error(catalog: Catalog, name: str, platform: str) -> tuple[str, str] | None:
    component = catalog.components[name]
    if not component.platforms or platform in component.platforms or platform == "other":
        return None
    why = f": {component.platforms_why.rstrip('.')}" if component.platforms_why else ""
    return (
        f"does not exist on {platform}, only on {' and '.join(component.platforms)}{why}",
        "Remove the host from the component's group, or set ansible_connection (or portbook_backend) in "
        "the inventory if the host is of another platform",
    )


def _addresses(
    inputs: list[HostInput],
    hosts: list[Host],
    given: Mapping[str, tuple[str, ...] | None],
    run: RunSettings,
    problems: Problems,
    resolve: Resolver,
) -> AddressBook:
    known = {one.name for one in inputs}
    named_by: dict[str, list[tuple[str, str]]] = {}
    for host in hosts:
        for what, entry in _entries(host.settings):
            for name in entry.names:
                named_by.setdefault(name, []).append((host.name, what))
    book = AddressBook()
    wanted: dict[str, list[tuple[str, str]]] = {}
    names_of: dict[str, tuple[str, ...]] = {}
    for one, host in zip(inputs, hosts, strict=True):
        if host.parts or one.name in named_by:
            _one_host(one, given[one.name], run, book, names_of, problems)
    for host_name, names in names_of.items():
        for name in names:
            wanted.setdefault(name, []).append((host_name, ""))
    for name, places in named_by.items():
        if name not in known:
            wanted.setdefault(name, []).extend(places)
    for name, found in resolve(sorted(wanted)).items() if wanted else ():
        _take_name(name, found, wanted[name], book, problems)
    for host_name, names in names_of.items():
        resolved = AddressSet.union(book.of_name.get(name, AddressSet()) for name in names)
        book.of_host[host_name] = book.of_host.get(host_name, AddressSet()) | resolved
    return book


def _entries(settings: HostSettings) -> Iterable[tuple[str, PeerEntry]]:
    for component, peers in settings.peers.items():
        yield from ((f"portbook_peers.{component}", entry) for entry in peers.entries)
    for flow, override in settings.flows.items():
        if override.peers:
            yield from ((f"portbook_flows.{flow}.peers", entry) for entry in override.peers.entries)
    for allow in settings.allow:
        yield from ((f"portbook_allow.{allow.name}.peers", entry) for entry in allow.peers.entries)


_SET_IT = "Set portbook_addresses on the host: the addresses by which other hosts connect to it"


def _one_host(
    one: HostInput,
    given: tuple[str, ...] | None,
    run: RunSettings,
    book: AddressBook,
    names_of: dict[str, tuple[str, ...]],
    problems: Problems,
) -> None:
    if given is not None:
        literals = [parse(text) for text in given if is_address(text)]
        book.of_host[one.name] = AddressSet.union(literals)
        names = tuple(text for text in given if not is_address(text))
        if names:
            names_of[one.name] = names
        return
    if one.variables.get("portbook_addresses") is not None:
        return  # Already reported as wrong.
    if run.addresses_from == "facts":
        if one.facts:
            book.of_host[one.name] = reachable(AddressSet.union(parse(text) for text in one.facts if is_host(text)))
        else:
            problems.error(
                one.name,
                "portbook_addresses_from",
                "is facts, but the host's facts have no address",
                "Gather facts in an earlier play, or keep a fact cache: the playbooks of the collection gather none. "
                + _SET_IT,
            )
        return
    written = one.variables.get("ansible_host", one.name)
    if isinstance(written, Untemplated):
        problems.error(one.name, "ansible_host", f"cannot be rendered: {written.reason}", _SET_IT)
    elif isinstance(written, str) and is_name(written.strip()):
        names_of[one.name] = (written.strip(),)
    else:
        _literal_host(
            one.name,
            "ansible_host" if "ansible_host" in one.variables else "the inventory name",
            str(written),
            book,
            problems,
        )


def _literal_host(host: str, what: str, written: str, book: AddressBook, problems: Problems) -> None:
    try:
        if "/" in written or "-" in written:
            raise BadAddress("is not a single address")
        addresses = reachable(parse(written))
    except BadAddress as error:
        problems.error(host, what, f"is {shown(written)}, which {error}", _SET_IT)
        return
    if not addresses:
        problems.error(host, what, f"is {written}, which other hosts cannot reach", _SET_IT)
    book.of_host[host] = addresses


def _take_name(
    name: str,
    found: tuple[str, ...] | str,
    places: list[tuple[str, str]],
    book: AddressBook,
    problems: Problems,
) -> None:
    if isinstance(found, str):
        wrong, right = f"names {name}, which does not resolve: {found}", "Correct the name or write an address"
        addresses = AddressSet()
    else:
        addresses = reachable(AddressSet.union(parse(text) for text in found))
        wrong, right = (
            f"names {name}, which resolves to {', '.join(found)} only",
            "Write an address that other hosts can reach",
        )
    if addresses:
        book.of_name[name] = addresses
        return
    for host, what in places:
        if what:
            problems.error(host, what, wrong, right)
        else:
            problems.error(host, "its address", wrong, _SET_IT)
