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
  - With C(portbook_backend) set to V(auto), a Windows host gets rules of Windows Firewall, and a Linux host that does
    not run firewalld a table of nftables. firewalld cannot be applied in this version. Its rules are planned and shown,
    and a warning says so; C(portbook_unsupported) set to V(fail) makes it an error. A host is never given another
    backend instead.
  - On Linux a change that refuses something is held by the host until it is confirmed over a new connection; without
    that, the host puts back what it had within 30 seconds.
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
    support: full
  platform:
    support: full
    platforms: all
seealso:
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
  sample: 3f2a9c0d7e
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
not_planned:
  description: How many flows of the host were not planned; the output says why.
  returned: success
  type: int
  sample: 3
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
  description: All errors of the run, at the host whose task computed the plan.
  returned: failure
  type: list
  elements: str
  sample: []
create:
  description: Rules that are new on the host.
  returned: if the host was brought to its part
  type: list
  elements: str
  sample: [portbook/utmstack.agent-beats/in/1]
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
