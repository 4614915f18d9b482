# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a host has, as host_facts reads it from the kernel: it says whose everything is, and it writes nothing."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import facts_page
import pytest
from kernel.helpers.commands import nft, run
from kernel.helpers.host import ONE, PEER, Host, rule, slice_of
from kernel.helpers.namespaces import Namespace
from kernel.helpers.wire import HOST, REFUSED, SILENCE, Wire, tcp

from ansible_collections.portbook.firewall.plugins.module_utils.firewalld import facts as host_facts
from ansible_collections.portbook.firewall.plugins.module_utils.firewalld.facts import facts
from ansible_collections.portbook.firewall.plugins.module_utils.linux.choice import Engines
from ansible_collections.portbook.firewall.plugins.module_utils.linux.programs import Done
from ansible_collections.portbook.firewall.plugins.module_utils.nftables import kernel, owners

PORT = 1514


def read(host: Host, most: int = 0) -> dict[str, Any]:
    return facts(host.state, Engines("nftables", {"nftables": lambda: host.engine}), most)


def server(kind: int, address: str, port: int) -> socket.socket:
    made = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, kind)
    made.bind((address, port))
    if kind == socket.SOCK_STREAM:
        made.listen()
    return made


def table(family: str, name: str, **chains: str) -> None:
    inside = "\n".join(f"chain {one} {{ {rules};\n }}" for one, rules in chains.items())
    nft(f"table {family} {name} {{\n{inside}\n}}\n")


# -- ours -------------------------------------------------------------------------------------------


def test_a_host_without_anything_of_the_collection_says_none(host: Host) -> None:
    found = read(host)
    assert (found["backend"], found["ours"]["kernel"], found["ours"]["rules"]) == ("", "none", [])
    assert not host.folder.exists()


def test_what_was_applied_is_there_as_it_was_applied(host: Host) -> None:
    host.apply(ONE, digest="abc")
    found = read(host)
    ours = found["ours"]
    assert (found["backend"], ours["kernel"], ours["digest"], ours["waiting"]) == (
        "nftables",
        "as_applied",
        "abc",
        False,
    )
    assert {(one["component"], one["protocol"], *one["ports"], one["refusal"]) for one in ours["rules"]} == {
        ("one", "tcp", "514", "guard"),
        ("one", "udp", "514", "guard"),
    }
    assert [ours["peers"][one["peers"]] for one in ours["rules"]] == [[PEER], [PEER]]
    assert found["unmanaged"]["count"] == 0


def test_a_rule_added_by_hand_to_our_table_is_noticed(host: Host) -> None:
    host.apply(ONE)
    run("nft", "add", "chain", "inet", "portbook", "by_hand")
    assert read(host)["ours"]["kernel"] == "changed"


def test_a_flushed_table_is_missing(host: Host) -> None:
    host.apply(ONE)
    nft("flush ruleset")
    assert read(host)["ours"]["kernel"] == "missing"


def test_a_table_of_which_the_host_remembers_nothing_is_said_to_be_there(host: Host) -> None:
    host.apply(ONE)
    shutil.rmtree(host.folder)
    assert read(host)["ours"]["kernel"] == "not_remembered"


def test_a_state_that_cannot_be_read_is_named(host: Host) -> None:
    host.apply(ONE)
    (host.folder / "state.json").write_text("{")
    assert "not valid JSON" in read(host)["not_read"]["ours.rules"]


def test_refused_packets_are_counted(wire: Wire, tmp_path: Path) -> None:
    host = Host(tmp_path / "portbook")
    with wire.host.inside():
        host.apply({"one": slice_of(rule(PORT, [PEER]))})
        assert not sum(one["packets"] for one in read(host)["hits"])
    assert tcp(wire.stranger, wire.host, HOST[0], PORT) in (SILENCE, REFUSED)
    with wire.host.inside():
        hits = [one for one in read(host)["hits"] if one["packets"]]
    assert [("drop" in one["rule"], one["bytes"] > 0) for one in hits] == [(True, True)]


# -- rules of others --------------------------------------------------------------------------------


