# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is generated from the catalogue: complete, well formed, and no more than that."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Mapping
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from yaml_files import parsed

from ansible_collections.portbook.firewall.plugins.plugin_utils.catalog import load as catalogs
from ansible_collections.portbook.firewall.plugins.plugin_utils.catalog.book import Catalog
from ansible_collections.portbook.firewall.plugins.plugin_utils.inventory import variables
from ansible_collections.portbook.firewall.plugins.plugin_utils.inventory.kinds import read_value
from ansible_collections.portbook.firewall.plugins.plugin_utils.inventory.names import Names
from ansible_collections.portbook.firewall.plugins.plugin_utils.inventory.variables import Variable
from ansible_collections.portbook.firewall.plugins.plugin_utils.plan import overlay
from ansible_collections.portbook.firewall.plugins.plugin_utils.problems import Problems
from ansible_collections.portbook.firewall.scripts import generate
from ansible_collections.portbook.firewall.scripts.generator import pages, text

CHECKOUT = Path(__file__).resolve().parents[3]

PLATFORM = {
    "catalog": 1,
    "tokens": {"rpc": {"protocol": "tcp", "ports": ["49152-65535"], "what": "what 135 says"}},
    "shared_ports": {"tcp": [22], "udp": [53]},
}
ACME: dict[str, Any] = {
    "catalog": 1,
    "product": "acme",
    "title": "Acme",
    "documents": {"guide": {"title": "Guide", "rows": 2, "flows": 1}},
    "evidence": {"E1": "https://example.com/one"},
    "components": {
        "acme_server": {
            "title": "Acme server",
            "what": "Serves: all of it",
            "platforms": ["linux"],
            "platforms_why": "It is a container.",
            "versions": {"known": ["9", "10"], "default": "9"},
            "features": {"extra": {"default": False, "what": "Something more"}},
            "ports": {
                "main": {"default": 7000, "what": "Main port"},
                "second": {"next_to": "main", "what": "Second port"},
            },
        },
        "acme_client": {"title": "Acme client", "what": "Asks"},
        "acme_device": {"title": "Device", "what": "Sends", "party": True},
    },
    "flows": {
        "acme.ask": {
            "from": ["acme_client"],
            "to": ["acme_server"],
            "protocol": "tcp",
            "ports": ["main", "second", "rpc"],
            "purpose": "Asks a | or b",
            "decided_by": "responder",
            "peer": "required",
            "exclusive": False,
            "versions": ["9"],
            "confidence": "high",
            "doubts": [{"verdict": "obsolete", "ports": [7001], "why": "Nobody listens"}],
        },
        "acme.send": {
            "from": ["acme_device"],
            "to": ["acme_server"],
            "protocol": ["tcp", "udp"],
            "ports": [9000],
            "purpose": "Sends",
            "feature": "extra",
            "decided_by": "responder",
            "peer": "if_present",
            "exclusive": True,
            "origin": "evidence",
            "confidence": "low",
            "evidence": ["E1"],
        },
    },
    "rows": {
        "G.10": {
            "document": "guide",
            "table": "ports",
            "printed": {"port": "7000*"},
            "became": "flow",
            "flows": ["acme.ask"],
            "errata": [{"printed": "7000*", "generated": "7000", "why": "No note says why"}],
        },
        "G.9": {
            "document": "guide",
            "table": "steps",
            "printed": {"step": "1"},
            "became": "not_a_flow",
            "why": "a local step",
        },
    },
}


def loaded(folder: Path, product: Mapping[str, Any]) -> Catalog:
    folder.mkdir(exist_ok=True)
    (folder / "platform.yml").write_text(json.dumps(PLATFORM), encoding="utf-8")
    (folder / "acme.yml").write_text(json.dumps(product), encoding="utf-8")
    problems = Problems()
    catalog = catalogs.load((), problems, built_in=folder)
    assert problems.errors == []
    return catalog


@pytest.fixture
def acme(tmp_path: Path) -> dict[str, str]:
    return pages.render(loaded(tmp_path / "catalog", ACME), generate.MARK)


