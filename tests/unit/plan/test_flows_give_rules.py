# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One flow gives an inbound rule at each responder and an outbound rule at each initiator."""

from __future__ import annotations

from unit.helpers.book import MESH, SIMPLE, book, flow, host, port, windows

CLIENT = host("c1", "client", "192.0.2.11")
OTHER_CLIENT = host("c2", "client", "192.0.2.20")
SERVER = host("s1", "server", "192.0.2.1")


def test_a_flow_gives_inbound_at_the_responder_and_outbound_at_the_initiator():
    plan = SIMPLE.plan(CLIENT, OTHER_CLIENT, SERVER)
    assert plan.brief("s1") == {("in", "tcp", "8080", "192.0.2.11 192.0.2.20")}
    assert plan.brief("c1") == plan.brief("c2") == {("out", "tcp", "8080", "192.0.2.1")}


def test_the_responders_port_stands_on_both_ends():
    plan = SIMPLE.plan(CLIENT, host("s1", "server", "192.0.2.1", server_port=9000))
    assert plan.rule("s1").ports.texts == plan.rule("c1").ports.texts == ("9000",)


def test_every_responder_and_every_initiator_gets_its_rule():
    plan = SIMPLE.plan(CLIENT, OTHER_CLIENT, SERVER, host("s2", "server", "192.0.2.2"))
    for name in ("c1", "c2"):
        assert plan.brief(name) == {("out", "tcp", "8080", "192.0.2.1 192.0.2.2")}
    for name in ("s1", "s2"):
        assert plan.brief(name) == {("in", "tcp", "8080", "192.0.2.11 192.0.2.20")}


def test_responders_with_different_ports_each_get_their_own_outbound_rule():
    plan = SIMPLE.plan(CLIENT, SERVER, host("s2", "server", "192.0.2.2", server_port=9000))
    assert plan.brief("c1") == {
        ("out", "tcp", "8080", "192.0.2.1"),
        ("out", "tcp", "9000", "192.0.2.2"),
    }
    assert plan.rule("s1").ports.texts == ("8080",)
    assert plan.rule("s2").ports.texts == ("9000",)


def test_hosts_that_play_no_part_are_not_in_the_plan():
    plan = SIMPLE.plan(CLIENT, SERVER, host("bystander", "webservers", "192.0.2.99"))
    assert set(plan.hosts) == {"c1", "s1"}


def test_every_host_of_the_plan_has_management_access():
    plan = SIMPLE.plan(CLIENT, SERVER)
    for name in ("c1", "s1"):
        (way_in,) = [rule for rule in plan.hosts[name].rules if rule.peers == "management"]
        assert (way_in.direction, way_in.protocol, way_in.guarded) == ("in", "tcp", False)


def test_a_host_with_several_components_has_the_rules_of_all():
    plan = SIMPLE.plan(host("both", "client server", "192.0.2.5"), CLIENT, SERVER)
    assert plan.brief("both") == {
        ("in", "tcp", "8080", "192.0.2.5 192.0.2.11"),
        ("out", "tcp", "8080", "192.0.2.1 192.0.2.5"),
    }


# -- both ends on one host ----------------------------------------------------------------------


def test_both_ends_on_one_host_need_no_rule():
    plan = SIMPLE.plan(host("both", "client server", "192.0.2.5"))
    assert plan.rules("both") == []
    assert plan.why_not("both", "acme.talk") == [
        "only this host itself is server",
        "only this host itself is client",
    ]


def test_both_ends_on_one_host_with_several_addresses_need_no_rule():
    both = host("both", "client server", portbook_addresses=["192.0.2.5", "2001:db8::5", "10.0.0.5"])
    assert SIMPLE.plan(both).rules("both") == []


def test_a_host_of_both_ends_still_meets_all_others():
    plan = SIMPLE.plan(host("both", "client server", "192.0.2.5"), CLIENT)
    assert plan.brief("both") == {("in", "tcp", "8080", "192.0.2.5 192.0.2.11")}
    assert plan.why_not("both", "acme.talk") == ["only this host itself is server"]
    assert plan.brief("c1") == {("out", "tcp", "8080", "192.0.2.5")}


def test_a_host_of_both_ends_meets_peers_from_outside_the_inventory():
    both = host("both", "client server", "192.0.2.5", portbook_peers={"client": ["198.51.100.0/24"]})
    assert SIMPLE.plan(both).brief("both") == {("in", "tcp", "8080", "192.0.2.5 198.51.100.0/24")}


