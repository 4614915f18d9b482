# SPDX-License-Identifier: GPL-3.0-or-later
"""Something is wrong before a run: it says what, and changes nothing; or it repairs, and says so."""

from __future__ import annotations

import json
import time
from shlex import quote

from machine.faults.bench import PLAIN, Bench, same_files, tidy
from machine.faults.model import BEFORE, LONG_HOLD, NEW, OLD, REMOVAL, SPARE, Before, Seen
from machine.faults.shell import (
    ASKS_NO_PASSWORD,
    ASKS_PASSWORD,
    CTL,
    ETC,
    LIB,
    NFT,
    RUN,
    fill,
    freed,
    instead,
    once,
    only,
    read_only,
    restored,
    writable,
)
from machine.helpers.playbooks import REMOVE, SITE

_NOTE = f"mkdir -p {RUN}"
_UNIT, _DROP_IN = f"{ETC}/portbook-firewall.service", f"{ETC}/nftables.service.d/portbook.conf"
_LOADS = '[ "$1 $2" = "-f -" ]'
_USER = {"ansible_user": "deploy", "ansible_become": True}
_UNREADABLE = "was not readable"
_REPLACED = "it was replaced"


def _fails(name: str, happens: str, undone: str, says: str, **more: object) -> Before:
    return Before(name, BEFORE, happens, undone, fails=says, **more)  # type: ignore[arg-type]


def _repairs(name: str, happens: str, says: str = "", **more: object) -> Before:
    return Before(name, BEFORE, happens, says=says, **more)  # type: ignore[arg-type]


def _works(name: str, happens: str, undone: str, **more: object) -> Before:
    return Before(name, BEFORE, happens, undone, works=True, **more)  # type: ignore[arg-type]


def _broken(name: str, does: str, says: str, condition: str = "true", program: str = NFT) -> Before:
    return _fails(name, only(program, condition, does), f"{restored(program)}; rm -f /run/was", says)


def _state(name: str, text: str) -> Before:
    return _repairs(f"state.json {name}", f"printf %s {quote(text)} >{LIB}/state.json", _UNREADABLE)


def _edited(name: str, script: str) -> Before:
    """The state with one value of the wrong type; `state` is what it holds."""
    program = f"import json; path = '{LIB}/state.json'; state = json.load(open(path)); {script}; "
    program += "json.dump(state, open(path, 'w'))"
    return _repairs(f"state.json {name}", f"python3 -c {quote(program)}", _UNREADABLE)