def test_unmanaged_rules_say_where_they_come_from(host: Host, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By table, chain and handle; by the engine whose names they have; or by the file that nft starts with."""
    own, included = tmp_path / "nftables.conf", tmp_path / "more.nft"
    own.write_text(f'flush ruleset\ninclude "{included.name}"\n')
    included.write_text("table inet mine {\n}\n")
    monkeypatch.setattr(owners, "CONFIGURATIONS", (str(own),))
    base = "type filter hook input priority 0; policy"
    table("inet", "mine", input=f'{base} drop; tcp dport {{ 22, 80 }} counter accept comment "a {{ brace }}"')
    chains = {"ufw-before-input": "tcp dport 8080 accept", "INPUT": f"{base} accept; udp dport 53 accept"}
    table("ip", "filter", **chains)
    nft("add rule ip filter INPUT jump ufw-before-input")
    host.apply(ONE, settings={"foreign": "warn"})
    unmanaged = read(host)["unmanaged"]
    by_chain = {(one["table"], one["chain"], one["owner"]): one for one in unmanaged["rules"]}
    assert unmanaged["count"] == len(unmanaged["rules"]) == 4
    first = by_chain["mine", "input", str(included)]
    assert first["rule"].startswith("tcp dport { 22, 80 } counter packets 0")
    assert first["rule"].endswith('comment "a { brace }"')
    assert (first["packets"], first["bytes"]) == (0, 0)
    (listed,) = (one for one in run("nft", "-a", "list", "table", "inet", "mine").splitlines() if "dport" in one)
    assert listed.endswith(f"# handle {first['handle']}")
    assert ("filter", "ufw-before-input", "ufw") in by_chain
    assert {one["owner"] for one in unmanaged["rules"] if one["chain"] == "INPUT"} == {"iptables", "ufw"}
    assert {(one["table"], one["hook"], one["policy"]) for one in unmanaged["chains"]} == {
        ("mine", "input", "drop"),
        ("filter", "input", "accept"),
    }
    assert {(one["family"], one["name"], one["rules"]) for one in unmanaged["tables"]} == {
        ("inet", "mine", 1),
        ("ip", "filter", 3),
    }


def test_ports_that_lead_elsewhere_are_published(host: Host) -> None:
    rules = "tcp dport 8080 counter dnat to 172.17.0.2:80; "
    rules += "ip daddr 192.0.2.1 udp dport { 5000, 5001 } dnat to 172.17.0.3"
    table("ip", "nat", PREROUTING="type nat hook prerouting priority -100", DOCKER=rules)
    assert read(host)["published"] == [
        {"protocol": "tcp", "address": "", "ports": "8080", "to": "172.17.0.2:80", "by": "docker"},
        {"protocol": "udp", "address": "192.0.2.1", "ports": "5000", "to": "172.17.0.3", "by": "docker"},
        {"protocol": "udp", "address": "192.0.2.1", "ports": "5001", "to": "172.17.0.3", "by": "docker"},
    ]


# -- sockets ----------------------------------------------------------------------------------------


def test_sockets_have_their_program_and_those_of_other_namespaces_do_not_count(host: Host) -> None:
    elsewhere = Namespace()
    try:
        with elsewhere.inside():
            hidden = server(socket.SOCK_STREAM, "0.0.0.0", 4444)
        with (
            closing(hidden),
            closing(server(socket.SOCK_STREAM, "0.0.0.0", 4001)) as there,
            closing(server(socket.SOCK_DGRAM, "::1", 4002)),
            closing(socket.create_connection(("127.0.0.1", 4001))),
            closing(there.accept()[0]),
        ):
            found = read(host)["listening"]
    finally:
        elsewhere.close()
    assert [(one["protocol"], one["address"], one["port"], one["loopback"]) for one in found] == [
        ("tcp", "0.0.0.0", 4001, False),
        ("udp", "::1", 4002, True),
    ]
    assert {(one["pid"], one["program"]) for one in found} == {(os.getpid(), os.path.realpath(sys.executable))}


# -- what it costs, and what it leaves alone --------------------------------------------------------


def test_lists_are_cut_and_what_is_left_out_is_counted(host: Host) -> None:
    table("inet", "mine", every="; ".join(f"tcp dport {port} accept" for port in range(1, 31)))
    found = read(host, most=10)
    assert (len(found["unmanaged"]["rules"]), found["left_out"]) == (10, {"unmanaged.rules": 20})
    assert (found["unmanaged"]["count"], found["unmanaged"]["tables"][0]["rules"]) == (30, 30)


def test_without_nft_the_rest_is_read_and_the_result_says_so(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kernel.shutil, "which", lambda *_words, **_more: None)
    with closing(server(socket.SOCK_STREAM, "127.0.0.1", 4003)):
        found = read(host)
    assert [one["port"] for one in found["listening"]] == [4003]
    assert "Install the package nftables" in found["not_read"]["unmanaged"]


@pytest.mark.more
def test_ten_thousand_unmanaged_rules_take_less_than_two_seconds(host: Host) -> None:
    host.apply(ONE)
    peers = (f"198.51.{one // 250}.{one % 250}" for one in range(10_000))
    rules = ";\n".join(f"ip saddr {peer} tcp dport 8080 counter accept" for peer in peers)
    table("ip", "many", input=f"type filter hook input priority 0;\n{rules}")
    took = []
    for _time in range(3):
        start = time.process_time() + sum(os.times()[2:4])
        found = read(host, most=100)
        took.append(time.process_time() + sum(os.times()[2:4]) - start)
    assert (found["unmanaged"]["count"], found["ours"]["kernel"]) == (10_000, "as_applied")
    # Of a processor, its own and that of what it starts: others may be at work beside it.
    assert min(took) < 2


_READS = """
import json, sys
from pathlib import Path
from ansible_collections.portbook.firewall.plugins.module_utils.firewalld.engines import engines
from ansible_collections.portbook.firewall.plugins.module_utils.firewalld.facts import facts
from ansible_collections.portbook.firewall.plugins.module_utils.linux.state import HostState
print(json.dumps(facts(HostState(sys.argv[1], sys.argv[2]), engines("nftables"), 0)))
"""
_WRITES = (
    "rename,renameat,renameat2,unlink,unlinkat,rmdir,mkdir,mkdirat,link,linkat,symlink,symlinkat,truncate,ftruncate"
)
_TOUCHES = f"{_WRITES},chmod,fchmod,fchmodat,chown,fchown,fchownat,lchown,utimensat,mknod,mknodat,setxattr,mount,kill"


def test_it_writes_nothing_as_a_trace_of_its_system_calls_shows(host: Host, tmp_path: Path) -> None:
    """Of it and of every program that it starts; and nft monitor sees no change of the ruleset."""
    if shutil.which("strace") is None:
        pytest.skip("strace missing: apt-get install strace")
    host.apply(ONE)
    before, log = host.traces(), tmp_path / "trace"
    monitor = subprocess.Popen(["nft", "monitor"], stdout=subprocess.PIPE, text=True)
    try:
        done = subprocess.run(
            [
                *("strace", "-f", "-qq", "-o", str(log), "-e", f"trace=open,openat,creat,{_TOUCHES}"),
                *(sys.executable, "-B", "-c", _READS, str(host.folder), str(host.notes)),
            ],
            capture_output=True,
            text=True,
            check=True,
            env={**os.environ, "PYTHONPATH": os.environ["ANSIBLE_COLLECTIONS_PATH"]},
        )
    finally:
        monitor.terminate()
        changes = monitor.communicate()[0]
    assert '"as_applied"' in done.stdout
    calls = [line for line in log.read_text().splitlines() if "= -1 " not in line and "(" in line]
    assert len(calls) > 50
    opened = [line for line in calls if "O_WRONLY" in line or "O_RDWR" in line or "O_CREAT" in line or "creat(" in line]
    assert [line for line in opened if '"/dev/null"' not in line] == []
    assert [line for line in calls if not line.split(maxsplit=1)[1].startswith("open")] == []
    assert changes == ""
    assert host.traces() == before


def test_the_page_has_every_key_and_the_facts_have_all_of_the_page(
    wire: Wire, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also without nft, as a host without any firewall is."""
    host = Host(tmp_path / "portbook")
    with wire.host.inside(), closing(server(socket.SOCK_STREAM, "127.0.0.1", 4005)):
        table("ip", "nat", PREROUTING="type nat hook prerouting priority -100; tcp dport 80 dnat to 192.0.2.9")
        host.apply(ONE)
        monkeypatch.setattr(host_facts.units, "has_systemd", lambda: True)
        shown = "Id=docker.service\nLoadState=loaded\nActiveState=active\nUnitFileState=enabled\n"
        monkeypatch.setattr(host_facts.services.programs, "run", answering(host_facts.services.programs.run, shown))
        full = read(host)
        monkeypatch.setattr(kernel.shutil, "which", lambda *_words, **_more: None)
        poor = read(host)
    assert (facts_page.wrong(full), facts_page.lacking(full)) == ([], [])
    assert facts_page.wrong(poor) == []
    assert full["services"] == [{"name": "docker", "active": "active", "enabled": "enabled"}]


def answering(really: Callable[..., Done], shown: str) -> Callable[..., Done]:
    """In place of systemctl, which would tell of the computer that the tests run on."""
    return lambda command, *words, **more: (
        Done(0, shown, "") if command[0] == "systemctl" else really(command, *words, **more)
    )
