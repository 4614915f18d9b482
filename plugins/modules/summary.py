#!/usr/bin/python
# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documentation of the action plugin of the same name."""

from __future__ import annotations

DOCUMENTATION = r"""
module: summary
short_description: Show once what the tasks of a run planned and did
description:
  - Says for all hosts what M(portbook.firewall.plan) and M(portbook.firewall.apply) have done since it was last asked,
    in its own result. These tasks print nothing themselves.
  - Hosts are sorted by name. Hosts with the same rules, or the same result, stand once.
  - Use it with C(run_once), after the tasks that it speaks of; to show hosts that failed, too, in C(always) of a block.
version_added: 0.1.0
extends_documentation_fragment:
  - portbook.firewall.attributes
author:
  - The portbook.firewall maintainers (@portbook)
options:
  show:
    description:
      - V(full) shows every rule that was planned, or what became of every host; V(summary) a table; V(changes) a table
        of the hosts that were changed, refused or not applied; V(none) nothing. V(true) means V(full), V(false) means
        V(none).
      - Without it, the variable C(portbook_show) decides, and without that the number of hosts, V(full) up to 20 hosts
        and V(summary) for more.
    type: raw
attributes:
  check_mode:
    support: full
  diff_mode:
    support: none
  platform:
    support: full
    platforms: all
seealso:
  - module: portbook.firewall.plan
  - module: portbook.firewall.apply
"""

EXAMPLES = r"""
- name: Show the plan of all hosts
  portbook.firewall.summary:
  run_once: true

- name: Show only what changed or failed
  portbook.firewall.summary:
    show: changes
  run_once: true
"""

RETURN = r"""
msg:
  description: The text, a line each.
  returned: if there is something to show
  type: list
  elements: str
  sample:
    - hosts               in  guarded  out  no rule  backend  components
    - web-0 and 198 more   0        0    6            1  auto     utmstack_agent
"""
