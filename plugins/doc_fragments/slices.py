# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Options of the modules of all Linux backends, which linux/answer reads."""

from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
options:
  state:
    description:
      - V(present) applies rules of components, V(absent) removes them, V(confirm) confirms a change that is held.
    type: str
    choices: [present, absent, confirm]
    default: present
  slices:
    description: Rules of each component on this host, with the sets of peers that they name.
    type: dict
    default: {}
  replace:
    description: Whether the rules of V(all) components of the host are replaced, or only those of V(named) components.
    type: str
    choices: [all, named]
    default: named
  settings:
    description: Settings of the whole host, such as what happens to traffic without a rule.
    type: dict
    default: {}
  yields_to:
    description:
      - Other backends, each with the service that shows that the host uses it. If that service runs, the other backend
        applies the rules, unless this backend already has rules on the host.
    type: dict
    default: {}
  migrate:
    description: Whether a host whose rules another backend applied is moved to this one.
    type: bool
    default: false
  digest:
    description: The digest of the plan.
    type: str
    default: ""
  transport:
    description:
      - The connection plugin that Ansible uses. With SSH, the module detects the controller's address on the host, and
        fails if it cannot.
      - With V(local), changes are not held, because nothing could confirm them, and the ports of sshd keep their peers.
    type: str
    default: ""
  hold:
    description: Seconds that a change which refuses something waits for O(state=confirm). V(0) does not wait.
    type: float
    default: 0
  token:
    description: Name of the change that is held or confirmed.
    type: str
    default: ""
  inventory:
    description:
      - Facts about the inventory of this run. With them, a host refuses a change that removes rules although no one
        asked for it, because the inventory lacks hosts.
      - Without it, no change is refused for this reason.
    type: dict
"""
