#!/usr/bin/python
# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bring the table inet portbook of one host to its slices, in one transaction."""

from __future__ import annotations

DOCUMENTATION = r"""
module: nftables
short_description: Bring the nftables table of this host to its part of the plan
description:
  - Called by M(portbook.firewall.apply), which works out the options; not meant to be written by hand.
  - Owns the table C(inet portbook), the folders C(/var/lib/portbook) and C(/run/portbook) and two systemd units, and
    touches nothing else.
version_added: 0.1.0
extends_documentation_fragment:
  - portbook.firewall.attributes
  - portbook.firewall.slices
author:
  - The portbook.firewall maintainers (@portbook)
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
  platform:
    support: full
    platforms: linux
requirements:
  - nft, root and a kernel with nf_tables on the target
seealso:
  - module: portbook.firewall.apply
"""

EXAMPLES = r"""
- name: Bring the host to its part of the plan
  portbook.firewall.apply:
"""

RETURN = r"""
create:
  description: Ids of rules that were new.
  returned: success
  type: list
  elements: str
change:
  description: Ids of rules that changed.
  returned: success
  type: list
  elements: str
delete:
  description: Ids of rules that were taken away.
  returned: success
  type: list
  elements: str
keep:
  description: How many rules stayed.
  returned: success
  type: int
mended:
  description: Whether the kernel's table was not the one that had been applied.
  returned: success
  type: bool
foreign:
  description: What rules of others make of documented flows, where they do not surely let them pass.
  returned: success
  type: list
  elements: dict
held:
  description: Whether the change waits for a new connection to confirm it.
  returned: success
  type: bool
unconfirmed:
  description: Why a change that refuses something was not confirmed by a new connection, if it was not.
  returned: success
  type: str
  sample: "not confirmed: local connection"
confirmed:
  description: Whether the change with this token stands.
  returned: with O(state=confirm)
  type: bool
why_not:
  description: Why the change is not confirmed; empty if it is.
  returned: with O(state=confirm)
  type: str
warnings:
  description:
    - What the host remembered and could not be read, and what follows.
    - Why it is not known whether a policy route uses bits of the mark.
  returned: if there is something to warn of
  type: list
  elements: str
persistence:
  description: What brings the table back after a restart, or why nothing does.
  returned: success
  type: str
left:
  description: Components that the host no longer has, and how many rules went with each.
  returned: success
  type: dict
losses:
  description: What the host would lose that nobody decided, so that nothing was done.
  returned: when the inventory seems to be short
  type: list
  elements: str
left_to:
  description: Another backend that the host has, so that nothing was done.
  returned: success
  type: str
old_connection:
  description: Whether the connection that was to confirm the change was open before its rules were loaded.
  returned: with O(state=confirm), if so
  type: bool
seconds:
  description: From the start of the first nft process to the end of the last.
  returned: success
  type: float
"""

from ansible_collections.portbook.firewall.plugins.module_utils.firewalld.engines import engines
from ansible_collections.portbook.firewall.plugins.module_utils.linux.answer import run


def main() -> None:
    run(engines("nftables"))


if __name__ == "__main__":
    main()