@cache
def built_in() -> Catalog:
    problems = Problems()
    catalog = catalogs.load((), problems)
    assert problems.errors == [], "\n".join(map(str, problems.errors))
    return catalog


@cache
def shipped() -> Mapping[str, str]:
    return pages.render(built_in(), generate.MARK)


def write(root: Path, wanted: Mapping[str, str]) -> generate.Differences:
    differences = generate.compare(wanted, root)
    generate.apply(differences, wanted, root)
    return differences


def cells(line: str) -> list[str]:
    return [one.strip() for one in re.split(r"(?<!\\)\|", line)[1:-1]]


def table(page: str, first_header: str) -> list[dict[str, str]]:
    """The lines of the tables that begin with this header."""
    found, headers = [], []
    for line in page.splitlines():
        if not line.startswith("|"):
            headers = []
        elif not headers:
            headers = cells(line)
        elif headers[0] == first_header and not line.startswith("| --- "):
            found.append(dict(zip(headers, cells(line), strict=True)))
    return found


def options(specs: str) -> dict[str, Any]:
    found: dict[str, Any] = parsed(specs)["argument_specs"]["main"]["options"]
    return found


# -- files ------------------------------------------------------------------------------------------


def test_a_second_run_changes_nothing(tmp_path: Path, acme: dict[str, str]) -> None:
    assert set(write(tmp_path, acme).create) == set(acme)
    assert not generate.compare(acme, tmp_path)


def test_every_generated_file_bears_the_mark(tmp_path: Path, acme: dict[str, str]) -> None:
    write(tmp_path, acme)
    assert all(generate.is_ours(tmp_path / name) for name in acme)


def test_a_hand_edit_is_a_difference(tmp_path: Path, acme: dict[str, str]) -> None:
    write(tmp_path, acme)
    with (tmp_path / "roles/acme_server/README.md").open("a") as file:
        file.write("By hand.\n")
    differences = generate.compare(acme, tmp_path)
    assert differences.lines() == ["change   roles/acme_server/README.md"]


def test_a_role_whose_component_is_missing_is_removed(tmp_path: Path, acme: dict[str, str]) -> None:
    write(tmp_path, acme)
    left = {name: text_ for name, text_ in acme.items() if "acme_client" not in name}
    assert len(write(tmp_path, left).delete) == 5
    assert not (tmp_path / "roles/acme_client").exists()


def test_what_is_written_by_hand_is_never_removed(tmp_path: Path, acme: dict[str, str]) -> None:
    by_hand = tmp_path / "roles/host/tasks/main.yml"
    by_hand.parent.mkdir(parents=True)
    by_hand.write_text("--- []\n")
    write(tmp_path, acme)
    write(tmp_path, {})
    assert by_hand.exists()
    assert sorted(path for path in tmp_path.rglob("*.*") if "catalog" not in path.parts) == [by_hand]


