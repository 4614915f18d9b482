# SPDX-License-Identifier: GPL-3.0-or-later
"""Whatever breaks while a change waits that has cut management access: the host takes it back."""

from __future__ import annotations

import time

from machine.faults.bench import CUT, CUT_RESTORED, Bench, same_files, tidy
from machine.faults.model import HELD, HOLD, NONE, OLD, SPARE, Held, Seen
from machine.faults.shell import LIB, NFT, RUN, again, down_for, fill, freed, instead, read_only, restored, writable
from machine.helpers.playbooks import finished

_AT_ONCE = 3.0
"""Seconds after the end of what kept the host from it."""
_GONE = "were removed or cannot be read"
_REPLACED = "table that was to be confirmed"


def _soon(what: str) -> str:
    """Again and again, from a second before the end of the hold to a second after it."""
    return again(what, HOLD - 1, 2)


def _held(name: str, happens: str, undone: str = "", **more: object) -> Held:
    return Held(name, HELD, happens, undone, **more)  # type: ignore[arg-type]


def _nft(name: str, does: str, **more: object) -> Held:
    return _held(name, instead(NFT, does), restored(NFT), **more)


FEW = [
    _held("every Python is killed", "pkill -KILL python3; true"),
    _nft("nft fails until three seconds after the hold", "echo busy >&2; exit 1"),
    _held("the folder is deleted", f"rm -rf {LIB}", forgets=True),
]
MORE = [
    _held("the service is stopped before it begins", "systemctl stop portbook-way-back.service"),
    _held("the folder is read-only", read_only(LIB), writable(LIB)),
    _held("nothing", "true"),
    _held("every Python is terminated", "pkill -TERM python3; true"),
    _held("the notes are deleted", f"rm -rf {RUN}"),
    _held("the notes are emptied", f"for file in {RUN}/*; do : >$file; done"),
    _held("notes and folder are deleted", f"rm -rf {RUN} {LIB}", opens=True, forgets=True),
    _held("the note is damaged", f"echo '{{' >{RUN}/pending.json"),
    _held("the note names process 1", f'echo \'{{"holder": 1, "token": "x"}}\' >{RUN}/pending.json'),
    _held("the note is a folder", f"rm {RUN}/pending.json && mkdir {RUN}/pending.json"),
    _held("the text to load is damaged", f"echo 'table inet {{' >{RUN}/back"),
    _held("the text to load is of a table that is wrong", f"sed -i s/policy/polity/ {RUN}/back"),
    _held("the files that were to be are deleted", f"rm {LIB}/*.next"),
    _held("the files that were to be are emptied", f"for file in {LIB}/*.next; do : >$file; done"),
    _held("state.json is deleted", f"rm {LIB}/state.json", forgets=True),
    _held("table.nft is deleted", f"rm {LIB}/table.nft", forgets=True),
    _held("the notes' folder is read-only", read_only(RUN), writable(RUN)),
    _held("the disk of the folder is full", fill(LIB), freed(LIB)),
    _held("/etc is read-only", read_only("/etc"), writable("/etc")),
    _nft("nft fails with no word", "exit 1"),
    _held("nft is gone until three seconds after the hold", "mv /usr/sbin/nft /usr/sbin/nft.away",
          "mv /usr/sbin/nft.away /usr/sbin/nft"),
    _held("nft may not be run", "chmod 600 /usr/sbin/nft", "chmod 755 /usr/sbin/nft"),
    _nft("nft dies of a signal", "kill -SEGV $$"),
    _nft("nft is killed, as by the OOM killer", "kill -KILL $$"),
    _nft("nft hangs", "exec sleep 60", late=10),
    _nft("nft is stopped", "kill -STOP $$; exit 1", late=10),
    _nft("nft is slow by two seconds", "sleep 2; exec /usr/sbin/nft.real \"$@\"", late=3),
    _held("Python is gone", "mv /usr/bin/python3 /usr/bin/away", "mv /usr/bin/away /usr/bin/python3"),
    _held("systemctl fails", instead("/usr/bin/systemctl", "exit 1"), restored("/usr/bin/systemctl")),
    _held("systemctl hangs", instead("/usr/bin/systemctl", "exec sleep 60"), restored("/usr/bin/systemctl"), late=10),
    _held("systemd reads its units again", "systemctl daemon-reload"),
    _held("systemd starts again", "systemctl daemon-reexec"),
    _held("dbus is stopped", "systemctl stop dbus.socket dbus", "systemctl start dbus.socket dbus"),
    _held("logind is stopped", "systemctl stop systemd-logind", "systemctl start systemd-logind"),
    _held("sshd is started again", "systemctl restart ssh"),
    _held("sshd is stopped, and started after three seconds", "(systemctl stop ssh; sleep 3; systemctl start ssh) "
          "</dev/null >/dev/null 2>&1 &"),
    _held("logind ends all of the operator", "loginctl terminate-user root"),
    _held("somebody edits the table", "nft add rule inet portbook inbound counter drop"),
    _held("somebody empties a chain", "nft flush chain inet portbook inbound", early=True),
    _held("somebody makes the table dormant", "nft add table inet portbook '{ flags dormant; }'", early=True),
    _held("somebody deletes the table", "nft delete table inet portbook", early=True, says=_REPLACED),
    _held("somebody flushes everything", "nft flush ruleset", early=True, loads=True, says=_REPLACED),
    _held("everything is flushed, and the table restored", "nft flush ruleset", early=True, loads=True,
          variables=CUT_RESTORED.variables, says=_REPLACED),
    _held("nftables.service is restarted", "systemctl restart nftables", early=True, loads=True, says=_REPLACED),
    _held("nftables.service is reloaded", "systemctl reload nftables", early=True, loads=True, says=_REPLACED),
    _held("nftables.conf is loaded by hand", "nft -f /etc/nftables.conf", early=True, loads=True, says=_REPLACED),
    _held("our own service is restarted", "systemctl restart portbook-firewall", early=True, says=_GONE),
    _held("a unit of ours is deleted", "rm /etc/systemd/system/portbook-firewall.service", forgets=True),
    _held("a unit of ours is disabled", "systemctl disable portbook-firewall", forgets=True),
    _held("the service is killed at its work", _soon("systemctl kill -s KILL portbook-way-back.service")),
    _held("the service is stopped again and again", again("systemctl stop portbook-way-back.service", 1, HOLD - 2)),
    _held("every shell of systemd's is killed", _soon("pkill -KILL -x sh -P 1")),
    _held("every nft is killed", _soon("pkill -KILL -x nft")),
    _held("the link is down for three seconds", down_for(3)),
]  # fmt: skip
FAULTS = [*FEW, *MORE]


