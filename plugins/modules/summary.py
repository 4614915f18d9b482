#!/usr/bin/python
# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documentation of the action plugin of the same name."""

from __future__ import annotations

DOCUMENTATION = r"""
module: summary
short_description: Show what a run planned and changed
description:
  - Shows, for all hosts, the results of M(portbook.firewall.plan) and M(portbook.firewall.apply) since its last call.
    These modules print nothing themselves.
  - Hosts are sorted by name. Hosts with the same rules or the same result are shown together.
  - Use it with C(run_once) after the other tasks. To show failed hosts as well, put it into C(always) of a block.
version_added: 0.1.0
extends_documentation_fragment:
  - portbook.firewall.attributes
author:
  - The portbook.firewall maintainers (@portbook)
options:
  show:
    description:
      - V(full) shows every planned rule or the result of every host, V(summary) a table, V(changes) a table of the
        hosts that were changed, refused or not applied, V(none) nothing. V(true) means V(full), V(false) means V(none).
      - The default is the variable C(portbook_show). If that is not set, it is V(full) up to 20 hosts and V(summary)
        for more.
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
  description: The lines of the text.
  returned: if there is something to show
  type: list
  elements: str
  sample:
    - hosts               in  guarded  out  no rule  backend  components
    - web-0 and 198 more   0        0    6            1  auto     utmstack_agent
"""
