# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ask the port book from a template."""

from __future__ import annotations

DOCUMENTATION = r"""
name: flows
author:
  - The portbook.firewall maintainers (@portbook)
short_description: Ask the port book which flows a component has
version_added: 0.1.0
description:
  - Returns the flows of components as the catalogue has them, with the defaults of versions, features and ports, or
    with those that are named.
  - Says nothing of hosts; the plan does.
options:
  _terms:
    description: Components, such as V(stifler_server).
    type: list
    elements: str
    required: true
  direction:
    description: Only flows that come in to the components, or go out from them.
    type: str
    choices: [in, out]
  peer:
    description: Only flows with this component at the other end.
    type: str
  version:
    description: The version of the deciding component. Without it, its default.
    type: str
  features:
    description: Features of the deciding component that differ from their defaults.
    type: dict
    default: {}
  catalogs:
    description: More catalogue files or folders, as in C(portbook_catalogs).
    type: list
    elements: path
    default: []
requirements:
  - netaddr and jsonschema on the controller
"""

EXAMPLES = r"""
- name: Which ports does a StifleR server need inbound from its clients
  ansible.builtin.debug:
    msg: "{{ query('portbook.firewall.flows', 'stifler_server', direction='in', peer='stifler_client') }}"

- name: The same as a list of TCP ports
  ansible.builtin.debug:
    msg: >-
      {{ query('portbook.firewall.flows', 'stifler_server', direction='in', peer='stifler_client')
         | selectattr('protocol', 'equalto', 'tcp') | map(attribute='ports') | flatten | unique }}
"""

RETURN = r"""
_raw:
  description: One entry a flow, direction and protocol.
  type: list
  elements: dict
  contains:
    flow:
      description: The flow's id.
      type: str
    component:
      description: The component that was asked for.
      type: str
    direction:
      description: V(in) at the responder, V(out) at the initiator.
      type: str
    peers:
      description: Components at the other end.
      type: list
    protocol:
      description: V(tcp) or V(udp).
      type: str
    ports:
      description: Ports at the responder. Numbers, ranges or tokens such as V(rpc_dynamic).
      type: list
    source_ports:
      description: Ports at the initiator, where the protocol fixes them.
      type: list
    casts:
      description: V(unicast), V(broadcast) or V(multicast).
      type: list
    purpose:
      description: What it is for.
      type: str
    confidence:
      description: V(high), V(medium) or V(low).
      type: str
    doubts:
      description: What the evidence calls obsolete or superfluous.
      type: list
    rows:
      description: Rows of the vendor's document.
      type: list
"""

from typing import Any

from ansible.errors import AnsibleLookupError
from ansible.plugins.lookup import LookupBase

from ansible_collections.portbook.firewall.plugins.plugin_utils.inventory.hostvars import plain
from ansible_collections.portbook.firewall.plugins.plugin_utils.plan.questions import Question, ask
from ansible_collections.portbook.firewall.plugins.plugin_utils.problems import Problems
from ansible_collections.portbook.firewall.plugins.plugin_utils.run import needs
from ansible_collections.portbook.firewall.plugins.plugin_utils.run.planning import catalog_of


class LookupModule(LookupBase):
    def run(self, terms: list[Any], variables: dict[str, Any] | None = None, **kwargs: Any) -> list[dict[str, Any]]:
        self.set_options(var_options=variables, direct=kwargs)
        lacking = needs.missing()
        if lacking:
            raise AnsibleLookupError(lacking)
        problems = Problems()
        catalog = catalog_of(plain(self.get_option("catalogs")), problems)
        found: list[dict[str, Any]] = []
        for term in terms:
            question = Question(
                str(term),
                self.get_option("direction"),
                self.get_option("peer"),
                None if self.get_option("version") is None else str(self.get_option("version")),
                plain(self.get_option("features")),
            )
            if not problems.errors:
                found.extend(ask(catalog, question, problems))
        if problems.errors:
            raise AnsibleLookupError("\n".join(str(error) for error in problems.errors))
        return found
