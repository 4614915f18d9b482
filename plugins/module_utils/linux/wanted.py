# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a host is to be, from what it remembers and what it is asked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Dict, List

from . import slices, way_in
from .engine import Engine, Rendered
from .management import Access
from .model import Permission, Settings
from .request import Request
from .way_in import WayIn


@dataclass(frozen=True)
class Wanted:
    slices: Dict[str, slices.Slice]
    raw_settings: Dict[str, Any]
    settings: Settings
    permissions: List[Permission]
    way_in: WayIn
    access: Access
    rendered: Rendered


def wanted(kept: Dict[str, Any], engine: Engine, request: Request) -> Wanted:
    held = slices.united(kept["slices"], request.slices, request.replace_all)
    raw = {**kept["settings"], **request.settings}
    settings, permissions = Settings.of(raw), slices.permissions(held)
    found = way_in.find(kept, settings, permissions, request)
    local = way_in.local(found, settings, permissions)
    # A host that refuses by its settings does so without any slice.
    exists = bool(held) or (not request.removes and (settings.strict_in or settings.strict_out))
    rendered = engine.render(permissions, settings, local) if exists else engine.nothing()
    access = Access(tuple(permissions), settings.strict_in, local.way_in)
    return Wanted(held, raw, settings, permissions, found, access, rendered)
