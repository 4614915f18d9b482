#!/usr/bin/python
# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read the firewall rules of a host, of this collection and unmanaged ones, and what listens there."""

from __future__ import annotations

DOCUMENTATION = r"""
module: host_facts
short_description: Read the firewall, the listening sockets and the published ports of a host
description:
  - Reads the rules that this collection applied and whether they are still in the kernel, unmanaged rules and their
    origin, listening sockets with program and unit, published ports of containers, services that create firewall rules,
    and the counters of rules.
  - It writes nothing on the host, and needs no plan and no catalogue.
  - The keys are the same on Linux and Windows. C(docs/host-facts.md) in the collection describes all of them.
  - RV(ansible_facts.portbook.not_read) names what could not be read. Such a fact is unknown, not empty.
version_added: 0.1.0
extends_documentation_fragment:
  - portbook.firewall.attributes
author:
  - The portbook.firewall maintainers (@portbook)
options:
  most:
    description:
      - Maximum number of entries in each list. V(0) returns all.
      - RV(ansible_facts.portbook.left_out) counts the entries that are left out.
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
  - nft on a Linux host; without it, the rules in the kernel are not read
seealso:
  - module: portbook.firewall.plan
  - module: portbook.firewall.windows_read
"""

EXAMPLES = r"""
- name: Read the firewall facts of the host
  portbook.firewall.host_facts:
  become: true

- name: Show sockets that other hosts can reach
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
      description: All facts. C(docs/host-facts.md) describes every key.
      returned: success
      type: dict
      contains:
        format:
          description: Format version of the facts.
          returned: success
          type: int
          sample: 1
        platform:
          description: V(linux) or V(windows).
          returned: success
          type: str
        backend:
          description: Backend of this collection's rules on this host. Empty if there are none.
          returned: success
          type: str
          sample: nftables
        ours:
          description: Rules that this collection applied, and whether they are in the kernel.
          returned: success
          type: dict
        unmanaged:
          description: Unmanaged rules and their origin.
          returned: success
          type: dict
        listening:
          description: Sockets that accept connections or datagrams.
          returned: success
          type: list
          elements: dict
        published:
          description: Ports of the host that are forwarded to a container or to another address.
          returned: success
          type: list
          elements: dict
        services:
          description: Installed services that create firewall rules; on Windows, profiles and registered products.
          returned: success
          type: list
          elements: dict
        hits:
          description: Counters of this collection's rules. Empty on Windows, which has none.
          returned: success
          type: list
          elements: dict
        not_read:
          description: What could not be read, and why.
          returned: success
          type: dict
        left_out:
          description: Number of entries that are not in the result, for each list.
          returned: success
          type: dict
        seconds:
          description: Duration in seconds.
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
