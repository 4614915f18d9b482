# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Look up flows of the catalogue from a template."""

from __future__ import annotations

DOCUMENTATION = r"""
name: flows
author:
  - The portbook.firewall maintainers (@portbook)
short_description: Look up the flows of a component in the catalogue
version_added: 0.1.0
description:
  - Returns the flows of components from the catalogue, with the default version, features and ports unless others are
    given.
  - It does not return addresses of hosts. The plan has them.
options:
  _terms:
    description: Components, such as V(stifler_server).
    type: list
    elements: str
    required: true
  direction:
    description: Only inbound or only outbound flows of the components.
    type: str
    choices: [in, out]
  peer:
    description: Only flows with this component as the peer.
    type: str
  version:
    description: Version of the component that decides about the flow. The default is that component's default version.
    type: str
  features:
    description: Features of the component that decides about the flow, if they differ from their defaults.
    type: dict
    default: {}
  catalogs:
    description: Additional catalogue files or folders, as in C(portbook_catalogs).
    type: list
    elements: path
    default: []
requirements:
  - netaddr and jsonschema on the controller
"""

EXAMPLES = r"""
- name: Show the inbound flows of a StifleR server from its clients
  ansible.builtin.debug:
    msg: "{{ query('portbook.firewall.flows', 'stifler_server', direction='in', peer='stifler_client') }}"

- name: Show the same as a list of TCP ports
  ansible.builtin.debug:
    msg: >-
      {{ query('portbook.firewall.flows', 'stifler_server', direction='in', peer='stifler_client')
         | selectattr('protocol', 'equalto', 'tcp') | map(attribute='ports') | flatten | unique }}
"""

RETURN = r"""
_raw:
  description: One entry for each flow, direction and protocol.
  type: list
  elements: dict
  contains:
    flow:
      description: The flow's id.
      type: str
    component:
      description: The component from the terms.
      type: str
    direction:
      description: V(in) at the responder, V(out) at the initiator.
      type: str
    peers:
      description: Components of the peers.
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
      description: Purpose of the flow.
      type: str
    confidence:
      description: V(high), V(medium) or V(low).
      type: str
    doubts:
      description: Parts of the flow that are obsolete or superfluous, as the evidence shows.
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
