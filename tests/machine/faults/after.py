# SPDX-License-Identifier: GPL-3.0-or-later
"""Right after a change was confirmed, it stands, whatever happens to the host."""

from __future__ import annotations

import time

from machine.faults.bench import PLAIN, RESTORED, Bench, same_files, tidy
from machine.faults.model import AFTER, NEW, NONE, After, Seen
from machine.faults.shell import down_for

_NFTABLES = "systemctl {} nftables"
BREAKS = [
    After("the power is cut as the run returns", AFTER, power=True),
    After("the power is cut twice", AFTER, power=True, happens="true"),
    After("nftables.service is restarted", AFTER, _NFTABLES.format("restart"), loads=True),
    After("nftables.service is reloaded", AFTER, _NFTABLES.format("reload"), loads=True),
    After("nftables.service is stopped and started", AFTER, f"{_NFTABLES.format('stop')}; {_NFTABLES.format('start')}",
          loads=True),
    After("our own service is restarted", AFTER, "systemctl restart portbook-firewall"),
    After("our own service is started and reloaded", AFTER,
          "systemctl start portbook-firewall; systemctl reload portbook-firewall"),
    After("our own service is stopped", AFTER, "systemctl stop portbook-firewall"),
    After("networking is down for three seconds", AFTER, down_for(3)),
    After("nftables.conf is loaded by hand", AFTER, "nft -f /etc/nftables.conf", loads=True, gone=True),
    After("everything is flushed, and the table restored", AFTER, "nft flush ruleset; sleep 2", loads=True,
          variables=RESTORED.variables),
    After("systemd starts again", AFTER, "systemctl daemon-reexec"),
]  # fmt: skip


def drive(one: After, bench: Bench) -> Seen:
    base = RESTORED if one.variables else PLAIN
    bench.ready(base)
    operator, before = bench.operator, bench.clean
    variables = base.strict()
    operator.inventory(**variables)
    operator.run().ok(changed=True)
    new = bench.state()
    start = time.monotonic()
    if one.power:
        bench.machine.power_cut()
        if one.happens:
            bench.machine.power_cut()
    else:
        bench.machine.run("sh", "-c", one.happens)
    assert bench.machine.answers_ssh(5), "nobody gets in any more"
    after = bench.state()
    assert after.table == ("" if one.gone else new.table), "the table is not bit for bit the confirmed one"
    same_files(new, after)
    run = operator.run().ok(changed=one.gone)
    operator.run().ok(changed=False)
    now = bench.state()
    assert now.table == new.table, "the next run did not bring the table that was"
    tidy(now)
    if one.loads:
        bench.machine.run("systemctl", "restart", "nftables")
    elif not one.power:
        assert now.beside == before.beside, "unmanaged rules differ"
    operator.inventory(**base.variables)
    operator.run().ok(changed=True)
    bench.rebase()
    cut = bench.watch.longest_cut(start)
    return Seen(cut, NONE if one.gone else NEW, f"ok, changed {run.recap['changed']}")