def test_a_file_without_the_mark_is_not_overwritten(tmp_path: Path, acme: dict[str, str]) -> None:
    by_hand = tmp_path / "roles/acme_server/README.md"
    by_hand.parent.mkdir(parents=True)
    by_hand.write_text("Mine.\n")
    differences = write(tmp_path, acme)
    assert differences.foreign == ("roles/acme_server/README.md",)
    assert by_hand.read_text() == "Mine.\n"


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkout in another place, under a name with a space in it."""
    root = tmp_path_factory.mktemp("elsewhere") / "the check out"
    for folder in ("scripts", "plugins/plugin_utils", "plugins/module_utils"):
        shutil.copytree(CHECKOUT / folder, root / folder, ignore=shutil.ignore_patterns("__pycache__"))
    return root


def run(root: Path, *options_: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(root / "scripts/generate.py"), *options_]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_check_lists_what_differs_in_any_checkout(copy: Path) -> None:
    assert run(copy).returncode == 0
    assert run(copy, "--check").returncode == 0
    (copy / "docs/variables.md").unlink()
    checked = run(copy, "--check")
    assert checked.returncode == 1
    assert checked.stdout == "create   docs/variables.md\n"
    assert not (copy / "docs/variables.md").exists()


def test_a_broken_catalogue_is_reported_and_nothing_is_written(copy: Path, tmp_path: Path) -> None:
    root = shutil.copytree(copy, tmp_path / "broken", ignore=shutil.ignore_patterns("roles", "docs"))
    (root / "plugins/plugin_utils/catalog/books/acme.yml").write_text("catalog: 1\nproduct: acme\n")
    told = run(root)
    assert told.returncode == 1
    assert "acme.yml" in told.stderr
    assert not (root / "roles").exists()


# -- what the pages say -----------------------------------------------------------------------------


def about(page: str, flow: str) -> str:
    """What stands below the table of a flow."""
    found = re.search(rf"(?m)^- `{re.escape(flow)}`: (.*(?:\n  .*)*)", page)
    assert found, page
    return " ".join(found[1].split())


def test_ports_have_their_defaults_and_variables(acme: dict[str, str]) -> None:
    page = acme["roles/acme_client/README.md"]
    (line,) = table(page, "flow")
    traffic = "tcp 7000 (`acme_server_port`), 7001 (`acme_server_second_port`), `rpc`"
    assert line["protocol and ports"] == traffic
    assert line["what for"].endswith("Questionable: see below.")
    said = about(page, "acme.ask")
    assert said.startswith("version 9 of `acme_server`; ")
    assert "; rows G.10; " in said
    assert "Questionable, obsolete (7001): " in said


def test_a_flow_that_is_off_names_the_variable_that_turns_it_on(acme: dict[str, str]) -> None:
    page = acme["roles/acme_server/README.md"]
    lines = {one["flow"]: one for one in table(page, "flow")}
    assert lines["`acme.send`"]["default"] == "off (`acme_server_extra`)"
    assert lines["`acme.ask`"]["default"] == "on"
    assert "`guard` restricts it to the peers; " in about(page, "acme.send")
    assert "not in the documents" in about(page, "acme.send")


def test_a_pipe_in_a_text_does_not_split_a_cell(acme: dict[str, str]) -> None:
    (line,) = table(acme["roles/acme_client/README.md"], "flow")
    assert line["what for"].startswith(r"Asks a \| or b.")


def test_only_the_products_page_names_the_evidence(acme: dict[str, str]) -> None:
    assert "; evidence " in about(acme["docs/products/acme.md"], "acme.send")
    assert "evidence" not in about(acme["roles/acme_server/README.md"], "acme.send")


def test_flows_that_are_not_in_the_documents_stand_apart(acme: dict[str, str]) -> None:
    page = acme["docs/products/acme.md"]
    documented, added = page.split("## Flows that are not in the documents")
    assert "| `acme.ask` |" in documented
    assert "| `acme.send` |" in added


def test_rows_are_in_reading_order_with_what_became_of_them(acme: dict[str, str]) -> None:
    rows = table(acme["docs/products/acme.md"], "row")
    assert [(one["row"], one["result"]) for one in rows if "result" in one] == [
        ("G.9", "no flow: a local step"),
        ("G.10", "flow: `acme.ask`"),
    ]


def test_an_erratum_says_what_was_printed_and_what_is_used_instead(acme: dict[str, str]) -> None:
    (erratum,) = [one for one in table(acme["docs/products/acme.md"], "row") if "why" in one]
    assert (erratum["printed"], erratum["used instead"]) == (r"7000\*", "7000")


def test_parties_get_no_role(acme: dict[str, str]) -> None:
    assert not [name for name in acme if name.startswith("roles/acme_device")]


def test_a_component_without_peers_or_versions_has_a_readme(tmp_path: Path) -> None:
    lonely = {"acme_lone": {"title": "Lone", "what": "Is alone"}}
    components = {**ACME["components"], **lonely}
    files = pages.render(loaded(tmp_path, {**ACME, "components": components}), generate.MARK)
    assert "## Peers" not in files["roles/acme_lone/README.md"]


# -- what is shipped --------------------------------------------------------------------------------


def ours() -> list[str]:
    return [name for name, one in built_in().components.items() if not one.party]


@pytest.mark.parametrize("name", ours())
def test_a_role_readme_has_each_flow_of_its_component(name: str) -> None:
    lines = table(shipped()[f"roles/{name}/README.md"], "flow")
    expected = {
        (f"`{flow.id}`", direction)
        for flow in built_in().flows_of(name)
        for direction, ends in (("in", flow.responders), ("out", flow.initiators))
        if name in ends
    }
    assert {(one["flow"], "in" if "from" in one else "out") for one in lines} == expected
    assert len(lines) == len(expected)
    for flow in {flow for flow, _direction in expected}:
        assert about(shipped()[f"roles/{name}/README.md"], flow.strip("`"))


@pytest.mark.parametrize("name", ours())
def test_a_role_plans_its_own_component(name: str) -> None:
    (task,) = parsed(shipped()[f"roles/{name}/tasks/main.yml"])
    assert task["portbook.firewall.apply"] == {"components": [name]}


@pytest.mark.parametrize("product", sorted(built_in().products))
def test_a_product_page_has_each_flow_row_and_evidence(product: str) -> None:
    catalog, page = built_in(), shipped()[f"docs/products/{product}.md"]
    flows = [one["flow"] for one in table(page, "flow") if "from" in one]
    assert sorted(flows) == sorted(f"`{one.id}`" for one in catalog.flows.values() if one.product == product)
    rows = [one["row"] for one in table(page, "row") if "result" in one]
    assert sorted(rows) == sorted(
        one.id for one in catalog.rows.values() if catalog.documents[one.document]["product"] == product
    )
    keys = {f"{product}:{one['key']}" for one in table(page, "key")}
    assert keys == {one for one in catalog.evidence if one.startswith(f"{product}:")}


def test_every_variable_is_listed() -> None:
    names = Names(built_in(), Problems()).known
    listed = [one["variable"] for one in table(shipped()["docs/variables.md"], "variable")]
    of_each = ("posture", "realm")
    patterns = [one for one in listed if one.startswith("`COMPONENT_")]
    assert patterns == [f"`COMPONENT_{one}`" for one in of_each]
    own = [name for name in names if name.startswith("portbook_") or not name.endswith(of_each)]
    parties = tuple(f"portbook_{name}_{one}" for name in built_in().components for one in of_each)
    assert sorted({*listed} - {*patterns}) == sorted(f"`{name}`" for name in own if name not in parties)


@pytest.mark.parametrize("name", [one for one in shipped() if one.endswith(".md")])
def test_tables_are_well_formed(name: str) -> None:
    widths = [len(cells(line)) if line.startswith("|") else 0 for line in shipped()[name].splitlines()]
    for before, here in pairwise(widths):
        assert not before or not here or before == here


@pytest.mark.parametrize("name", [one for one in shipped() if one.endswith(".md")])
def test_no_table_is_wider_than_six_columns(name: str) -> None:
    assert max((len(cells(line)) for line in shipped()[name].splitlines() if line.startswith("|")), default=0) <= 6


@pytest.mark.parametrize("name", [one for one in shipped() if one.endswith("defaults/main.yml")])
def test_no_role_has_a_default_that_only_its_own_host_would_see(name: str) -> None:
    """Uncommented as it stands, each line is a value that the role's argument spec takes."""
    assert parsed(shipped()[name]) is None
    lines = re.findall(r"(?m)^# ([a-z0-9_]+: .*)$", shipped()[name].partition("---")[2])
    known = options(shipped()[name.replace("defaults/main.yml", "meta/argument_specs.yml")])
    for line in lines:
        ((variable, value),) = parsed(line).items()
        assert known[variable]["default"] == value
    assert set(re.findall(r"(?m)^# ([a-z0-9_]+):(?: |$)", shipped()[name].partition("---")[2])) == set(known)


