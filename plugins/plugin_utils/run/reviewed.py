# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A plan that somebody reviewed and kept: whether it is the one that the inventory gives now."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from ..plan import file as plan_file
from ..problems import few

_MOST_NAMED = 5


class OtherPlan(ValueError):
    """Why the kept plan must not be applied, and what would be right."""


def refuse_other(target: Path, current: Path, digest: str) -> None:
    """What was reviewed is what is applied, or nothing is. `current` is the file of this run's plan."""
    kept = _read(target)
    form = kept.get("format")
    if form != plan_file.FORMAT:
        raise OtherPlan(f"{target} has format {form!r}, this version reads {plan_file.FORMAT}. Write it again")
    try:
        found = plan_file.digests_of(kept)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise OtherPlan(f"{target} is not a plan: {type(error).__name__}: {error}. {_REMEDY}") from None
    if kept.get("digest") == digest == plan_file.whole(found):
        return
    if kept.get("digest") == digest:
        raise OtherPlan(
            f"{target} was changed by hand after it was written: its digest is not that of its rules. "
            "Change the inventory instead, then write the plan again and review it"
        )
    raise OtherPlan(
        f"{target} is another plan ({str(kept.get('digest'))[:12]}) than the inventory gives now ({digest[:12]}): "
        f"{_differences(found, plan_file.digests_of(_read(current)))}. Write the plan again and review it"
    )


_REMEDY = "Create it with portbook.firewall.plan"


def _read(path: Path) -> dict[str, Any]:
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise OtherPlan(f"{path} does not exist. {_REMEDY}") from None
    except (OSError, ValueError) as error:
        raise OtherPlan(f"{path} is not a plan: {error}. {_REMEDY}") from None
    if not isinstance(data, dict) or "format" not in data:
        raise OtherPlan(f"{path} is not a plan. {_REMEDY}")
    return data


def _differences(kept: dict[str, str], current: dict[str, str]) -> str:
    both = kept.keys() & current.keys()
    parts = (
        ("only in the file", kept.keys() - current.keys()),
        ("only in the inventory", current.keys() - kept.keys()),
        ("with other rules", {name for name in both if kept[name] != current[name]}),
    )
    return "; ".join(f"{what}: {few(names, _MOST_NAMED)}" for what, names in parts if names) or "they differ in no host"
