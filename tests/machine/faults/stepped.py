# SPDX-License-Identifier: GPL-3.0-or-later
"""The module is killed, stopped, or loses its power at a step, by whoever runs it for real."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, replace

from machine.faults.bench import BARE, CUT, PLAIN, Base, Bench, State, differing, same_files, tidy
from machine.faults.model import (
    HOLD,
    KILLED,
    LONG_HOLD,
    NEW,
    NONE,
    OLD,
    PAUSED,
    POWER,
    REMOVAL,
    SPARE,
    Seen,
    Stepped,
)
from machine.helpers.playbooks import REMOVE, SITE, Run, finished

_COMES_TO_IT = 120.0


@dataclass(frozen=True)
class Operation:
    title: str
    base: Base
    of: str
    """The module's function whose steps are meant."""
    strict: bool = False
    playbook: str = SITE
    hold: int = HOLD

    def variables(self) -> dict[str, object]:
        return self.base.strict() if self.strict else self.base.variables


OPERATIONS = {
    "held": Operation("a held change", CUT, "apply", strict=True),
    "first": Operation("a first apply", BARE, "apply"),
    "confirm": Operation("a confirmation", PLAIN, "confirm", strict=True, hold=LONG_HOLD),
    "remove": Operation("a removal", PLAIN, "apply", playbook=REMOVE),
}
LOAD = "start nft -f -"
PAUSES = [
    Stepped("stopped before the load, woken after 3 s", PAUSED, "held", LOAD, 3),
    Stepped("stopped before the load, woken after the hold", PAUSED, "held", LOAD, HOLD + 3),
    Stepped("stopped after the load, woken after 3 s", PAUSED, "held", f"{LOAD}+1", 3),
    Stepped("stopped after the load, woken after the hold", PAUSED, "held", f"{LOAD}+1", HOLD + 3),
    Stepped("stopped before the hold, woken after 3 s", PAUSED, "held", "start systemd-run", 3),
    Stepped("stopped before the first file, woken after the hold", PAUSED, "held", 0, HOLD + 3),
    Stepped("a first apply is stopped before the load, woken after the hold", PAUSED, "first", LOAD, HOLD + 3),
    Stepped("a first apply is stopped after the load, woken after the hold", PAUSED, "first", f"{LOAD}+1", HOLD + 3),
    Stepped("another run comes while one is stopped", PAUSED, "held", 0, 5, meets="another run is active on this host"),
    Stepped(
        "another run comes while a loaded one is stopped", PAUSED, "first", f"{LOAD}+1", HOLD + 3, meets="another run"
    ),
]
FEW = [
    Stepped("killed before the load of a held change", KILLED, "held", LOAD),
    Stepped("killed after the load of a held change", KILLED, "held", f"{LOAD}+1"),
    Stepped("killed after the load of a first apply", KILLED, "first", f"{LOAD}+1"),
    Stepped("killed in the middle of a confirmation", KILLED, "confirm", 0.5),
    Stepped("power cut after the load of a held change", POWER, "held", f"{LOAD}+1"),
    Stepped("power cut after the load of a first apply", POWER, "first", f"{LOAD}+1"),
    Stepped("power cut in the middle of a removal", REMOVAL, "remove", 0.5),
]
"""Some of those that `each` gives, by what happens at them."""


def counted(bench: Bench, name: str) -> list[str]:
    """The steps of an operation, as it goes when nothing breaks."""
    asked = OPERATIONS[name]
    bench.ready(asked.base)
    bench.operator.inventory(**asked.variables())
    bench.steps.count(asked.of)
    process = bench.operator.start(asked.playbook)
    if asked.base is CUT:
        bench.until_nothing_waits(bench.until_held(process, _COMES_TO_IT) + HOLD + SPARE)
        finished(process).failed()
    else:
        finished(process).ok(changed=True)
    steps = bench.steps.counted()
    # What became of it is no state to begin from.
    bench.close()
    return steps


def each(steps: Mapping[str, list[str]]) -> list[Stepped]:
    """Every step of every operation, killed and without power."""
    found = []
    for name, texts in steps.items():
        for number, text in enumerate(texts):
            place = f"{OPERATIONS[name].title}, step {number + 1:02} of {len(texts)}: {text}"
            for group, verb in ((KILLED, "killed"), (POWER, "power cut")):
                # What lies in /run is gone with the power, whatever it was.
                if group == POWER and " RUN" in text and number + 1 < len(texts):
                    continue
                listed = REMOVAL if name == "remove" else group
                found.append(Stepped(f"{verb} in {place}", listed, name, number))
    return found