_RULES = "rules = next(iter(state['slices'].values()))['rules']"
FAILS = [
    _fails("nft is missing", f"mv {NFT} {NFT}.away", f"mv {NFT}.away {NFT}", "nft is not installed on this host"),
    _broken("nft fails", "echo 'Error: boom' >&2; exit 1", "nft failed: Error: boom"),
    _broken("nft fails to load", "echo 'Error: boom' >&2; exit 1", "Error: boom", _LOADS),
    _broken("nft loads, and then fails", f'{NFT}.real "$@"; exit 1', "refuses the ruleset", once(_LOADS)),
    _broken("nft hangs", "exec sleep 60", "did not answer within"),
    _broken("nft hangs at the load", "exec sleep 60", "did not answer within", once(_LOADS)),
    _broken("nft dies", "kill -SEGV $$", "nft was killed by signal 11"),
    _broken("nft dies at the load", "kill -SEGV $$", "nft was killed by signal 11", once(_LOADS)),
    _broken("nft is killed", "kill -KILL $$", "nft was killed by signal 9"),
    _fails("nft may not be run", f"chmod 644 {NFT}", f"chmod 755 {NFT}", "nft"),
    _fails("the kernel gives no rights", only(NFT, "true", "echo 'Operation not permitted' >&2; exit 1"), restored(NFT),
           "the kernel does not permit it"),
    _broken("ip fails", "exit 1", "the networks of this host cannot be read", program="/usr/bin/ip"),
    _fails("the folder is read-only", read_only(LIB), writable(LIB), "Read-only file system"),
    _fails("the disk is full", fill(LIB), freed(LIB), "No space left on device"),
    _fails("/run is full", "mkdir -p /run/portbook && mount -t tmpfs -o size=4k,nr_inodes=1 tmpfs /run/portbook",
           "umount /run/portbook; rmdir /run/portbook", "/run/portbook"),
    _fails("the folder is a file", f"mv {LIB} {LIB}.away && touch {LIB}", f"rm {LIB}; mv {LIB}.away {LIB}", LIB),
    _fails("state.json is of a newer version", f"cp -a {LIB}/state.json /run/kept; printf %s '{{\"format\": 99}}' "
           f">{LIB}/state.json", f"cp -a /run/kept {LIB}/state.json", "has format 99"),
    _fails("another run holds the lock", f"flock {LIB} sleep 300 </dev/null >/dev/null 2>&1 & sleep 0.3",
           "pkill -x sleep", "another run is active on this host"),
    _works("systemd-run fails", instead("/usr/bin/systemd-run", "exit 1"), restored("/usr/bin/systemd-run")),
    _works("systemd-run is missing", "mv /usr/bin/systemd-run /usr/bin/away", "mv /usr/bin/away /usr/bin/systemd-run"),
    _fails("systemd-run hangs", instead("/usr/bin/systemd-run", "exec sleep 60"), restored("/usr/bin/systemd-run"),
           "did not answer within"),
    _fails("the user has no root", "true", "", "root is needed to change the firewall",
           variables={"ansible_user": "deploy"}),
    _fails("sudo asks for a password, and gets a wrong one",
           ASKS_PASSWORD, ASKS_NO_PASSWORD, "refuses the password",
           variables={**_USER, "ansible_become_password": "wrong"}),
    _fails("Python is missing", "mv /usr/bin/python3 /usr/bin/away", "mv /usr/bin/away /usr/bin/python3",
           "Python was not found on this host"),
    _broken("the unmanaged rules cannot be read", "echo 'Error: boom' >&2; exit 1", "Error: boom",
            '[ "$*" = "-j list ruleset" ]'),
]  # fmt: skip
REPAIRS = [
    _state("is empty", ""),
    _state("is garbage", "\x01\x02 what"),
    _state("is cut off", '{"format": 2, "slices": {'),
    _state("is a list", "[]"),
    _state("is a number", "7"),
    _state("names no format", "{}"),
    _state("has its format as a text", json.dumps({"format": "1"})),
    _state("is nested too deeply", "[" * 100_000),
    _edited("has settings that are a text", "state['settings'] = 'what'"),
    _edited("has slices that are a list", "state['slices'] = []"),
    _edited("has no way in", "state['way_in'] = None"),
    _edited("has a way in that is no address", "state['way_in'] = ['everywhere']"),
    _edited("has a rule that is empty", f"{_RULES}; rules[0] = {{}}"),
    _edited("has a port that is none", f"{_RULES}; rules[0]['spans'] = [[70000, 70000]]"),
    _edited("has a token that is a number", "state['token'] = 5"),
    _edited("has nft's words as an interface", "state['settings']['trusted_interfaces'] = ['lo\" accept']"),
    _repairs("state.json is deleted", f"rm {LIB}/state.json"),
    _repairs("table.nft is deleted", f"rm {LIB}/table.nft"),
    _repairs("table.nft is emptied", f": >{LIB}/table.nft"),
    _repairs("table.nft is damaged", f"echo 'table inet {{' >>{LIB}/table.nft"),
    _repairs("the folder is deleted", f"rm -rf {LIB}"),
    _repairs("the unit is deleted", f"rm {_UNIT}"),
    _repairs("the unit is disabled", "systemctl --quiet disable portbook-firewall"),
    _repairs("the unit is emptied, and so masked", f": >{_UNIT}; systemctl daemon-reload"),
    _repairs("the unit is masked", f"rm {_UNIT}; systemctl --quiet mask portbook-firewall"),
    _repairs("the unit is edited", f"sed -i s/oneshot/simple/ {_UNIT}"),
    _repairs("the drop-in is deleted", f"rm -r {ETC}/nftables.service.d"),
    _repairs("the drop-in is edited", f"echo '# mine' >>{_DROP_IN}"),
    _repairs("the table is edited", "nft add rule inet portbook inbound counter accept", _REPLACED),
    _repairs("the table is deleted", "nft delete table inet portbook", _REPLACED),
    _repairs("the table is dormant", "nft add table inet portbook '{ flags dormant; }'", _REPLACED),
    _repairs("the table is flushed", "nft flush table inet portbook", _REPLACED),
    _repairs("everything is flushed", "nft flush ruleset", _REPLACED, loads=True),
    _repairs("files of a killed run lie there", f"touch {LIB}/table.nft.next {LIB}/.state.json.next.77 {_UNIT}.new",
             changes=False),
    _repairs("notes of a change that nobody holds lie there",
             f"{_NOTE}; echo '{{\"token\": \"x\", \"timer\": true}}' >/run/portbook/pending.json", changes=False),
    _repairs("notes that name process 1 lie there",
             f"{_NOTE}; echo '{{\"token\": \"x\", \"holder\": 1}}' >/run/portbook/pending.json", changes=False),
]  # fmt: skip
ETC_READ_ONLY = _fails("/etc is read-only, and a unit is gone", f"rm {_UNIT}; {read_only('/etc')}", writable("/etc"),
                       "Read-only file system", late_repair=True)  # fmt: skip
