#!/usr/bin/python
# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documentation of the action plugin of the same name."""

from __future__ import annotations

DOCUMENTATION = r"""
module: plan
short_description: Plan the firewall rules of all hosts
description:
  - Computes, once in each play, the firewall rules of all hosts in the inventory, and returns those of this host.
  - It does not connect to any host, unless the variable C(portbook_compare) is true. Then it also reads each host and
    reports what applying the plan would change. It changes nothing, and it names hosts that cannot be reached.
  - With the variable C(portbook_plan_file), it also writes the plan of all hosts to a file.
version_added: 0.1.0
extends_documentation_fragment:
  - portbook.firewall.attributes
  - portbook.firewall.planning
author:
  - The portbook.firewall maintainers (@portbook)
attributes:
  check_mode:
    support: full
  diff_mode:
    support: none
  platform:
    support: full
    platforms: all
seealso:
  - module: portbook.firewall.summary
  - module: portbook.firewall.apply
  - module: portbook.firewall.host_facts
"""

EXAMPLES = r"""
- name: Plan the firewall rules of all components
  portbook.firewall.plan:

- name: Plan the rules of one component
  portbook.firewall.plan:
    components: [stifler_server]
"""

RETURN = r"""
digest:
  description: Digest of the plan. It changes only if what the plan does changes, not with texts.
  returned: success
  type: str
  sample: 3f2a9c0d7e6b41a8f5c2d90e7b63a1f4c8d2e5b7a9036f1c4e8d2b5a7093e6f1
components:
  description: Components of the host that this task handled.
  returned: success
  type: list
  elements: str
  sample: [utmstack_probe]
backend:
  description: Firewall backend of the host, V(auto) if it is chosen on the host.
  returned: success
  type: str
  sample: auto
rules_in:
  description: Number of planned inbound rules.
  returned: success
  type: int
  sample: 14
rules_out:
  description: Number of planned outbound rules.
  returned: success
  type: int
  sample: 1
posture:
  description: Policy for inbound traffic, see C(portbook_posture).
  returned: success
  type: str
  sample: guard
outbound:
  description: Policy for outbound traffic, see C(portbook_outbound).
  returned: success
  type: str
  sample: "off"
rules:
  description: Rules of the host, as in the plan file.
  returned: success, unless RV(truncated)
  type: list
  elements: dict
  sample:
    - id: utmstack_master/utmstack.agent-beats/in/utmstack_agent
      component: utmstack_master
      flow: utmstack.agent-beats
      direction: in
      protocol: tcp
      ports: ["5044"]
      source_ports: []
      peers: utmstack_agent
      peer_components: [utmstack_agent]
      cast: unicast
      group: null
      guarded: true
      program: null
      service: null
      listener: docker_compose
      container_ports: []
      log: false
      confidence: high
      rows: [U4.1]
      why: Agents send logs (Beats).
not_planned:
  description: Flows of the host for which no rule is created, and why.
  returned: success, unless RV(truncated)
  type: list
  elements: dict
  sample:
    - component: utmstack_master
      flow: utmstack.ssh
      why: "off: utmstack_master_ssh: true turns it on"
peers:
  description: Addresses and networks of the sets of peers that RV(rules) name.
  returned: success, unless RV(truncated)
  type: dict
  sample:
    utmstack_agent: [192.0.2.31, 192.0.2.32/31]
notes:
  description: Remarks on flows of this host, for example that the vendor's document is questionable.
  returned: success, unless RV(truncated)
  type: list
  elements: str
  sample: []
truncated:
  description: Whether RV(rules), RV(not_planned), RV(peers) and RV(notes) were left out because they exceed 50 kB.
  returned: success
  type: bool
  sample: false
counts:
  description: Number of entries of what was left out. The plan file contains all of them, see C(portbook_plan_file).
  returned: if RV(truncated)
  type: dict
  sample:
    rules: 900
    not_planned: 12
    peers: 40
    notes: 3
role_variables:
  description: Variables of the task that differ from the inventory. RV(digest) is then the digest of this host alone.
  returned: if there are any
  type: dict
  sample: {"portbook_log": "refused"}
plan_file:
  description: Path of the plan file, if O(ignore:portbook_plan_file) is set.
  returned: if there is one
  type: str
  sample: build/plan.json
errors:
  description: All errors of the plan. RV(msg) of every other host names the host whose result has them.
  returned: failure, at one host
  type: list
  elements: str
  sample:
    - "siem-1: utmstack_master_syslog_port is 70000: ports go from 1 to 65535"
msg:
  description: The first error of this host, if it has one, and the number of errors.
  returned: failure
  type: str
  sample: "siem-1: utmstack_master_syslog_port is 70000: ports go from 1 to 65535"
compared:
  description: How the host differs from the plan.
  returned: if C(portbook_compare) is true
  type: dict
  contains:
    state:
      description:
        - V(same) if applying the plan would change nothing, V(differs) if it would change something, V(refused) if it
          would fail.
        - V(unreachable) or V(not compared) if this is not known.
      returned: always
      type: str
      sample: differs
    text:
      description: A summary of what would change, or why this is not known.
      returned: always
      type: str
      sample: would create 3, 9 kept
    details:
      description:
        - One line for each difference, each unmanaged rule that refuses a flow, and each listening socket without a
          planned rule.
      returned: always
      type: list
      elements: str
    create:
      description: Ids of rules that would be created.
      returned: if the host answered
      type: list
      elements: str
    change:
      description: Ids of rules that would change.
      returned: if the host answered
      type: list
      elements: str
    delete:
      description: Ids of rules that would be removed.
      returned: if the host answered
      type: list
      elements: str
    keep:
      description: Number of rules that would not change.
      returned: if the host answered
      type: int
    foreign:
      description: Documented flows that unmanaged rules refuse or may refuse.
      returned: if the host answered
      type: list
      elements: dict
    differences:
      description: The lines that M(portbook.firewall.apply) would show with C(--diff), 100 at most.
      returned: if the host answered
      type: list
      elements: str
"""
