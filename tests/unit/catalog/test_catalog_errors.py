# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A wrong catalogue is refused with the file, the line and what would be right."""

from __future__ import annotations

import copy
import json

import pytest
from unit.helpers.book import PARTY, book, feature, flow, host, load_errors, port, product, write

from ansible_collections.portbook.firewall.plugins.plugin_utils.catalog import load as catalogs
from ansible_collections.portbook.firewall.plugins.plugin_utils.problems import Problems

COMPONENTS = {
    "client": {},
    "server": {
        "ports": {"main": port(8080)},
        "features": {"extra": feature(False)},
        "programs": {"main": {"what": "it", "path": "C:\\s.exe"}},
        "versions": {"known": ["1", "2"], "default": "2"},
    },
}
FLOWS = {"acme.talk": flow("client", "server", "main", exclusive=True)}


def good() -> dict:
    return copy.deepcopy(product(COMPONENTS, FLOWS))


def errors(tmp_path, data) -> list[str]:
    return load_errors(write(tmp_path / "catalog", acme=data))


def with_flow(**more) -> dict:
    data = good()
    data["flows"]["acme.talk"].update(more)
    return data


def with_server(**more) -> dict:
    data = good()
    data["components"]["server"].update(more)
    return data


def line_of(tmp_path, text: str) -> int:
    lines = (tmp_path / "catalog" / "acme.yml").read_text().splitlines()
    return next(number for number, line in enumerate(lines, 1) if text in line)


def test_a_good_catalogue_has_no_errors(tmp_path):
    assert errors(tmp_path, good()) == []


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (with_flow(**{"from": ["clent"]}), ["unknown component clent", "Did you mean client?"]),
        (with_flow(to=["nobody"]), ["unknown component nobody", "Valid values: client, server"]),
        (with_flow(ports=["mian"]), ["uses port mian, which server does not define", "main"]),
        (with_flow(feature="extras"), ["feature extras, which server does not define", "extra"]),
        (with_flow(versions=["3"]), ["version 3, which server does not know", "Valid values: 1, 2"]),
        (with_flow(responder={"program": "mein"}), ["program mein, which server does not define", "main"]),
        (with_flow(initiator={"program": "main"}), ["program main, which client does not define", "none"]),
        (with_flow(evidence=["RFC1"]), ["unknown evidence RFC1"]),
        (with_flow(doubts=[{"verdict": "obsolete", "why": "x", "evidence": ["E9"]}]), ["unknown evidence E9"]),
        (with_flow(ports=[445]), ["exclusive on 445, which other servers use too", "Set exclusive: false"]),
        (with_flow(ports=["400-450"]), ["exclusive on 445"]),
        (with_flow(ports=["rpc_dynamic"]), ["exclusive on rpc_dynamic, which is the platform's"]),
        (with_flow(ports=["20000-20064"]), ["exclusive on 20000-20064, more than 64 ports"]),
        (with_flow(protocol="udp", ports=[67]), ["exclusive on 67"]),
        (with_flow(ports=["9-1"]), ["reversed range", "write 1-9"]),
        (with_flow(ports=["1-70000"]), ["out of range", "1 to 65535"]),
        (with_flow(cast="multicast"), ["multicast without a group"]),
        (with_flow(cast="multicast", group=["239.0.0.1/8"]), ["host bits"]),
        (with_flow(**{"from": [], "exclusive": False}), ["no initiators and is not exclusive"]),
        (with_server(ports={"main": port(22)}), ["exclusive on 22", "other servers use too"]),
        (with_server(ports={"main": port("1-100")}), ["more than 64 ports"]),
        (with_server(versions={"known": ["1"], "default": "9"}), ["unknown default version 9"]),
        (with_server(ports={"main": {"what": "x", "next_to": "mian"}}), ["next to the unknown port mian"]),
        (with_server(party=True), ["exclusive at server, which is not a host with rules"]),
    ],
    ids=lambda value: value[0] if isinstance(value, list) else "",
)  # fmt: skip
def test_a_name_or_port_that_cannot_be_is_an_error_at_its_line(tmp_path, data, says):
    found = errors(tmp_path, data)
    assert len([one for one in found if says[0] in one]) == 1, found
    (error,) = [one for one in found if says[0] in one]
    for text in says:
        assert text in error
    place, _colon, rest = error.partition(": ")
    assert place.startswith(str(tmp_path / "catalog" / "acme.yml:"))
    name = rest.split()[0]
    assert int(place.rpartition(":")[2]) == line_of(tmp_path, f'"{name}"')


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda data: data.update(product="Acme Corp"), "product is 'Acme Corp'"),
        (lambda data: data.pop("title"), "lacks 'title'"),
        (lambda data: data.update(catalog=2), "catalog is 2. It must be 1"),
        (lambda data: data.update(flow={}), "unknown key flow"),
        (lambda data: data["flows"]["acme.talk"].pop("decided_by"), "lacks 'decided_by'"),
        (lambda data: data["flows"]["acme.talk"].update(peer="requird"), "requird"),
        (lambda data: data["flows"]["acme.talk"].update(exclusive="no"), "exclusive is 'no'"),
        (lambda data: data["flows"]["acme.talk"].update(ports=[0]), "0"),
        (lambda data: data["flows"]["acme.talk"].update(ports=[70000]), "70000"),
        (lambda data: data["flows"]["acme.talk"].update(protocol="sctp"), "sctp"),
        (lambda data: data["flows"]["acme.talk"].update(confidence="sure"), "Valid values: high, low, medium"),
        (lambda data: data["flows"].update({"Bad Id": FLOWS["acme.talk"]}), "Bad Id"),
        (lambda data: data["components"].update({"Bad-Name": {"title": "x", "what": "x"}}), "Bad-Name"),
        (lambda data: data["components"]["server"].update(colour="red"), "unknown key colour"),
    ],
)  # fmt: skip
def test_what_does_not_fit_the_schema_is_an_error_at_its_line(tmp_path, change, says):
    data = good()
    change(data)
    found = errors(tmp_path, data)
    assert found
    assert any(says in one for one in found), found
    assert all(one.startswith(str(tmp_path / "catalog" / "acme.yml:")) for one in found)


