# SPDX-License-Identifier: GPL-3.0-or-later
"""One break on a bench: what was seen, or why it is lost. A break that is lost does not stop the others."""

from __future__ import annotations

from collections.abc import Mapping

from machine.faults import after, before, held, on_the_way, stepped
from machine.faults.bench import Bench
from machine.faults.model import After, Before, Break, Crowd, Held, OnTheWay, Row, Seen, Stepped


def played(one: Break, bench: Bench, steps: Mapping[str, list[str]]) -> Row:
    try:
        return Row(one.name, one.group, _drive(one, bench, steps))
    except Exception as error:
        bench.close()
        return Row(one.name, one.group, None, f"{type(error).__name__}: {error}"[:1200])


def _drive(one: Break, bench: Bench, steps: Mapping[str, list[str]]) -> Seen:
    if isinstance(one, Stepped):
        return stepped.drive(one, bench, steps)
    if isinstance(one, Held):
        return held.drive(one, bench)
    if isinstance(one, OnTheWay):
        return on_the_way.drive(one, bench)
    if isinstance(one, Crowd):
        return on_the_way.crowd(one, bench)
    if isinstance(one, Before):
        return before.drive(one, bench)
    if isinstance(one, After):
        return after.drive(one, bench)
    raise TypeError(f"{type(one).__name__} has no driver")
