# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A repository that was there first: its own groups and roles, and the collection's roles put between them."""

from __future__ import annotations

from typing import Any

import pytest
from playbook_runs import Desk, Run

INVENTORY = """
[siem]
siem-1 ansible_host=192.0.2.10

[collectors]
probe-1 ansible_host=192.0.2.20
probe-2 ansible_host=192.0.2.21

[web]
web-[1:6] ansible_connection=ssh

[linux:children]
siem
collectors
web

[windows]
pc-1 ansible_host=192.0.2.60 ansible_connection=winrm
"""

FILES: dict[str, Any] = {
    "group_vars/all/network.yml": "ntp_servers: [192.0.2.1]\nsite_name: graz\n",
    "group_vars/all/portbook.yml": """
portbook_groups: {utmstack_master: [siem], utmstack_probe: [collectors], utmstack_agent: [web, windows]}
portbook_peers: {utmstack_console: 198.51.100.0/24}
portbook_peers_devices: {utmstack_device: [203.0.113.0/24]}
portbook_backend: none
""",
    "group_vars/linux.yml": "ansible_become: true\nansible_user: deploy\n",
    "group_vars/web.yml": "ansible_host: \"192.0.2.3{{ inventory_hostname.split('-') | last }}\"\n",
    "roles/base/tasks/main.yml": """
- name: Say where this is
  ansible.builtin.set_fact: {base_was_here: "{{ site_name }}"}
  tags: [base]
""",
    "roles/base/defaults/main.yml": "site_name: nowhere\n",
    "roles/web/meta/main.yml": "dependencies: [{role: base}]\n",
    "roles/web/tasks/main.yml": """
- name: Note that the web server comes before its firewall
  ansible.builtin.set_fact: {web_was_here: "{{ base_was_here }}"}
  tags: [web]

- name: Bring in the firewall from within a role of one's own
  ansible.builtin.import_role: {name: portbook.firewall.utmstack_agent}
  vars: {portbook_log: refused}
""",
    # The collection's own playbooks see the inventory's group_vars alone, not those beside this one.
    "plan.yml": "- {hosts: all, gather_facts: false, tasks: [{portbook.firewall.plan: {show: false}}]}\n",
    "site.yml": """
- name: Everything has the base role
  hosts: linux
  gather_facts: false
  roles: [base]

- name: Collectors, one at a time
  hosts: collectors
  gather_facts: false
  serial: 1
  tasks:
    - name: Firewall of the collector
      ansible.builtin.import_role: {name: portbook.firewall.utmstack_probe}
      vars:
        utmstack_probe_syslog_port: 5514
        portbook_posture: "{{ 'watch' if inventory_hostname == 'probe-2' else 'guard' }}"

    - name: Remember the plan
      portbook.firewall.plan: {show: false}
      vars: {utmstack_probe_syslog_port: 5514}
      register: collector
      tags: [portbook]

    - name: Hold it to what was asked for
      ansible.builtin.assert:
        that:
          - collector.components == ['utmstack_probe']
          - collector.role_variables.utmstack_probe_syslog_port == 5514
      tags: [portbook]

- name: The SIEM, by a loop over what it is
  hosts: siem
  gather_facts: false
  tasks:
    - name: Firewall of each component
      ansible.builtin.include_role:
        name: "portbook.firewall.{{ component }}"
        apply: {tags: [portbook]}
      loop: [utmstack_master]
      loop_control: {loop_var: component}
      vars: {portbook_refuse: reject}
      tags: [portbook]

- name: Web servers, each at its own speed
  hosts: web
  strategy: free
  gather_facts: false
  roles: [web]

- name: Windows hosts beside them
  hosts: windows
  gather_facts: false
  module_defaults:
    group/portbook.firewall.portbook: {show: false}
  roles:
    - role: portbook.firewall.host
""",
}

EVERYONE = {"siem-1", "probe-1", "probe-2", "pc-1", *(f"web-{number}" for number in range(1, 7))}


@pytest.fixture
def repository(desk: Desk) -> Desk:
    (desk.folder / "inventory" / "hosts.yml").unlink()
    desk.write("inventory/hosts", INVENTORY)
    for name, content in FILES.items():
        # Group variables lie beside the playbook, as they do in many repositories.
        desk.write(name, content)
    return desk


def run(repository: Desk, *options: str, **extra: Any) -> Run:
    return repository.run("site.yml", options=options, keep=False, **extra)


def test_the_whole_playbook_runs_and_contacts_nobody(repository: Desk):
    done = run(repository).ok()
    assert set(done.recap) == EVERYONE
    assert {one["failed"] for one in done.recap.values()} == {0}
    assert done.contacts == ()


@pytest.mark.parametrize("hosts", ["web-3", "probe-2", "siem-1", "pc-1"])
def test_one_host_at_a_time(repository: Desk, hosts: str):
    assert set(run(repository, "--limit", hosts).ok().recap) == {hosts}


def test_only_the_firewall_by_its_tag(repository: Desk):
    done = run(repository, "--tags", "portbook").ok()
    assert set(done.recap) == EVERYONE
    assert "Say where this is" not in done.output
    assert "Hold it to what was asked for" in done.output


def test_everything_but_the_firewall(repository: Desk):
    done = run(repository, "--skip-tags", "portbook").ok()
    assert "Say where this is" in done.output
    assert " : Apply the firewall rules" not in done.output


def test_the_tasks_are_listed_under_true_names_and_tags(repository: Desk):
    listed = run(repository, "--list-tasks").ok().stdout
    assert "portbook.firewall.utmstack_agent : Apply the firewall rules for UTMStack agent\tTAGS: [portbook, " in listed


def test_the_plan_is_that_of_the_whole_inventory_with_a_limit_too(repository: Desk):
    plan = repository.run("plan.yml", options=["--limit", "web-3"]).ok().plan
    assert set(plan["hosts"]) == EVERYONE
    limited = run(repository, "--limit", "siem-1", portbook_plan_file=str(repository.plan_file)).failed()
    assert "portbook_refuse is reject here and drop in the inventory" in limited.message("siem-1")


def test_a_variable_that_others_follow_is_refused_for_all_hosts_of_the_play(repository: Desk):
    text = FILES["site.yml"].replace("utmstack_probe_syslog_port: 5514", "utmstack_probe_scanner_gmp_port: 9391", 1)
    repository.write("site.yml", text)
    done = run(repository, "--tags", "portbook").failed()
    message = done.message("probe-1")
    assert "rules of siem-1 follow it (utmstack.scanner-gmp)" in message
    assert "host_vars/probe-1.yml, group_vars/collectors.yml" in message


def test_a_second_role_that_takes_back_what_the_first_set_is_refused_with_free_too(repository: Desk):
    more = "\n- name: Once more\n  portbook.firewall.apply:\n"
    repository.write("roles/web/tasks/main.yml", FILES["roles/web/tasks/main.yml"] + more)
    done = run(repository, "--limit", "web").failed()
    for number in range(1, 7):
        message = done.message(f"web-{number}")
        assert 'the task "web : Once more" gives the host other settings' in message
        assert "portbook_log is off here and was refused there" in message