def test_a_peer_entry_that_is_the_host_itself_is_still_only_the_host_itself():
    both = host("both", "client server", "192.0.2.5", portbook_peers={"client": ["192.0.2.5"]})
    assert SIMPLE.plan(both).rules("both") == []


def test_the_only_peer_of_its_kind_has_nobody_to_talk_to():
    plan = MESH.plan(host("n1", "node", "192.0.2.1"))
    assert plan.rules("n1") == []
    assert plan.why_not("n1", "acme.mesh") == ["only this host itself is node"]


def test_peers_of_one_kind_meet_each_other_in_both_directions():
    plan = MESH.plan(host("n1", "node", "192.0.2.1"), host("n2", "node", "192.0.2.4"))
    for name in ("n1", "n2"):
        assert plan.brief(name) == {
            ("in", "tcp", "7000", "192.0.2.1 192.0.2.4"),
            ("out", "tcp", "7000", "192.0.2.1 192.0.2.4"),
        }


# -- what is not unicast --------------------------------------------------------------------------

CASTS = book(
    {"pxe_client": {}, "boot_server": {"programs": {"main": {"what": "it", "path": "C:\\b.exe"}}}},
    {
        "acme.discover": flow(
            "pxe_client", "boot_server", 67,
            protocol="udp", cast="broadcast", reach="any", source_ports=[68],
        ),
        "acme.announce": flow(
            "pxe_client", "boot_server", 3702,
            protocol="udp", cast="multicast", group=["239.255.255.250", "ff02::c"],
        ),
        "acme.mixed": flow(
            "pxe_client", "boot_server", 4011, protocol="udp", cast=["unicast", "broadcast"]
        ),
        "acme.near": flow("pxe_client", "boot_server", 4012, reach="local_subnet"),
        "acme.web": flow(
            "pxe_client", "boot_server", 443,
            listener="http.sys", responder={"program": "main", "service": "W3SVC"},
        ),
        "acme.api": flow("pxe_client", "boot_server", 8050, responder={"program": "main"}),
    },
)  # fmt: skip
BOOT = (windows("b1", "boot_server", "192.0.2.1"), host("p1", "pxe_client", "198.51.100.7"))


def test_pxe_discover_from_unset_address_is_allowed():
    rule = CASTS.plan(*BOOT).rule("b1", "acme.discover")
    assert (rule.cast, rule.peers, rule.source_ports.texts) == ("broadcast", "any", ("68",))


def test_a_broadcast_that_reaches_any_is_not_narrowed_to_client_networks():
    server = windows("b1", "boot_server", "192.0.2.1", portbook_peers={"pxe_client": ["198.51.100.0/24"]})
    plan = CASTS.plan(server)
    assert plan.rule("b1", "acme.discover").peers == "any"
    assert plan.peers(plan.rule("b1", "acme.api")) == ["198.51.100.0/24"]


def test_a_flow_that_reaches_any_still_needs_somebody_to_be_there():
    plan = CASTS.plan(windows("b1", "boot_server", "192.0.2.1"))
    assert plan.rules("b1", "acme.discover") == []
    assert "no host has the component pxe_client" in plan.why_not("b1", "acme.discover")[0]


def test_a_multicast_carries_its_groups_at_both_ends():
    plan = CASTS.plan(*BOOT)
    for name in ("b1", "p1"):
        rule = plan.rule(name, "acme.announce")
        assert (rule.cast, rule.group) == ("multicast", ("239.255.255.250", "ff02::c"))


def test_a_flow_of_two_casts_gives_a_rule_for_each():
    plan = CASTS.plan(*BOOT)
    rules = plan.rules("b1", "acme.mixed")
    assert {rule.cast for rule in rules} == {"unicast", "broadcast"}
    assert len({rule.id for rule in rules}) == 2
    assert all(rule.group == () for rule in rules)


def test_a_flow_of_the_local_subnet_names_it_and_no_address():
    assert CASTS.plan(*BOOT).rule("b1", "acme.near").peers == "local_subnet"


def test_http_sys_is_bound_to_no_program():
    plan = CASTS.plan(*BOOT)
    web = plan.rule("b1", "acme.web")
    assert (web.listener, web.program, web.service) == ("http.sys", None, None)
    assert plan.rule("b1", "acme.api").program == "C:\\b.exe"