@pytest.mark.parametrize("name", [one for one in shipped() if one.endswith(".md")])
def test_links_lead_somewhere(name: str) -> None:
    for target in re.findall(r"\]\(([^)#:]+)\)", shipped()[name]):
        path = (CHECKOUT / name).parent.joinpath(target).resolve().relative_to(CHECKOUT)
        assert (CHECKOUT / path).exists()


@pytest.mark.parametrize("name", [one for one in shipped() if one.endswith(".md")])
def test_prose_stays_within_its_width(name: str) -> None:
    long = [line for line in shipped()[name].splitlines() if len(line) > text.WIDTH]
    assert not [line for line in long if not line.startswith(("|", "- name: ")) and " " in line]


def test_no_variable_is_explained_in_the_same_words_again_and_again() -> None:
    rows = [line.rsplit(" | ", 1)[1] for line in shipped()["docs/variables.md"].splitlines() if line.startswith("| `")]
    assert len(rows) > 100
    assert max(Counter(rows).values()) <= 3


# -- argument specs ---------------------------------------------------------------------------------

GIVEN = (
    *("9", 9, 7.5, "7.5", 10, True, False, "yes", "off", "guard", "drop", "", None),
    *(7000, "7000", "7000-7010", [7000, "7005-7010"], "main", ["main", "branch"]),
    *("C:\\Vendor\\program.exe", "%SystemRoot%\\vendor.exe", [], {}, "192.0.2.1", ["192.0.2.0/24"]),
    *({"siem": ["192.0.2.9"]}, ["docker0"], [{"name": "web", "ports": 80, "peers": "any"}]),
    *("7000,7005-7010", "192.0.2.1, 192.0.2.2", [{"name": "vrrp", "protocol": "vrrp", "peers": ["local_subnet"]}]),
)


