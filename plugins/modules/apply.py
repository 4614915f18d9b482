#!/usr/bin/python
# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documentation of the action plugin of the same name."""

from __future__ import annotations

DOCUMENTATION = r"""
module: apply
short_description: Bring a host to its part of the plan
description:
  - Plans like M(portbook.firewall.plan) and applies the host's part with the host's own firewall.
  - With C(portbook_backend) set to V(auto), a Windows host gets rules of Windows Firewall, a Linux host that runs
    firewalld gets openings of firewalld and a table of nftables that refuses, and any other Linux host the table alone.
    The host remembers which one it was; C(portbook_migrate) takes it to another one.
  - On Linux a change that refuses something is held by the host until it is confirmed over a new connection; without
    that, the host puts back what it had within C(portbook_confirm_timeout) seconds.
  - A Windows host is asked once and written once. A write that fails in the middle is taken back.
  - A host to which the inventory gives no component any more is emptied of what it still holds.
  - With the variable C(portbook_plan_file) it refuses to go on if the file is another plan than the inventory gives, or
    was changed by hand.
version_added: 0.1.0
extends_documentation_fragment:
  - portbook.firewall.attributes
  - portbook.firewall.planning
author:
  - The portbook.firewall maintainers (@portbook)
options:
  state:
    description:
      - V(present) applies the host's part of the plan. V(absent) takes away the slices of the named components, or all
        that the collection put on the host; it needs no plan.
    type: str
    choices: [present, absent]
    default: present
attributes:
  check_mode:
    support: full
  diff_mode:
    description:
      - Shows settings, rules and single peers that change. What is newly refused stands first, then what is newly
        allowed, then the rest.
      - From C(-vv) on, the host's own rules that change follow, in the words of its firewall.
    support: full
  platform:
    support: full
    platforms: all
seealso:
  - module: portbook.firewall.summary
  - module: portbook.firewall.plan
"""

EXAMPLES = r"""
- name: Apply all that the inventory says of the host
  portbook.firewall.apply:

- name: Apply the part of one component
  portbook.firewall.apply:
    components: [utmstack_probe]
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
  description: What was done, would be done or why nothing was.
  returned: always
  type: str
  sample: "changed: 2 created, 14 kept"
create:
  description: Rules that are new on the host.
  returned: if the host was brought to its part
  type: list
  elements: str
  sample: [utmstack_master/utmstack.agent-beats/in/utmstack_agent]
change:
  description: Rules that became others.
  returned: if the host was brought to its part
  type: list
  elements: str
  sample: []
delete:
  description: Rules that went.
  returned: if the host was brought to its part
  type: list
  elements: str
  sample: []
keep:
  description: How many rules stayed as they were.
  returned: if the host was brought to its part
  type: int
  sample: 12
foreign:
  description: What rules of others make of flows, where that is worth a look.
  returned: if the host was brought to its part
  type: list
  elements: dict
  sample: []
disabled:
  description: Rules of others that were disabled, which C(portbook_windows_foreign) asks for.
  returned: on Windows
  type: list
  elements: str
  sample: []
enabled:
  description: Rules of others that had been disabled by us and are enabled again.
  returned: on Windows
  type: list
  elements: str
  sample: []
settings:
  description: Settings of profiles that were changed.
  returned: on Windows
  type: list
  elements: str
  sample: []
diff:
  description:
    - What changes on the host, or would change, in sections. Sections in which nothing changes are left out.
    - They are C(newly refused), C(newly allowed) and C(other changes), in this order. C(ruleset), C(operations) and
      one that is named after what was changed by hand follow where there is something to show.
  returned: if the host was brought to its part, in diff mode
  type: list
  elements: dict
  contains:
    before_header:
      description: The title of the section.
      type: str
    after_header:
      description: The same title.
      type: str
    before:
      description: Lines that go, one setting, rule or set of peers a line.
      type: str
    after:
      description: Lines that come.
      type: str
  sample:
    - before_header: newly refused
      after_header: newly refused
      before: |
        peers utmstack_agent: 203.0.113.151
      after: ""
    - before_header: newly allowed
      after_header: newly allowed
      before: ""
      after: |
        peers utmstack_agent: 203.0.113.9
seconds:
  description: How long the host was worked on.
  returned: if the host was brought to its part
  type: float
  sample: 0.11
applied:
  description: Whether the rules were applied to the host.
  returned: success
  type: bool
  sample: false
"""
