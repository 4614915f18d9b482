#!/usr/bin/python
# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documentation of the action plugin of the same name."""

from __future__ import annotations

DOCUMENTATION = r"""
module: plan
short_description: Plan the firewall rules of all hosts from the port book
description:
  - Computes, once a play, which rules every host of the inventory needs and from whom, and returns this host's part.
  - Touches no host and needs no connection, unless the variable C(portbook_compare) is true. Then it also asks each
    host what applying its part would change, changes nothing, and names hosts that cannot be reached.
  - With the variable C(portbook_plan_file) the plan of all hosts is also written as JSON.
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
- name: Show what would be allowed on each host, from whom and why
  portbook.firewall.plan:

- name: Show the part of one component only
  portbook.firewall.plan:
    components: [stifler_server]
"""

RETURN = r"""
digest:
  description: Changes exactly if the meaning of the plan changes.
  returned: success
  type: str
  sample: 3f2a9c0d7e6b41a8f5c2d90e7b63a1f4c8d2e5b7a9036f1c4e8d2b5a7093e6f1
components:
  description: The components of the host that this task spoke of.
  returned: success
  type: list
  elements: str
  sample: [utmstack_probe]
backend:
  description: What the host's rules are, or would be, applied with.
  returned: success
  type: str
  sample: auto
rules_in:
  description: How many inbound rules were planned.
  returned: success
  type: int
  sample: 14
rules_out:
  description: How many outbound rules were planned.
  returned: success
  type: int
  sample: 1
posture:
  description: What is refused of inbound traffic.
  returned: success
  type: str
  sample: guard
outbound:
  description: What is refused of outbound traffic.
  returned: success
  type: str
  sample: "off"
rules:
  description: The host's rules as in the plan file.
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
  description: Flows of the host that got no rule, and why.
  returned: success, unless RV(truncated)
  type: list
  elements: dict
  sample:
    - component: utmstack_master
      flow: utmstack.ssh
      why: "off: utmstack_master_ssh: true turns it on"
peers:
  description: The sets of peers that RV(rules) name, with their addresses and networks.
  returned: success, unless RV(truncated)
  type: dict
  sample:
    utmstack_agent: [192.0.2.31, 192.0.2.32/31]
notes:
  description: What an administrator should know of flows of this host, where the vendor's document is in doubt say.
  returned: success, unless RV(truncated)
  type: list
  elements: str
  sample: []
truncated:
  description: Whether RV(rules), RV(not_planned), RV(peers) and RV(notes) were left out, being larger than 50 kB.
  returned: success
  type: bool
  sample: false
counts:
  description: How many there are of what was left out. The plan file, see C(portbook_plan_file), has all of it.
  returned: if RV(truncated)
  type: dict
  sample:
    rules: 900
    not_planned: 12
    peers: 40
    notes: 3
role_variables:
  description: Variables of the task that the inventory has otherwise, or not at all. The digest is then the host's own.
  returned: if there are any
  type: dict
  sample: {"portbook_log": "refused"}
plan_file:
  description: The file of the plan, if O(ignore:portbook_plan_file) is set.
  returned: if there is one
  type: str
  sample: build/plan.json
errors:
  description: All errors of the plan. RV(msg) of each host names the host that has them.
  returned: failure, at one host
  type: list
  elements: str
  sample:
    - "siem-1: utmstack_master_syslog_port is 70000: ports go from 1 to 65535"
msg:
  description: What is wrong; the host's own first error, if it has one, and how many there are.
  returned: failure
  type: str
  sample: "siem-1: utmstack_master_syslog_port is 70000: ports go from 1 to 65535"
compared:
  description: How the host stands to its part of the plan.
  returned: if C(portbook_compare) is true
  type: dict
  contains:
    state:
      description:
        - V(same) if applying the plan would change nothing, V(differs) if it would, V(refused) if it would refuse.
        - V(unreachable) or V(not compared) if that is not known.
      returned: always
      type: str
      sample: differs
    text:
      description: What would change, or why that is not known, in a few words.
      returned: always
      type: str
      sample: would create 3, 9 kept
    details:
      description:
        - Differences, unmanaged rules that matter, and listening sockets that no planned rule names, a line each.
      returned: always
      type: list
      elements: str
    create:
      description: Ids of rules that would be new.
      returned: if the host answered
      type: list
      elements: str
    change:
      description: Ids of rules that would change.
      returned: if the host answered
      type: list
      elements: str
    delete:
      description: Ids of rules that would go.
      returned: if the host answered
      type: list
      elements: str
    keep:
      description: How many rules would stay.
      returned: if the host answered
      type: int
    foreign:
      description: What unmanaged rules make of documented flows, where they do not surely let them pass.
      returned: if the host answered
      type: list
      elements: dict
    differences:
      description: What the option C(--diff) of an apply would show, a line each, 100 at most.
      returned: if the host answered
      type: list
      elements: str
"""
