# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Variables in every place of an inventory, as strings, templates and secrets."""

from __future__ import annotations

import subprocess

from playbook_runs import BIN, Desk, Run

INI = """
[utmstack_master]
siem ansible_host=192.0.2.10 utmstack_master_ssh=yes portbook_realm="['main', 'lab']"

[utmstack_probe]
probe ansible_host=192.0.2.20 utmstack_probe_syslog_port=1514 utmstack_probe_vulnerability_scanner=false

[utmstack_agent]
web-1 ansible_host=192.0.2.31
web-2 ansible_host=192.0.2.32

[utmstack_agent:vars]
portbook_posture=open
utmstack_agent_version=9
portbook_management=192.0.2.3

[all:vars]
portbook_peers={'utmstack_console': ['198.51.100.0/24'], 'utmstack_device': ['203.0.113.0/24']}
portbook_peers_admins={'utmstack_admin': ['198.51.100.9']}
portbook_cut=no
"""

YAML = """
all:
  vars:
    portbook_peers:
      utmstack_console: [198.51.100.0/24]
      utmstack_admin: [198.51.100.9]
      utmstack_device: [203.0.113.0/24]
    portbook_cut: false
  children:
    utmstack_master:
      hosts:
        siem: {ansible_host: 192.0.2.10, utmstack_master_ssh: true, portbook_realm: [main, lab]}
    utmstack_probe:
      hosts:
        probe:
          ansible_host: 192.0.2.20
          utmstack_probe_syslog_port: 1514
          utmstack_probe_vulnerability_scanner: false
    utmstack_agent:
      vars: {portbook_posture: open, utmstack_agent_version: "9", portbook_management: [192.0.2.3]}
      hosts:
        web-1: {ansible_host: 192.0.2.31}
        web-2: {ansible_host: 192.0.2.32}
"""

NAMES_ALONE = """
utmstack_master: {hosts: {siem: }}
utmstack_probe: {hosts: {probe: }}
utmstack_agent: {hosts: {web-1: , web-2: }}
"""

FILES = {
    "group_vars/all/peers.yml": (
        "portbook_peers: {utmstack_console: [198.51.100.0/24], utmstack_device: [203.0.113.0/24]}\n"
    ),
    "group_vars/all/more.yml": "portbook_peers_admins: {utmstack_admin: [198.51.100.9]}\nportbook_cut: false\n",
    "group_vars/utmstack_agent.yml": (
        "portbook_posture: open\nutmstack_agent_version: 9\nportbook_management_of_ours: [192.0.2.3]\n"
    ),
    "host_vars/siem.yml": "ansible_host: 192.0.2.10\nutmstack_master_ssh: yes\nportbook_realm: [main, lab]\n",
    "host_vars/probe/ports.json": '{"utmstack_probe_syslog_port": 1514, "ansible_host": "192.0.2.20"}',
    "host_vars/probe/features.yml": "utmstack_probe_vulnerability_scanner: 'off'\n",
    "host_vars/web-1.yml": "ansible_host: 192.0.2.31\n",
    "host_vars/web-2.yml": "ansible_host: 192.0.2.32\n",
}

TEMPLATES = """
all:
  vars:
    networks: {consoles: 198.51.100.0/24, admin: "{{ lowest }}.9", devices: 203.0.113.0/24}
    lowest: "{{ networks_of_ours | first }}"
    networks_of_ours: [198.51.100]
    portbook_peers:
      utmstack_console: ["{{ networks.consoles }}"]
      utmstack_admin: "{{ [networks.admin] }}"
      utmstack_device: "{{ [networks['devices']] }}"
    portbook_cut: "{{ 'no' }}"
    ansible_host: "192.0.2.{{ last }}"
    in_lab: "{{ inventory_hostname == 'siem' }}"
    portbook_realm: "{{ ['main', 'lab'] if in_lab else 'main' }}"
  children:
    utmstack_master:
      hosts:
        siem: {last: 10, utmstack_master_ssh: "{{ in_lab }}"}
    utmstack_probe:
      hosts:
        probe:
          last: 20
          utmstack_probe_syslog_port: "{{ groups.all | length * 0 + 1514 }}"
          utmstack_probe_vulnerability_scanner: "{{ groups.utmstack_master | length > 1 }}"
    utmstack_agent:
      vars: {portbook_posture: "{{ 'op' ~ 'en' }}", utmstack_agent_version: "{{ 9 }}", portbook_management: "192.0.2.3"}
      hosts:
        web-1: {last: 31}
        web-2: {last: 32}
"""


def planned(desk: Desk, *options: str) -> Run:
    return desk.run(options=["--limit", "siem", *options]).ok()


def only(desk: Desk, name: str, content: str) -> Desk:
    (desk.folder / "inventory" / "hosts.yml").unlink()
    desk.inventory(content, f"inventory/{name}")
    return desk


