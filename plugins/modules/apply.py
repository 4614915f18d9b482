#!/usr/bin/python
# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documentation of the action plugin of the same name."""

from __future__ import annotations

DOCUMENTATION = r"""
module: apply
short_description: Apply the planned firewall rules to a host
description:
  - Computes the plan like M(portbook.firewall.plan) and applies the rules of this host with the host's own firewall.
  - With C(portbook_backend) set to V(auto), the module uses Windows Firewall on Windows, firewalld and an nftables
    table on a Linux host that runs firewalld, and the nftables table alone on any other Linux host. The host remembers
    the backend; C(portbook_migrate) moves it to another one.
  - On Linux, a change that refuses something must be confirmed over a new connection. Without the confirmation, the
    host restores the previous rules within C(portbook_confirm_timeout) seconds.
  - On Windows, the firewall is read once and written once. A write that fails is rolled back.
  - If a host has no component in the inventory any more, its rules are removed.
  - With the variable C(portbook_plan_file), the module fails if the file was changed by hand or does not match the plan
    of the current inventory.
version_added: 0.1.0
extends_documentation_fragment:
  - portbook.firewall.attributes
  - portbook.firewall.planning
author:
  - The portbook.firewall maintainers (@portbook)
options:
  state:
    description:
      - V(present) applies the planned rules.
      - V(absent) removes the rules of the named components, or everything that the collection put on the host. It needs
        no plan.
    type: str
    choices: [present, absent]
    default: present
attributes:
  check_mode:
    support: full
  diff_mode:
    description:
      - Shows settings, rules and single peers that change. Newly refused traffic is shown first, then newly allowed
        traffic, then other changes.
      - With C(-vv) and more, it also shows the changed rules in the syntax of the host's firewall.
    support: full
  platform:
    support: full
    platforms: all
seealso:
  - module: portbook.firewall.summary
  - module: portbook.firewall.plan
"""

EXAMPLES = r"""
- name: Apply the rules of all components of the host
  portbook.firewall.apply:

- name: Apply the rules of one component
  portbook.firewall.apply:
    components: [utmstack_probe]
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
  description: What was changed or would be changed, or why nothing was.
  returned: always
  type: str
  sample: "changed: 2 created, 14 kept"
create:
  description: Rules that were created.
  returned: if the rules were applied
  type: list
  elements: str
  sample: [utmstack_master/utmstack.agent-beats/in/utmstack_agent]
change:
  description: Rules that were changed.
  returned: if the rules were applied
  type: list
  elements: str
  sample: []
delete:
  description: Rules that were removed.
  returned: if the rules were applied
  type: list
  elements: str
  sample: []
keep:
  description: Number of rules that did not change.
  returned: if the rules were applied
  type: int
  sample: 12
foreign:
  description: Planned flows that unmanaged rules refuse or may refuse.
  returned: if the rules were applied
  type: list
  elements: dict
  sample: []
disabled:
  description: Unmanaged rules that were disabled because of C(portbook_windows_foreign).
  returned: on Windows
  type: list
  elements: str
  sample: []
enabled:
  description: Unmanaged rules that the collection had disabled and that were enabled again.
  returned: on Windows
  type: list
  elements: str
  sample: []
settings:
  description: Settings of network profiles that were changed.
  returned: on Windows
  type: list
  elements: str
  sample: []
diff:
  description:
    - What changes on the host, or would change, in sections. Sections without a change are left out.
    - The sections are C(newly refused), C(newly allowed) and C(other changes), in this order. C(ruleset), C(operations)
      and a section named after what was changed by hand follow if there is something to show.
  returned: if the rules were applied, in diff mode
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
      description: Removed lines, one for each setting, rule or set of peers.
      type: str
    after:
      description: Added lines.
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
  description: Duration of the work on the host, in seconds.
  returned: if the rules were applied
  type: float
  sample: 0.11
applied:
  description: Whether the rules were applied to the host.
  returned: success
  type: bool
  sample: false
"""
