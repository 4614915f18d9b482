# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Options and notes of the two modules that plan."""

from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
options:
  components:
    description:
      - Limit the task to these components. The default is all components of the host.
      - A component that the host does not have in the inventory is planned with a warning, because its peers get no
        rules for it.
    type: list
    elements: str
  show:
    description:
      - How M(portbook.firewall.summary) shows the hosts of this task. V(full), V(summary), V(changes) or V(none).
      - It overrides what that module shows of other tasks. V(true) means V(full), V(false) means V(none). This task
        prints nothing itself.
    type: raw
requirements:
  - netaddr and jsonschema on the controller
notes:
  - The plan is computed once in each play, for all hosts of the inventory, even with C(--limit).
  - Other hosts cannot see variables from a play's vars, from vars_files or from a role. Such a variable is accepted if
    it concerns this host alone, for example C(portbook_posture), or if it is a port, version or feature of a component
    and no rule of another managed host depends on it. Otherwise it is an error.
"""
