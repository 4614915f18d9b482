#!/usr/bin/python
# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Apply the rules of one host to firewalld and to the table inet portbook, held and restored together."""

from __future__ import annotations

DOCUMENTATION = r"""
module: firewalld
short_description: Apply planned rules with firewalld (internal)
description:
  - Internal module. M(portbook.firewall.apply) calls it and sets its options.
  - It manages the policy C(portbook_in) of firewalld, ipsets and services of firewalld whose names begin with C(pb-),
    and what M(portbook.firewall.nftables) manages. It changes nothing else.
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
  - firewalld 1.0 or newer, running, with FirewallBackend=nftables
  - python3-dbus for the Python that Ansible uses on the target
  - nft, root and a kernel with nf_tables on the target
seealso:
  - module: portbook.firewall.apply
"""

EXAMPLES = r"""
- name: Apply the planned rules, which calls this module
  portbook.firewall.apply:
"""

RETURN = r"""
create:
  description: Ids of rules that were created.
  returned: success
  type: list
  elements: str
change:
  description: Ids of rules that were changed.
  returned: success
  type: list
  elements: str
delete:
  description: Ids of rules that were removed.
  returned: success
  type: list
  elements: str
keep:
  description: Number of rules that did not change.
  returned: success
  type: int
mended:
  description: Whether the table in the kernel differed from the one that had been applied, and was restored.
  returned: success
  type: bool
foreign:
  description: Documented flows that unmanaged rules refuse or may refuse.
  returned: success
  type: list
  elements: dict
held:
  description: Whether the change waits to be confirmed over a new connection.
  returned: success
  type: bool
unconfirmed:
  description: Why a change that refuses something was not confirmed over a new connection.
  returned: success
  type: str
  sample: "not confirmed: local connection"
confirmed:
  description: Whether the change with this token is confirmed.
  returned: with O(state=confirm)
  type: bool
why_not:
  description: Why the change is not confirmed; empty if it is.
  returned: with O(state=confirm)
  type: str
warnings:
  description:
    - Which part of the host's state could not be read, and what follows from that.
    - Why it could not be checked whether a policy route uses bits of the mark.
  returned: if there are warnings
  type: list
  elements: str
persistence:
  description: How the rules are loaded after a restart, or why they are not.
  returned: success
  type: str
left:
  description: Components that the host no longer has, with the number of rules that were removed for each.
  returned: success
  type: dict
losses:
  description: What the host would lose although no one asked for it. Nothing was changed then.
  returned: when the inventory seems to be short
  type: list
  elements: str
left_to:
  description: Another backend that this host uses. Nothing was changed then.
  returned: success
  type: str
old_connection:
  description: Whether the confirming connection was already open before the rules were loaded.
  returned: with O(state=confirm), if so
  type: bool
seconds:
  description: Seconds from the start of the first nft process to the end of the last one.
  returned: success
  type: float
"""

from ansible_collections.portbook.firewall.plugins.module_utils.firewalld.engines import engines
from ansible_collections.portbook.firewall.plugins.module_utils.linux.answer import run


def main() -> None:
    run(engines("firewalld"))


if __name__ == "__main__":
    main()