def number_of(step: int | float | str, steps: list[str]) -> int:
    if isinstance(step, int):
        return step
    if isinstance(step, float):
        return int(step * len(steps))
    text, _plus, later = step.partition("+")
    return next(place for place, one in enumerate(steps) if one.startswith(text)) + int(later or 0)


def drive(one: Stepped, bench: Bench, steps: Mapping[str, list[str]]) -> Seen:
    asked = OPERATIONS[one.operation]
    bench.ready(asked.base)
    before = bench.clean
    paused = one.group == PAUSED
    power = one.name.startswith("power")
    bench.operator.inventory(**asked.variables())
    bench.steps.order(asked.of, number_of(one.step, steps[one.operation]), "STOP" if power or paused else "KILL")
    start = time.monotonic()
    process = bench.operator.start(asked.playbook)
    module = bench.steps.reached(process, _COMES_TO_IT)
    reached = time.monotonic()
    if power:
        bench.machine.power_cut()
    if paused:
        _paused(one, bench, module)
    run = finished(process)
    end = max(reached + asked.hold + SPARE, time.monotonic() + SPARE)
    bench.until_nothing_waits(end)
    bench.watch.back(start, end)
    cut = bench.watch.longest_cut(start)
    # A stopped machine is back with its boot, however long that takes.
    assert cut is None or cut < (_COMES_TO_IT if power else asked.hold + SPARE), f"nobody got in for {cut:.1f} s"
    after = bench.state()
    # A boot has loaded the unmanaged ones again.
    same = after.beside == before.beside or (power and _without_handles(after) == _without_handles(before))
    assert same, "unmanaged rules differ"
    table = _judged(one, bench, asked, run, after)
    return Seen(cut, table, _next_run(one, bench, asked, after.table if table == NEW else ""))


def _paused(one: Stepped, bench: Bench, module: int) -> None:
    until = time.monotonic() + one.sleeps
    if one.meets:
        other = bench.another(f"other-{time.monotonic_ns()}")
        other.inventory(**OPERATIONS[one.operation].base.variables)
        words = other.run().failed().words
        assert one.meets in words, f"another run said: {words[-400:]}"
    time.sleep(max(0.0, until - time.monotonic()))
    bench.machine.run("kill", "-CONT", str(module))


def _judged(one: Stepped, bench: Bench, asked: Operation, run: Run, after: State) -> str:
    """Which table it is."""
    before, table = bench.clean, after.table
    if asked.base is CUT:
        run.failed()
        assert table == before.table, "the table is not bit for bit the old one"
        same_files(before, after)
        return OLD
    if asked.base is BARE:
        run.failed()
        assert table == "", "there is a table of a change that was not confirmed"
        return NONE
    if table == before.table:
        return OLD
    if one.operation == "remove":
        assert table == "", "the table is neither the old one nor away"
        return NONE
    return NEW


def _next_run(one: Stepped, bench: Bench, asked: Operation, new: str) -> str:
    """It works, and brings all in order; then the machine is as before the break."""
    operator, before = bench.operator, bench.clean
    power = one.name.startswith("power")
    if asked.base is CUT:
        operator.inventory(**asked.base.variables)
        operator.run().ok(changed=False)
        _is_as(bench, before.table, before.files)
        if power:
            bench.clean = replace(before, beside=bench.state().beside)
        return "ok, changed 0"
    if asked.base is BARE:
        operator.run().ok(changed=True)
        operator.run(REMOVE).ok(changed=True)
        _is_as(bench, "", before.files)
        bench.clean = bench.state()
        return "ok, changed 1"
    run = operator.run(asked.playbook).ok()
    changed = run.recap["changed"]
    if one.operation == "remove":
        gone = bench.state()
        assert (gone.table, "portbook" in gone.files) == ("", False), f"the removal left {gone.files[:300]}"
        operator.run().ok(changed=True)
    else:
        now = bench.state()
        assert new in ("", now.table), "the table was neither the old one nor the new one, bit for bit"
        tidy(now)
        operator.inventory(**asked.base.variables)
        operator.run().ok(changed=True)
    bench.rebase()
    return f"ok, changed {changed}"


def _is_as(bench: Bench, table: str, files: str) -> None:
    now = bench.state()
    assert now.table == table, "the next run did not bring the table that was"
    assert now.files == files, f"the next run did not bring the files that were: {differing(files, now.files)}"


def _without_handles(state: State) -> list[str]:
    return [line.partition(" # handle")[0] for line in state.beside.splitlines()]