def test_a_line_is_that_of_the_key_that_is_wrong(tmp_path):
    found = errors(tmp_path, with_flow(confidence="sure"))
    assert f"acme.yml:{line_of(tmp_path, 'confidence')}: flows.acme.talk.confidence" in found[0]


@pytest.mark.parametrize(
    ("text", "line"),
    [("catalog: 1\nflows: [1, 2\n", 3), ("catalog: 1\n  product: x\n", 2), ("a: b: c\n", 1), ("x: \x07\n", 1)],
)
def test_a_file_that_is_no_yaml_says_where_it_stops_being_one(tmp_path, text, line):
    (error,) = errors(tmp_path, text)
    assert "is not valid YAML" in error
    assert error.startswith(f"{tmp_path / 'catalog' / 'acme.yml'}:{line}: ")


@pytest.mark.parametrize("text", ["", "just words", "[1, 2]", "null"])
def test_yaml_of_another_shape_is_an_error_too(tmp_path, text):
    (error,) = errors(tmp_path, text)
    assert "acme.yml:1" in error


def test_an_alias_that_contains_itself_is_an_error(tmp_path):
    (error,) = errors(tmp_path, "catalog: 1\nflows: &a\n  b: *a\n")
    assert "contains itself" in error


def test_an_id_that_is_defined_twice_in_a_file_is_an_error(tmp_path):
    text = json.dumps(good(), indent=1)
    repeated = text.replace('"acme.talk": {', '"acme.talk": {},\n  "acme.talk": {')
    found = errors(tmp_path, repeated)
    assert any("flows.acme.talk is defined twice in this file" in one for one in found), found