def accepted(variable: Variable, value: object) -> bool:
    _setting, wrongs = read_value(built_in(), variable, value)
    return not wrongs


def spec_of(variable: Variable) -> dict[str, Any]:
    name = variable.component or "host"
    return options(shipped()[f"roles/{name}/meta/argument_specs.yml"])


def in_specs() -> list[Variable]:
    of_roles = [one for name in ours() for one in variables.of_component(built_in().components[name])]
    return [*of_roles, *(one for one in variables.GLOBAL.values() if one.scope == "host")]


def test_argument_specs_let_pass_whatever_the_collection_accepts() -> None:
    """Ansible checks them first, so a narrower type would refuse what is documented."""
    passed = 0
    for variable in in_specs():
        validator = ArgumentSpecValidator({variable.name: spec_of(variable)[variable.name]})
        for value in GIVEN:
            if accepted(variable, value):
                passed += 1
                told = validator.validate({variable.name: value}).error_messages
                assert told == [], (variable.name, value)
    assert passed > len(in_specs())


@pytest.mark.parametrize("name", ours())
def test_argument_specs_have_the_variables_of_the_component(name: str) -> None:
    specs = options(shipped()[f"roles/{name}/meta/argument_specs.yml"])
    of_host = [variables.GLOBAL[one] for one in overlay.OF_THE_HOST]
    expected = [*variables.of_component(built_in().components[name]), *of_host]
    assert list(specs) == [one.name for one in expected]
    for one in expected:
        default = specs[one.name].get("default")
        if one.kind in ("ports", "realm"):
            assert default == (None if one.default is None else [str(one.default)])
        else:
            assert default == one.default


# -- text -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("67* and 69*", r"67\* and 69\*"),
        ("a <b> | c", r"a \<b> \| c"),
        ("a `x*|y` b", r"a `x*\|y` b"),
        ("one ` alone", r"one \` alone"),
        ("two\n  lines", "two lines"),
    ],
)
def test_free_text_is_no_markdown(given: str, expected: str) -> None:
    assert text.cell(given) == expected


def test_a_wrapped_line_never_begins_a_list() -> None:
    wrapped = text.paragraph(f"{'x' * 99} - not a list")
    assert wrapped.splitlines()[1] == r"\- not a list"
