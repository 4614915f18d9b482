# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A valid catalogue that uses every key of the schema at least once."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from ansible_collections.portbook.firewall.plugins.plugin_utils.catalog import load as catalogs
from ansible_collections.portbook.firewall.plugins.plugin_utils.catalog.book import Catalog
from ansible_collections.portbook.firewall.plugins.plugin_utils.problems import Problems

PLATFORM: dict[str, Any] = {
    "catalog": 1,
    "tokens": {"rpc_dynamic": {"protocol": "tcp", "ports": ["49152-65535"], "what": "what 135 answers"}},
    "shared_ports": {"tcp": [22, 80, 135, 443], "udp": [53]},
}
PRODUCT: dict[str, Any] = {
    "catalog": 1,
    "product": "acme",
    "title": "Acme",
    "vendor": "Acme Ltd",
    "documents": {
        "ports": {"title": "Ports", "address": "https://acme.example", "version": "1", "rows": 2, "flows": 1}
    },
    "evidence": {"A-1": "a page", "A-2": "another"},
    "components": {
        "acme_client": {
            "title": "Client",
            "what": "Asks",
            "platforms": ["windows", "linux"],
            "platforms_why": "It is a client.",
            "programs": {
                "client": {"path": "C:\\acme\\client.exe", "what": "The client"},
                "helper": {"file": "h.exe", "what": "Help"},
            },
            "note": "None",
        },
        "acme_server": {
            "title": "Server",
            "what": "Answers",
            "versions": {"known": ["1", "2"], "default": "1"},
            "features": {"secure": {"default": True, "what": "TLS"}, "extra": {"default": False, "what": "more"}},
            "ports": {
                "main": {"default": 8080, "what": "where it listens"},
                "second": {"next_to": "main", "what": "above it"},
                "third": {"next_to": "second", "what": "above that"},
                "free": {"default": None, "what": "nobody knows"},
                "many": {"default": [7000, "7010-7020"], "what": "a few"},
            },
            "vendor_rules": [{"name": "Acme", "made_by": "setup", "evidence": ["A-1"]}],
            "tunnel": {
                "networks": ["10.21.199.0/24"],
                "peers": ["acme_client"],
                "what": "VPN",
                "carried_by": "acme.vpn",
            },
        },
        "console": {
            "title": "Console",
            "what": "Looks",
            "party": True,
            "ports": {"main": {"default": 9999, "what": "x"}},
        },
    },
    "flows": {
        "acme.talk": {
            "from": ["acme_client"],
            "to": ["acme_server"],
            "protocol": ["tcp", "udp"],
            "ports": ["main", "second", "third", 8443, "9000-9010"],
            "purpose": "They talk",
            "versions": ["1", "2"],
            "feature": "secure",
            "decided_by": "responder",
            "peer": "required",
            "exclusive": True,
            "initiator": {"program": "client"},
            "responder": {"service": "AcmeSvc"},
            "confidence": "high",
            "evidence": ["A-1"],
            "doubts": [{"verdict": "obsolete", "ports": [8443], "protocol": "udp", "why": "gone", "evidence": ["A-2"]}],
            "note": "None",
        },
        "acme.vpn": {
            "from": ["acme_client"],
            "to": ["acme_server"],
            "protocol": "udp",
            "ports": [1194],
            "source_ports": [1194],
            "purpose": "Tunnel",
            "decided_by": "responder",
            "peer": {"responder": "if_present", "initiator": "if_present"},
            "exclusive": False,
            "listener": "docker_compose",
            "container_ports": [1195],
            "platforms": ["linux"],
            "origin": "evidence",
            "reach": "peers",
            "confidence": "low",
        },
        "acme.discover": {
            "from": ["acme_client"],
            "to": ["acme_client", "acme_server"],
            "protocol": "udp",
            "ports": [5353],
            "cast": ["multicast", "unicast"],
            "group": ["224.0.0.251", "ff02::fb"],
            "reach": "local_subnet",
            "purpose": "Find",
            "decided_by": "initiator",
            "peer": "if_present",
            "exclusive": False,
            "responder": {"owner": "mdns"},
            "confidence": "medium",
        },
        "acme.look": {
            "from": ["console"],
            "to": ["acme_server"],
            "protocol": "tcp",
            "ports": ["free", "many", "rpc_dynamic"],
            "purpose": "Look",
            "decided_by": "responder",
            "peer": "if_present",
            "exclusive": False,
            "confidence": "high",
        },
        "acme.shut": {
            "from": [],
            "to": ["acme_server"],
            "protocol": "tcp",
            "ports": [9200],
            "purpose": "Nobody",
            "decided_by": "responder",
            "peer": "if_present",
            "exclusive": True,
            "confidence": "high",
        },
    },
    "rows": {
        "A1.1": {
            "document": "ports",
            "table": "Table 1",
            "printed": {"Port": "8O80"},
            "became": "flow",
            "flows": ["acme.talk"],
            "errata": [
                {"printed": "8O80", "generated": "8080", "why": "a slip", "evidence": ["A-1"], "confidence": "high"}
            ],
        },
        "A1.2": {
            "document": "ports",
            "table": "Table 1",
            "printed": {"Port": "-"},
            "became": "not_a_flow",
            "why": "local",
        },
    },
}
HOSTS: dict[str, dict[str, Any]] = {
    "client": {"ansible_host": "192.0.2.11"},
    "server": {"ansible_host": "192.0.2.1", "acme_server_free_port": 8500},
}
GROUPS = {"acme_client": ["client"], "acme_server": ["server"], "console": []}


def write(folder: Path, product: str | bytes, platform: str | bytes | None = None) -> Path:
    folder.mkdir(exist_ok=True)
    for name, text in (("acme.yml", product), ("platform.yml", json.dumps(PLATFORM) if platform is None else platform)):
        (folder / name).write_bytes(text.encode("utf-8", "surrogatepass") if isinstance(text, str) else text)
    return folder


def small(folder: Path) -> Catalog:
    problems = Problems()
    catalog = catalogs.load([], problems, built_in=write(folder, json.dumps(PRODUCT, indent=1)))
    assert problems.errors == []
    return catalog