@pytest.mark.parametrize(("section", "name"), [("flows", "acme.talk"), ("components", "server")])
def test_an_id_that_another_file_has_is_an_error_that_names_both(tmp_path, section, name):
    other = product({}, {}, "other")
    other[section] = {name: good()[section][name]}
    other.setdefault("flows", {})
    if not other["flows"]:
        other["flows"] = {"other.f": flow("client", "server", 1)}
    built_in = write(tmp_path / "catalog", acme=good())
    own = write(tmp_path / "own", other=other)
    found = load_errors(built_in, own)
    (error,) = [one for one in found if "already defined" in one]
    assert "own/other.yml:" in error
    assert f"{name} is already defined in {built_in / 'acme.yml'}:" in error


def test_a_row_that_leads_nowhere_is_an_error(tmp_path):
    row = {"document": "d", "table": "1", "printed": {"port": "1"}, "became": "flow", "flows": ["acme.tlak"]}
    found = errors(tmp_path, {**good(), "rows": {"A1": row}})
    assert any("A1 leads to the unknown flow acme.tlak. Did you mean acme.talk?" in one for one in found)
    assert any("A1 is of the unknown document d" in one for one in found)


def test_all_errors_of_all_files_are_reported_at_once(tmp_path):
    built_in = write(
        tmp_path / "catalog",
        acme=with_flow(ports=["mian"], feature="extras"),
        broken="a: [",
        other={**product({}, {"other.f": flow("client", "nobody", 1)}, "other")},
    )
    found = load_errors(built_in, tmp_path / "nowhere")
    for text in ("port mian", "feature extras", "broken.yml:", "component nobody", "neither a file nor a folder"):
        assert any(text in one for one in found), (text, found)


# -- the user's own files ---------------------------------------------------------------------------------


def test_a_file_and_a_folder_of_the_users_own_are_read(tmp_path):
    built_in = write(tmp_path / "catalog", acme=good())
    folder = write(tmp_path / "own", mine=product({"mine": {}}, {"mine.f": flow("mine", "server", 1)}, "mine"))
    problems = Problems()
    one = catalogs.load([folder / "mine.yml"], problems, built_in=built_in)
    other = catalogs.load([folder], problems, built_in=built_in)
    assert problems.errors == []
    assert list(one.flows) == list(other.flows) == ["acme.talk", "mine.f"]


def test_a_port_of_the_web_may_be_exclusive_in_the_catalogue(tmp_path):
    assert errors(tmp_path, with_flow(ports=[443])) == []


def test_64_ports_may_be_exclusive(tmp_path):
    assert errors(tmp_path, with_flow(ports=["20000-20063"])) == []


@pytest.mark.parametrize("name", ["any", "management", "local_subnet", "nobody"])
def test_a_component_may_not_be_called_like_a_symbolic_peer(tmp_path, name):
    data = good()
    data["components"][name] = {"title": "x", "what": "x", **PARTY}
    data["flows"]["acme.other"] = flow(name, "server", 9000)
    assert any(name in one for one in errors(tmp_path, data))


def test_a_flow_without_an_initiator_is_decided_by_its_responder(tmp_path):
    assert errors(tmp_path, with_flow(**{"from": [], "ports": [9000], "decided_by": "initiator"}))


def test_two_variables_of_one_name_are_an_error():
    one = book(
        {"acme": {"ports": {"hub_x": port(1)}}, "acme_hub": {"ports": {"x": port(2)}}},
        {"acme.f": flow("acme", "acme_hub", "x")},
    )
    found = one.errors(host("h", "acme_hub", "192.0.2.1"))
    assert any("acme_hub_x_port is also a variable of acme" in text for text in found), found


def test_the_files_that_are_shipped_would_be_taken_from_a_user_too() -> None:
    """In a run they are not held to the schema again."""
    problems = Problems()
    assert catalogs.load([], problems, built_in=catalogs.BUILT_IN) == catalogs.load([], problems)
    assert problems.errors == []
