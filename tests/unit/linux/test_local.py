# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What only the host itself knows: the way in, its networks, bridges, resolvers and time servers."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from ansible_collections.portbook.firewall.plugins.module_utils.linux import bridges, programs
from ansible_collections.portbook.firewall.plugins.module_utils.linux import local as host_local

WAY = "192.0.2.250 50022 192.0.2.1 2222"
ASK = (
    "import sys, json; sys.path.insert(0, sys.argv[1]);"
    "from ansible_collections.portbook.firewall.plugins.module_utils.linux import local as host_local;"
    "print(json.dumps(host_local.way_in()))"
)


def way_in(connection: str | None, *through: str) -> object:
    """As a module sees it that was started by these programs."""
    asking = [sys.executable, "-c", ASK, os.environ["ANSIBLE_COLLECTIONS_PATH"]]
    env = {key: value for key, value in os.environ.items() if key != "SSH_CONNECTION"}
    if connection is not None:
        env["SSH_CONNECTION"] = connection
    done = subprocess.run([*through, *asking], env=env, capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


@pytest.fixture
def nobody_came(monkeypatch: pytest.MonkeyPatch) -> None:
    if host_local.way_in() is not None:
        pytest.skip("this test itself came by ssh")


def test_management_access_is_the_clients_address_and_the_hosts_port() -> None:
    assert way_in(WAY) == ["192.0.2.250", 2222]


def test_sudo_hides_it_from_the_module_but_not_from_its_ancestors() -> None:
    # The shell keeps its own environment, and what it starts has none.
    assert way_in(WAY, "sh", "-c", 'env -i "$@"; exit $?', "sh") == ["192.0.2.250", 2222]


def test_it_is_found_through_many_processes() -> None:
    deep = [word for _one in range(6) for word in ("sh", "-c", 'env -u SSH_CONNECTION "$@"; exit $?', "sh")]
    assert way_in(WAY, *deep) == ["192.0.2.250", 2222]


def test_the_nearest_counts() -> None:
    near = ("sh", "-c", 'SSH_CONNECTION="192.0.2.251 1 192.0.2.1 22" "$@"; exit $?', "sh")
    assert way_in(WAY, *near) == ["192.0.2.251", 22]


def test_a_scope_is_no_part_of_the_address() -> None:
    assert way_in("fe80::1%eth0 50022 fe80::2%eth0 22") == ["fe80::1", 22]


@pytest.mark.parametrize("broken", ["", "192.0.2.250", "192.0.2.250 1 192.0.2.1 port", "a b c"])
def test_what_is_broken_is_passed_over(broken: str, nobody_came: None) -> None:
    assert way_in(broken) is None


def test_nobody_came(nobody_came: None) -> None:
    assert way_in(None) is None


# -- interfaces ---------------------------------------------------------------------------------------


def test_bridges_of_container_engines_are_trusted_and_others_are_not(monkeypatch: pytest.MonkeyPatch) -> None:
    theirs = ["br-0123456789ab", "cni-podman0", "docker0", "docker_gwbridge", "incusbr0", "lxdbr0", "podman1", "virbr0"]
    others = ["lo", "eth0", "br0", "br-lan", "br-0123456789abc", "docker", "mydocker0", "veth1234", "virbr0-nic", "wg0"]
    names = list(enumerate([*others, *reversed(theirs)], 1))
    monkeypatch.setattr(socket, "if_nameindex", lambda: names)
    assert host_local.container_bridges() == theirs


def test_rules_for_bridges_that_come_later_cover_every_name_that_an_engine_gives() -> None:
    names = ["br-0123456789ab", "br-f123456789ab", "cni-podman0", "cni0", "docker0", "docker_gwbridge", "incusbr0"]
    assert all(name.startswith(bridges.PREFIXES) for name in [*names, "lxcbr0", "lxdbr0", "podman1", "virbr0"])
    assert not any(name.startswith(bridges.PREFIXES) for name in ["br0", "br-lan", "br-mgmt", "eth0", "bridge0"])


def port(name: str, kind: str | None, master: str | None = None) -> dict[str, object]:
    """As ip tells of it; a network card has no kind."""
    found: dict[str, object] = {"ifname": name} | ({"master": master} if master else {})
    return found | ({"linkinfo": {"info_kind": kind, "info_slave_kind": "bridge"}} if kind else {})


@pytest.mark.parametrize("kind", [None, "vlan", "bond", "vxlan", "team"])
def test_a_bridge_that_leads_out_of_the_host_is_the_administrators(kind: str | None) -> None:
    assert bridges.own([port("docker0", "bridge"), port("eth1", kind, "docker0")]) == ["docker0"]


@pytest.mark.parametrize("kind", ["veth", "tun", "dummy"])
def test_a_bridge_that_leads_to_containers_and_machines_alone_is_not(kind: str) -> None:
    assert bridges.own([port("br0", "bridge"), port("p0", kind, "br0"), port("br1", "bridge")]) == []


def test_a_master_that_is_no_bridge_is_none_of_them() -> None:
    assert bridges.own([port("bond0", "bond"), port("eth0", None, "bond0"), port("eth1", None)]) == []


def link(name: str, *addresses: tuple[str, int, str]) -> dict[str, object]:
    listed = [{"local": local, "prefixlen": length, "scope": scope} for local, length, scope in addresses]
    return {"ifname": name, "addr_info": listed}


def told(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setattr(host_local.programs, "run", lambda _words: programs.Done(0, text, ""))
    monkeypatch.setattr(socket, "if_nameindex", lambda: [(1, "lo"), (2, "eth0"), (3, "docker0")])


def test_networks_are_those_of_its_own_links(monkeypatch: pytest.MonkeyPatch) -> None:
    links = [
        link("lo", ("127.0.0.1", 8, "host")),
        link("eth0", ("192.0.2.77", 26, "global"), ("2001:db8::7", 64, "global"), ("fe80::7", 64, "link")),
        link("eth1", ("198.51.100.9", 32, "global")),
        link("docker0", ("203.0.113.1", 24, "global")),
        {"ifname": "down0"},
    ]
    told(monkeypatch, json.dumps(links))
    assert host_local.subnets() == ["192.0.2.64/26", "198.51.100.9", "2001:db8::/64"]


def test_networks_that_cannot_be_read_are_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """Else the peers of the local subnet were refused in silence."""
    told(monkeypatch, "no json")
    with pytest.raises(OSError, match=r"the networks of this host cannot be read.*Install the package iproute2"):
        host_local.subnets()


def test_ip_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(words: list[str]) -> None:
        raise FileNotFoundError(2, "No such file or directory", words[0])

    monkeypatch.setattr(host_local.programs, "run", missing)
    with pytest.raises(OSError, match="Install the package iproute2"):
        host_local.subnets()


# -- files --------------------------------------------------------------------------------------------


def write(folder: Path, name: str, text: str) -> str:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return str(path)


def test_resolvers_are_those_behind_a_local_stub_too(tmp_path: Path) -> None:
    stub = write(tmp_path, "stub", "# nameserver 192.0.2.9\nsearch example.com\nnameserver 127.0.0.53\n")
    real = write(tmp_path, "real", "nameserver 192.0.2.53\nnameserver fe80::1%eth0\nnameserver\nnameserver what\n")
    assert host_local.resolvers([stub, real, str(tmp_path / "none")]) == ["127.0.0.53", "192.0.2.53", "fe80::1"]


def test_time_servers_are_addresses(tmp_path: Path) -> None:
    chrony = write(tmp_path, "chrony", "server 192.0.2.123 iburst\n# pool pool.example.com\nallow 192.0.2.9\n")
    ntp = write(tmp_path, "ntp", "peer 2001:db8::123 prefer\nrestrict 192.0.2.8\n")
    systemd = write(tmp_path, "timesyncd.conf", "[Time]\nNTP=192.0.2.124 192.0.2.125\nFallbackNTP = 192.0.2.126\n")
    assert host_local.time_servers([chrony, ntp, systemd]) == [
        "192.0.2.123",
        "192.0.2.124",
        "192.0.2.125",
        "192.0.2.126",
        "2001:db8::123",
    ]


@pytest.mark.parametrize(
    "text", ["pool 2.pool.example.com iburst\nserver 192.0.2.1\n", "server time\n", "NTP=192.0.2.1 time.example.com\n"]
)
def test_time_servers_that_have_a_name_may_be_anywhere(tmp_path: Path, text: str) -> None:
    assert host_local.time_servers([write(tmp_path, "client", text)]) == ["any"]


@pytest.mark.parametrize(("name", "found"), [("timesyncd.conf", ["any"]), ("chrony.conf", [])])
def test_a_client_that_lists_no_servers(tmp_path: Path, name: str, found: list[str]) -> None:
    """Only systemd's brings some along."""
    assert host_local.time_servers([write(tmp_path, name, "# NTP=\n"), str(tmp_path / "none")]) == found


def test_folders_of_a_clients_settings_are_read(tmp_path: Path) -> None:
    write(tmp_path, "b.conf", "server 192.0.2.2\n")
    write(tmp_path, "a.conf", "server 192.0.2.1\n")
    assert host_local.time_servers([f"{tmp_path}/*.conf"]) == ["192.0.2.1", "192.0.2.2"]


def test_files_that_are_not_there_name_nobody(tmp_path: Path) -> None:
    assert host_local.resolvers([str(tmp_path / "none")]) == []
    assert host_local.time_servers([str(tmp_path)]) == []
