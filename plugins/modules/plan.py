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
  - Computes, once a play, which rules every host of the inventory needs and from whom, and prints this host's part.
  - Touches no host and needs no connection.
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
  - module: portbook.firewall.apply
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
"""