def test_a_program_follows_its_variable_at_its_own_end_only():
    moved = windows("b1", "boot_server", "192.0.2.1", boot_server_main_program="D:\\b.exe")
    plan = CASTS.plan(moved, BOOT[1])
    assert plan.rule("b1", "acme.api").program == "D:\\b.exe"
    assert plan.rule("p1", "acme.api").program is None


def test_source_ports_stand_on_both_ends():
    plan = CASTS.plan(*BOOT)
    assert plan.rule("p1", "acme.discover", "out").source_ports.texts == ("68",)


# -- protocols, addresses, tunnels ------------------------------------------------------------------


def test_a_flow_of_two_protocols_gives_a_rule_for_each():
    both = book({"client": {}, "server": {}}, {"acme.dns": flow("client", "server", 5353, protocol=["tcp", "udp"])})
    plan = both.plan(CLIENT, SERVER)
    rules = plan.rules("s1")
    assert {rule.protocol for rule in rules} == {"tcp", "udp"}
    assert len({rule.id for rule in rules}) == 2


def test_ipv4_and_ipv6_stand_in_one_declaration():
    server = host(
        "s1",
        "server",
        "192.0.2.1",
        portbook_peers={"client": ["2001:db8:1::/64", "198.51.100.0/24", "2001:db8::7"]},
    )
    plan = SIMPLE.plan(server, host("c1", "client", portbook_addresses=["192.0.2.11", "2001:db8::11"]))
    assert plan.peers(plan.rule("s1")) == [
        "192.0.2.11",
        "198.51.100.0/24",
        "2001:db8::7",
        "2001:db8::11",
        "2001:db8:1::/64",
    ]


def test_networks_and_hosts_are_collapsed():
    server = host(
        "s1",
        "server",
        "192.0.2.1",
        portbook_peers={"client": ["10.0.0.0/9", "10.128.0.0/9", "192.0.2.10", "10.1.1.0/24"]},
    )
    plan = SIMPLE.plan(server, host("c1", "client", "192.0.2.11"))
    assert plan.peers(plan.rule("s1")) == ["10.0.0.0/8", "192.0.2.10/31"]


def test_a_host_is_its_peer_under_all_its_addresses():
    client = host("c1", "client", portbook_addresses=["192.0.2.11", "10.9.9.9", "2001:db8::11"])
    plan = SIMPLE.plan(client, SERVER)
    assert plan.peers(plan.rule("s1")) == ["10.9.9.9", "192.0.2.11", "2001:db8::11"]


VPN = {
    "networks": ["10.21.199.0/24"],
    "peers": ["probe"],
    "what": "a network of the product's own",
    "carried_by": "acme.vpn",
}
TUNNELLED = book(
    {"master": {"tunnel": VPN}, "probe": {}, "agent": {}},
    {
        "acme.vpn": flow("probe", "master", 1194, protocol="udp"),
        "acme.up": flow("probe agent", "master", 5044),
    },
)
MASTER, PROBE = host("m", "master", "192.0.2.1"), host("p", "probe", "198.51.100.1")


def test_both_ends_see_the_tunnel_that_the_product_builds():
    plan = TUNNELLED.plan(MASTER, PROBE)
    assert plan.peers(plan.rule("m", "acme.up")) == ["10.21.199.0/24", "198.51.100.1"]
    assert plan.peers(plan.rule("p", "acme.up")) == ["10.21.199.0/24", "192.0.2.1"]


def test_the_flow_that_builds_the_tunnel_runs_outside_of_it():
    plan = TUNNELLED.plan(MASTER, PROBE)
    assert plan.peers(plan.rule("m", "acme.vpn")) == ["198.51.100.1"]
    assert plan.peers(plan.rule("p", "acme.vpn")) == ["192.0.2.1"]


def test_without_a_probe_the_tunnel_opens_nothing():
    plan = TUNNELLED.plan(MASTER, host("a", "agent", "192.0.2.40"), groups="probe")
    assert plan.brief("m") == {("in", "tcp", "5044", "192.0.2.40")}


SHUT = book(
    {"server": {"ports": {"inner": port(9200)}}},
    {"acme.inner": flow("", "server", "inner", exclusive=True)},
)


def test_a_port_that_nobody_should_reach_is_a_guarded_rule_for_nobody():
    plan = SHUT.plan(SERVER)
    rule = plan.rule("s1")
    assert (rule.direction, rule.ports.texts, rule.guarded) == ("in", ("9200",), True)
    assert plan.peers(rule) == []
