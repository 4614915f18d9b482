# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the two actions that plan have in common."""

from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
options:
  components:
    description:
      - Show and count only the part of these components.
      - Without it, all that the inventory says of the host.
      - A component that the inventory does not give this host is planned as if it did, with a warning, since other
        hosts do not know of it then.
    type: list
    elements: str
  show:
    description:
      - How M(portbook.firewall.summary) shows this task's hosts, V(full), V(summary), V(changes) or V(none), whatever
        it shows of the others. V(true) means V(full), V(false) means V(none). This task prints nothing itself.
    type: raw
requirements:
  - netaddr and jsonschema on the controller
notes:
  - The plan is computed once a play, for all hosts of the inventory, whatever C(--limit) says.
  - Of variables that other hosts cannot see (a play's vars, vars_files, a role's) those are taken that concern this
    host alone, C(portbook_posture) say, and ports, versions and features of components that the rules of no other
    managed host follow. Others are refused.
"""