def test_every_place_and_spelling_gives_the_same_plan(desk: Desk):
    """The INI file has strings only, the templates give strings or objects as they like."""
    only(desk, "site.yml", YAML)
    of_yaml = planned(desk).plan
    (desk.folder / "inventory" / "site.yml").unlink()

    desk.inventory(INI, "inventory/site")
    assert planned(desk).plan == of_yaml
    (desk.folder / "inventory" / "site").unlink()

    desk.inventory(TEMPLATES, "inventory/site.yml")
    assert planned(desk).plan == of_yaml

    desk.inventory(NAMES_ALONE, "inventory/site.yml")
    for name, content in FILES.items():
        desk.write(f"inventory/{name}", content)
    assert planned(desk).plan == of_yaml


def test_strings_of_an_ini_file_mean_what_they_say(desk: Desk):
    plan = planned(only(desk, "site", INI)).plan
    assert plan["hosts"]["siem"]["realms"] == ["lab", "main"]
    assert plan["hosts"]["siem"]["cut"] is False
    assert plan["hosts"]["web-1"]["posture"] == "open"
    flows = {one["flow"] for host in ("siem", "probe") for one in plan["hosts"][host]["rules"]}
    assert "utmstack.ssh" in flows
    assert "utmstack.scanner-gmp" not in flows


def test_group_vars_next_to_the_playbook_count(desk: Desk):
    desk.write("group_vars/utmstack_probe.yml", "portbook_posture: watch\n")
    desk.write("own.yml", '[{"hosts": "siem", "gather_facts": false, "tasks": [{"portbook.firewall.plan": null}]}]')
    assert desk.run("own.yml").ok().plan["hosts"]["probe"]["posture"] == "watch"


def test_an_empty_group_is_a_decision(desk: Desk):
    desk.inventory({"utmstack_admin": {}}, "inventory/more.yml")
    plan = desk.run(utmstack_master_ssh=True, options=["--limit", "siem"]).ok().plan
    why = [one["why"] for one in plan["hosts"]["siem"]["not_planned"] if one["flow"] == "utmstack.ssh"]
    assert why == ["utmstack_admin is empty"]


def test_the_users_own_catalogue_counts(desk: Desk):
    own = {
        "catalog": 1,
        "product": "acme",
        "title": "Acme",
        "components": {
            "acme_server": {
                "title": "Acme server",
                "what": "Serves",
                "ports": {"web": {"default": 8448, "what": "Web"}},
            },
            "acme_client": {"title": "Acme client", "what": "Asks"},
        },
        "flows": {
            "acme.web": {
                "from": ["acme_client"],
                "to": ["acme_server"],
                "protocol": "tcp",
                "ports": ["web"],
                "purpose": "Clients ask.",
                "decided_by": "responder",
                "peer": "required",
                "exclusive": True,
                "confidence": "high",
            }
        },
    }
    desk.write("own catalogue/acme.yml", own)
    groups = {
        "acme_server": {"hosts": {"siem": {"acme_server_web_port": 8449}}},
        "acme_client": {"hosts": {"web-1": None}},
    }
    desk.inventory(groups, "inventory/more.yml")
    run = desk.run(portbook_catalogs=[str(desk.folder / "own catalogue")]).ok()
    assert [one["ports"] for one in run.rules("siem", "acme.web")] == [["8449"]]
    assert run.peers("web-1", "acme.web") == {"192.0.2.10"}
    assert run.shown["web-1"].startswith("web-1: acme_client, utmstack_agent\n")


def vaulted(desk: Desk, name: str, secret: str) -> str:
    desk.write("password", "open sesame\n")
    return subprocess.run(
        [BIN / "ansible-vault", "encrypt_string", "--vault-password-file", "password", secret, "--name", name],
        cwd=desk.folder,
        env=desk.environ(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    ).stdout


def test_a_vaulted_value_is_read(desk: Desk):
    desk.write("inventory/group_vars/utmstack_probe.yml", vaulted(desk, "utmstack_probe_syslog_port", "1514"))
    run = planned(desk, "--vault-password-file", "password")
    assert ["1514"] in [one["ports"] for one in run.rules("probe", "utmstack.syslog-udp")]
    assert "$ANSIBLE_VAULT" not in run.output + run.plan_file.read_text()


def test_a_secret_that_is_none_of_the_collection_appears_nowhere(desk: Desk):
    secret = vaulted(desk, "password_of_the_database", "xyzzy-plugh")
    more = "portbook_realm: '{{ \"main\" if password_of_the_database else nowhere }}'\n"
    desk.write("inventory/group_vars/utmstack_probe.yml", secret + more)
    run = planned(desk, "--vault-password-file", "password", "-vv")
    assert "xyzzy" not in run.output + run.plan_file.read_text()


def test_a_secret_that_cannot_be_opened_is_an_error_of_its_variable(desk: Desk):
    desk.write("inventory/group_vars/utmstack_probe.yml", vaulted(desk, "utmstack_probe_syslog_port", "1514"))
    (error,) = desk.run(options=["--limit", "siem"]).failed().errors
    assert error.startswith("probe: utmstack_probe_syslog_port cannot be rendered: ")
    assert "vault" in error
