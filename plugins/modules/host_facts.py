#!/usr/bin/python
# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read what a host has of firewalls, ours and those of others, and what listens there."""

from __future__ import annotations

DOCUMENTATION = r"""
module: host_facts
short_description: Read the firewall, the listening sockets and the published ports of a host
description:
  - Reads what this collection applied and whether the kernel still holds it, unmanaged rules with where they come from,
    listening sockets with their program and unit, published ports of containers, the services that make firewall
    rules, and hits where the kernel counts them.
  - Writes nothing on the host. It needs no plan and no catalogue.
  - Linux and Windows hosts give the same keys. C(docs/host-facts.md) in the collection describes every one.
  - What cannot be read is named in RV(ansible_facts.portbook.not_read), and is then not known, which does not mean that
    it is not there.
version_added: 0.1.0
extends_documentation_fragment:
  - portbook.firewall.attributes
author:
  - The portbook.firewall maintainers (@portbook)
options:
  most:
    description:
      - How many entries of each list are returned, so that results stay small. V(0) returns all.
      - What is left out is counted in RV(ansible_facts.portbook.left_out).
    type: int
    default: 100
attributes:
  check_mode:
    support: full
  diff_mode:
    support: none
  platform:
    support: full
    platforms: linux, windows
requirements:
  - root on a Linux host, an administrator on a Windows host
  - nft on a Linux host; without it, what the kernel holds is not read, and the result says so
seealso:
  - module: portbook.firewall.plan
  - module: portbook.firewall.windows_read
"""

EXAMPLES = r"""
- name: Read what the host has
  portbook.firewall.host_facts:
  become: true

- name: Show what listens for others
  ansible.builtin.debug:
    msg: "{{ ansible_facts.portbook.listening | rejectattr('loopback') }}"
"""

RETURN = r"""
ansible_facts:
  description: The facts, below one key.
  returned: success
  type: dict
  contains:
    portbook:
      description: What was found. C(docs/host-facts.md) describes every key.
      returned: success
      type: dict
      contains:
        format:
          description: The version of this form.
          returned: success
          type: int
          sample: 1
        platform:
          description: V(linux) or V(windows).
          returned: success
          type: str
        backend:
          description: The backend that holds our rules on this host; empty where none does.
          returned: success
          type: str
          sample: nftables
        ours:
          description: What this collection applied, and whether it is there.
          returned: success
          type: dict
        unmanaged:
          description: Rules of others, with where they come from.
          returned: success
          type: dict
        listening:
          description: Sockets that take new connections or datagrams.
          returned: success
          type: list
          elements: dict
        published:
          description: Ports of the host behind which a container, or another address, answers.
          returned: success
          type: list
          elements: dict
        services:
          description: Installed services that make firewall rules; on Windows the profiles and registered products.
          returned: success
          type: list
          elements: dict
        hits:
          description: Rules of ours that count, with their counters. Empty on Windows, which does not count.
          returned: success
          type: list
          elements: dict
        not_read:
          description: What could not be read, and why.
          returned: success
          type: dict
        left_out:
          description: How many entries of a list are not in the result.
          returned: success
          type: dict
        seconds:
          description: How long reading took.
          returned: success
          type: float
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.portbook.firewall.plugins.module_utils.firewalld.engines import engines
from ansible_collections.portbook.firewall.plugins.module_utils.firewalld.facts import facts
from ansible_collections.portbook.firewall.plugins.module_utils.linux.state import HostState

ARGUMENTS = {"most": {"type": "int", "default": 100}}


def main() -> None:
    module = AnsibleModule(argument_spec=ARGUMENTS, supports_check_mode=True)
    found = facts(HostState(), engines("nftables"), max(0, module.params["most"]))
    module.exit_json(changed=False, ansible_facts={"portbook": found})


if __name__ == "__main__":
    main()