def drive(one: Held, bench: Bench) -> Seen:
    base = CUT_RESTORED if one.variables else CUT
    bench.ready(base)
    before = bench.clean
    bench.operator.inventory(**base.strict())
    begun, process = time.monotonic(), bench.operator.start()
    loaded = bench.until_held(process, 60)
    assert bench.watch.is_cut(loaded + 5), "the change does not cut anything, so that nothing is tested"
    start = bench.watch.cut_since(loaded) or loaded
    bench.machine.run("sh", "-c", one.happens)
    hindered = start
    if one.undone:
        time.sleep(max(0.0, loaded + HOLD + 3 - time.monotonic()))
        bench.machine.run("sh", "-c", one.undone)
        # A busy computer undoes it later; the host tries again every second.
        hindered = time.monotonic() + _AT_ONCE
    end = max(start + HOLD + SPARE, hindered) + one.late
    back = bench.watch.back(start, end + 2)
    assert back is not None, "nobody gets in any more"
    assert back <= end, f"nobody got in for {back - start:.1f} s"
    run = finished(process).failed()
    assert one.says in run.words, f"the run said: {run.words[-600:]}"
    bench.until_nothing_waits(end + 2)
    after = bench.state()
    assert after.table == ("" if one.opens else before.table), "the table is not bit for bit the old one"
    if not one.forgets:
        same_files(before, after)
    longest = bench.watch.longest_cut(begun)
    assert longest is not None
    assert longest <= end - start, f"nobody got in for {longest:.1f} s"
    assert one.loads or after.beside == before.beside, "unmanaged rules differ"
    return Seen(longest, NONE if one.opens else OLD, _next_run(one, bench))


def _next_run(one: Held, bench: Bench) -> str:
    bench.operator.inventory(**(CUT_RESTORED if one.variables else CUT).variables)
    run = bench.operator.run().ok(changed=None if one.forgets else False)
    if one.forgets:
        bench.operator.run().ok(changed=False)
    now = bench.state()
    assert now.table == bench.clean.table, "the next run did not bring the table that was"
    tidy(now)
    if one.loads:
        bench.machine.run("systemctl", "restart", "nftables")
    bench.clean = bench.state() if one.forgets or one.loads else bench.clean
    return f"ok, changed {run.recap['changed']}"
