# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the modules of all backends of Linux take, which is linux/answer's to read."""

from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
options:
  state:
    description:
      - V(present) applies slices, V(absent) takes slices away, V(confirm) lets a held change stand.
    type: str
    choices: [present, absent, confirm]
    default: present
  slices:
    description: What each component asks of this host, with the sets that its rules name.
    type: dict
    default: {}
  replace:
    description: Whether V(all) slices of the host are replaced, or those V(named) only.
    type: str
    choices: [all, named]
    default: named
  settings:
    description: What belongs to the host as a whole, such as what becomes of traffic that no rule names.
    type: dict
    default: {}
  yields_to:
    description:
      - Other backends, each with the service that means that the host has it. A host on which one runs gets its rules
        by that one, unless it holds rules of this one already.
    type: dict
    default: {}
  migrate:
    description: Whether a host whose rules are held by another backend is taken to the one that is asked for.
    type: bool
    default: false
  digest:
    description: The digest of the plan that the slices are of.
    type: str
    default: ""
  transport:
    description:
      - The connection that Ansible uses. With one by ssh there must be a way in, which is looked for on the host.
      - With V(local) nothing is held, since nothing could confirm it, and the ports of sshd keep their peers.
    type: str
    default: ""
  hold:
    description: Seconds that a change which refuses something waits for V(state=confirm). 0 does not wait.
    type: float
    default: 0
  token:
    description: Names the change that is held, or to be confirmed.
    type: str
    default: ""
  inventory:
    description:
      - What the inventory of this run says, so that a host which would lose what nobody decided can refuse.
      - Without it, nothing is refused.
    type: dict
"""
