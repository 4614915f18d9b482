# SPDX-License-Identifier: GPL-3.0-or-later
"""What happens to hosts: before and after, the same packets pass, and what is not ours is the same to the byte."""

from __future__ import annotations

import pytest
from lab.machine import Machine
from machine.helpers.events import EVENTS, OPEN, REMOVED, SAME, UNTIL_RUN, WITHIN_A_SECOND, Event
from machine.helpers.playbooks import Operator
from machine.helpers.scene import Scene


@pytest.fixture
def scene(machine: Machine, operator: Operator) -> Scene:
    return Scene(machine, operator)


def marks(event: Event) -> list[pytest.MarkDecorator]:
    return [mark for mark, has in ((pytest.mark.more, event.more), (pytest.mark.once, event.once)) if has]


@pytest.mark.parametrize("event", [pytest.param(one, id=one.name, marks=marks(one)) for one in EVENTS])
def test_the_same_packets_pass_as_the_page_says(scene: Scene, event: Event) -> None:
    event.before(scene)
    untouched = scene.unmanaged()
    assert event.refused_before or scene.wrong(everybody=True) == {}, "or what follows proves nothing"
    scene.run().ok(changed=True)
    assert scene.wrong() == {}
    assert scene.unmanaged() == untouched
    table = scene.machine.table()

    event.happens(scene)
    if event.leaves == WITHIN_A_SECOND:
        scene.wait_for_table(1)
    assert scene.has_table() == (event.leaves not in (UNTIL_RUN, REMOVED))
    assert (scene.machine.table() == table) == (event.leaves in SAME)
    assert scene.wrong(everybody=event.leaves in OPEN) == {}
    left = scene.unmanaged()
    if event.flushes:
        assert left.items() <= untouched.items()
    else:
        assert untouched.items() <= left.items()

    event.undo(scene)
    scene.run().ok(changed=event.mended)
    assert scene.machine.table() == table
    assert scene.wrong() == {}
    assert scene.unmanaged() == left
    if event.mended:
        scene.run().ok(changed=False)