UNITS = [
    ETC_READ_ONLY,
    _fails("systemctl fails, and a unit is gone", f"rm {_UNIT}; {only(CTL, '[ $# -gt 0 ]', 'echo boom >&2; exit 1')}",
           restored(CTL), "boom", late_repair=None),
    _fails("systemctl hangs, and a unit is gone", f"rm {_UNIT}; {instead(CTL, 'exec sleep 60')}", restored(CTL),
           "did not answer within", late_repair=None),
]  # fmt: skip
WORKS = [
    _works("/tmp and the home are noexec",
           "mkdir -p /root/.ansible; for path in /tmp /root/.ansible; do mount -t tmpfs -o noexec tmpfs $path; done",
           "umount -l /tmp /root/.ansible"),
    _works("the journal is stopped", "systemctl stop systemd-journald.socket systemd-journald-dev-log.socket "
           "systemd-journald", "systemctl start systemd-journald"),
    _works("dbus is stopped", "systemctl stop dbus.socket dbus", "systemctl start dbus.socket dbus"),
    _works("the disk is nearly full", fill(LIB).replace("cat /dev/zero", "head -c 20000 /dev/zero"), freed(LIB)),
    _works("sudo asks for a password, and gets it",
           ASKS_PASSWORD, ASKS_NO_PASSWORD,
           variables={**_USER, "ansible_become_password": "right"}),
    _works("nft is slow by a second", instead(NFT, f'sleep 1; exec {NFT}.real "$@"'), restored(NFT)),
]  # fmt: skip
REMOVALS = [
    Before("the state is damaged before a removal", REMOVAL, f"echo '{{' >{LIB}/state.json", removes=True,
           says=_UNREADABLE),
    Before("the folder is deleted before a removal", REMOVAL, f"rm -rf {LIB}", removes=True),
    Before("the table is deleted before a removal", REMOVAL, "nft delete table inet portbook", removes=True),
    Before("the units are deleted before a removal", REMOVAL, f"rm {_UNIT} {_DROP_IN}", removes=True),
    Before("the unit is masked before a removal", REMOVAL, f"rm {_UNIT}; systemctl --quiet mask portbook-firewall",
           removes=True),
    Before("nft is missing at a removal", REMOVAL, f"mv {NFT} {NFT}.away", f"mv {NFT}.away {NFT}", removes=True,
           fails="nft is not installed on this host"),
    Before("nft fails to load at a removal", REMOVAL, only(NFT, _LOADS, "echo 'Error: boom' >&2; exit 1"),
           restored(NFT), removes=True, fails="Error: boom"),
    Before("the folder is read-only at a removal", REMOVAL, read_only(LIB), writable(LIB), removes=True,
           fails="Read-only file system"),
    Before("/etc is read-only at a removal", REMOVAL, read_only("/etc"), writable("/etc"), removes=True,
           fails="Read-only file system"),
    Before("systemctl fails at a removal", REMOVAL, instead(CTL, "echo boom >&2; exit 1"), restored(CTL), removes=True,
           fails="boom"),
]  # fmt: skip
BREAKS = [*FAILS, *REPAIRS, *UNITS, *WORKS, *REMOVALS]


def drive(one: Before, bench: Bench) -> Seen:
    bench.ready(PLAIN)
    before, start = bench.clean, time.monotonic()
    bench.machine.run("sh", "-c", one.happens)
    operator = bench.operator
    changes = bool(one.fails and not one.removes) or one.works
    operator.inventory(**{**(PLAIN.strict() if changes else PLAIN.variables), **one.variables})
    run = operator.run(REMOVE if one.removes else SITE)
    if one.undone:
        bench.machine.run("sh", "-c", one.undone)
    said = f"the run said: {run.words[-700:]}"
    table = OLD
    if one.fails:
        run.failed()
        assert one.fails in run.words, said
        assert "Traceback" not in run.words, said
        bench.until_nothing_waits(time.monotonic() + LONG_HOLD + SPARE)
        after = bench.state()
        assert after.table == before.table, "the table is not bit for bit the old one"
        if one.late_repair is False:
            same_files(before, after)
    elif one.works:
        run.ok(changed=True)
        table = NEW
    elif one.removes:
        assert one.says in run.ok().words, said
        gone = bench.state()
        assert (gone.table, "portbook" in gone.files) == ("", False), f"the removal left {gone.files[:400]}"
        table = "none"
    else:
        assert one.says in run.ok(changed=one.changes).words, said
    next_run = _next_run(one, bench)
    assert one.loads or bench.state().beside == before.beside, "unmanaged rules differ"
    if one.loads:
        bench.machine.run("systemctl", "restart", "nftables")
    bench.rebase()
    cut = bench.watch.longest_cut(start)
    assert cut is None, f"nobody got in for {cut:.1f} s"
    return Seen(None, table, next_run)


def _next_run(one: Before, bench: Bench) -> str:
    operator = bench.operator
    operator.inventory(**PLAIN.variables)
    again = bool(one.works or one.late_repair or (one.removes and not one.fails))
    run = operator.run().ok(changed=again if one.late_repair is not None else None)
    if again:
        operator.run().ok(changed=False)
    now = bench.state()
    tidy(now)
    return f"ok, changed {run.recap['changed']}"
