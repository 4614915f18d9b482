# SPDX-License-Identifier: GPL-3.0-or-later
"""Whatever becomes of the controller, or of its way to the host, between a change and its confirmation."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from pathlib import Path

from lab.network import STRANGER
from machine.faults.bench import PLAIN, Bench, State, same_files, tidy
from machine.faults.model import CONTROLLER, LONG_HOLD, NEW, OLD, SPARE, Crowd, OnTheWay, Seen
from machine.faults.shell import (
    LIB,
    RUN,
    down_for,
    instead,
    numbered_back,
    read_only,
    renumbered,
    restored,
    writable,
)
from machine.helpers.playbooks import Operator, Run, finished

# When Ansible ends its connection, it waits until the test has done what it does.
_WAITS = """
for word in "$@"; do case "$word" in stop|exit)
    touch {folder}/reached
    while [ ! -e {folder}/go ]; do sleep 0.05; done ;;
esac; done
[ ! -e {folder}/go ] || {{ :; {then}
}}
exec "$SSH" "$@"
"""
_KEEPS = 'for word in "$@"; do case "$word" in stop|exit) exit 0 ;; esac; done'
_FROM_ANOTHER = f'set -- -o BindAddress={STRANGER} "$@"'
_USER = {"ansible_user": "deploy", "ansible_become": True}
_SLOW = "printf 'sleep %s\\n' {} >/root/.ssh/rc"
_FAST = "rm /root/.ssh/rc"
_NO_LONGER = "it no longer waits"


def _on(name: str, ends: str, happens: str = "", undone: str = "", **more: object) -> OnTheWay:
    return OnTheWay(name, CONTROLLER, ends, happens, undone, **more)  # type: ignore[arg-type]


def _back_after(program: str, does: str, seconds: float) -> str:
    return f"{instead(program, does)}; (sleep {seconds}; {restored(program)}) </dev/null >/dev/null 2>&1 &"


BREAKS = [
    _on("the controller is killed with all its processes", OLD, signals="KILL"),
    _on("ansible-playbook is killed, its worker goes on", "", signals="KILL", first_only=True),
    _on("all processes of the run are terminated", "", signals="TERM"),
    _on("all processes of the run are interrupted", "", signals="INT"),
    _on("the terminal of the run is closed", "", signals="HUP"),
    _on("the controller is suspended for longer than the hold", OLD, signals="STOP", woken=True, says=_NO_LONGER),
    _on("the ssh connection is cut", NEW, "pkill -KILL -f '^sshd: root'; true"),
    _on("the link is down for three seconds", NEW, down_for(3)),
    _on("the link is down for longer than the hold", OLD, f"({down_for(LONG_HOLD + 2)}) </dev/null >/dev/null 2>&1 &"),
    _on("the host gets another address", OLD, renumbered(), numbered_back()),
    _on("the shared connection outlives its reset", NEW, ssh=_KEEPS),
    _on("the operator comes back from an address that is not let in", OLD, ssh=_FROM_ANOTHER),
    _on("the operator comes back from another address that is let in", NEW, ssh=_FROM_ANOTHER,
        variables={"portbook_management": ["192.0.2.0/29"], "portbook_management_ports": [22]}),
    _on("through a jump host", NEW, jump=True),
    _on("as a user, with sudo", NEW, variables=_USER),
    _on("as a user whose sudo is gone", OLD, "mv /usr/bin/sudo /usr/bin/away", "mv /usr/bin/away /usr/bin/sudo",
        variables=_USER),
    _on("logins take three seconds", NEW, _SLOW.format(3), _FAST),
    _on("logins take longer than the hold", OLD, _SLOW.format(LONG_HOLD + 5), _FAST, says="The last login"),
    _on("sshd is stopped, and started after six seconds", NEW, "(systemctl stop ssh; sleep 6; systemctl start ssh) "
        "</dev/null >/dev/null 2>&1 &"),
    _on("sshd is started again", NEW, "systemctl restart ssh"),
    _on("logind ends all of the operator", NEW, "loginctl terminate-user root"),
    _on("dbus is stopped", NEW, "systemctl stop dbus.socket dbus", "systemctl start dbus.socket dbus"),
    _on("systemd starts again", NEW, "systemctl daemon-reexec"),
    _on("systemd reads its units again", NEW, "systemctl daemon-reload"),
    _on("every Python on the host is killed", NEW, "pkill -KILL python3; true"),
    _on("Python on the host is gone for four seconds", NEW, "mv /usr/bin/python3 /usr/bin/away; (sleep 4; "
        "mv /usr/bin/away /usr/bin/python3) </dev/null >/dev/null 2>&1 &"),
    _on("nft fails for four seconds", NEW, _back_after("/usr/sbin/nft", "exit 1", 4)),
    _on("systemctl fails for four seconds", "", _back_after("/usr/bin/systemctl", "exit 1", 4)),
    _on("systemctl fails", OLD, instead("/usr/bin/systemctl", "exit 1"), restored("/usr/bin/systemctl")),
    _on("the folder is deleted", OLD, f"rm -rf {LIB}", forgets=True),
    _on("the folder is read-only", OLD, read_only(LIB), writable(LIB)),
    _on("the notes are deleted", OLD, f"rm -rf {RUN}", says=_NO_LONGER),
    _on("the notes are read-only", OLD, read_only(RUN), writable(RUN)),
    _on("the new table's file is damaged", OLD, f"echo '#' >>{LIB}/table.nft.next"),
    _on("somebody edits the table", OLD, "nft add rule inet portbook inbound counter accept",
        says="table that was to be confirmed"),
    _on("the power is cut", OLD, power=True),
    Crowd("three controllers at once, of one mind", CONTROLLER, ("strict", "strict", "strict")),
    Crowd("three controllers at once, of two minds", CONTROLLER, ("strict", "open", "strict")),
]  # fmt: skip


def drive(one: OnTheWay, bench: Bench) -> Seen:
    bench.ready(PLAIN)
    before, operator = bench.clean, bench.operator
    variables = PLAIN.strict(**one.variables)
    if one.jump:
        args = operator.environment["ANSIBLE_SSH_ARGS"]
        jump = f"ssh {args} -o ControlPath={operator.folder}/jump -W %h:%p root@{bench.machine.address}"
        variables["ansible_ssh_common_args"] = f"-o ProxyCommand='{jump}'"
    operator.inventory(**variables)
    for name in ("reached", "go"):
        (operator.folder / name).unlink(missing_ok=True)
    operator.ssh(_WAITS.format(folder=operator.folder, then=one.ssh))
    start = time.monotonic()
    process = operator.start()
    _until(operator.folder / "reached", process)
    loaded, new = time.monotonic(), bench.table()
    run = _happens(one, bench, process)
    if one.undone:
        time.sleep(max(0.0, loaded + LONG_HOLD + 1 - time.monotonic()))
        bench.machine.run("sh", "-c", one.undone)
    end = max(loaded + LONG_HOLD + SPARE, time.monotonic() + SPARE)
    bench.until_nothing_waits(end)
    assert bench.machine.answers_ssh(max(SPARE, end - time.monotonic())), "nobody gets in any more"
    operator.environment.pop("ANSIBLE_SSH_EXECUTABLE")
    assert one.says in run.words, f"the run said: {run.words[-600:]}"
    ended = _ended(one, bench, run, new)
    next_run = _next_run(one, bench, ended, variables)
    cut = bench.watch.longest_cut(start)
    assert cut is None or cut < LONG_HOLD + SPARE or one.power, f"nobody got in for {cut:.1f} s"
    _keep(bench, before, one.power)
    return Seen(cut, ended, next_run)


def _until(path: Path, process: subprocess.Popen[str]) -> None:
    while not path.exists():
        if process.poll() is not None:
            raise AssertionError(
                f"the run ended before it asked for a new connection: {finished(process).words[-600:]}"
            )
        time.sleep(0.05)


def _happens(one: OnTheWay, bench: Bench, process: subprocess.Popen[str]) -> Run:
    operator = bench.operator
    if one.happens:
        bench.machine.run("sh", "-c", one.happens)
    if one.power:
        bench.machine.power_cut()
    if one.signals:
        number = signal.Signals[f"SIG{one.signals}"]
        if one.first_only:
            os.kill(_playbooks(bench)[0], number)
        else:
            bench.signal_all(operator, number)
    if one.woken:
        time.sleep(LONG_HOLD + 2)
        bench.signal_all(operator, signal.SIGCONT)
    (operator.folder / "go").touch()
    run = finished(process)
    if one.signals and not one.woken:
        # Workers have sessions of their own, and may go on.
        end = time.monotonic() + LONG_HOLD
        while _playbooks(bench) and time.monotonic() < end:
            time.sleep(0.1)
        bench.signal_all(operator, signal.SIGKILL)
    return run


def _playbooks(bench: Bench) -> list[int]:
    found = []
    for process in bench.processes(bench.operator):
        try:
            if b"ansible-playbook" in Path(f"/proc/{process}/cmdline").read_bytes():
                found.append(process)
        except OSError:
            continue
    return found


def _ended(one: OnTheWay, bench: Bench, run: Run, new: str) -> str:
    after, before = bench.state(), bench.clean
    if after.table == before.table:
        assert one.ends in (OLD, ""), f"the change was not confirmed: {run.words[-600:]}"
        if not one.forgets:
            same_files(before, after)
        if one.ends:
            run.failed()
        return OLD
    assert after.table == new, "the table is neither the old one nor the new one, bit for bit"
    assert one.ends in (NEW, ""), "the change was confirmed"
    tidy(after)
    if one.ends:
        run.ok(changed=True)
    return NEW


def _next_run(one: OnTheWay, bench: Bench, ended: str, variables: dict[str, object]) -> str:
    operator = bench.operator
    operator.inventory(**(variables if ended == NEW else PLAIN.variables))
    # Who is let in always is remembered by the address that confirmed.
    surely = not (one.forgets or one.ssh or one.variables or one.jump)
    run = operator.run().ok(changed=False if surely else None)
    if not surely:
        operator.run().ok(changed=False)
    now = bench.state()
    tidy(now)
    operator.inventory(**PLAIN.variables)
    if ended == NEW:
        operator.run().ok(changed=True)
    elif one.forgets:
        assert now.table == bench.clean.table, "the next run did not bring the table that was"
    return f"ok, changed {run.recap['changed']}"


def _keep(bench: Bench, before: State, power: bool) -> None:
    now = bench.state()
    assert power or now.beside == before.beside, "unmanaged rules differ"
    bench.rebase()


def crowd(one: Crowd, bench: Bench) -> Seen:
    """Whoever is first changes the host; the others say why they do not, or find that nothing is to be done."""
    bench.ready(PLAIN)
    start = time.monotonic()
    operators: list[Operator] = []
    for posture in one.postures:
        operators.append(bench.another(f"controller-{time.monotonic_ns()}"))
        operators[-1].inventory(**{**PLAIN.variables, "portbook_posture": posture})
    processes = [operator.start() for operator in operators]
    runs = [finished(process) for process in processes]
    refusals = ("another run is active on this host", "still waits to be confirmed", "Wait until it is confirmed")
    for run in runs:
        assert run.rc == 0 or any(word in run.words for word in refusals), f"a run said: {run.words[-600:]}"
    assert any(run.rc == 0 for run in runs), "no run succeeded"
    bench.until_nothing_waits(time.monotonic() + LONG_HOLD)
    done = sum(run.rc == 0 for run in runs)
    run = operators[0].run().ok()
    operators[0].run().ok(changed=False)
    assert bench.table() != bench.clean.table, "the table is not that of the run"
    bench.operator.run().ok(changed=True)
    cut = bench.watch.longest_cut(start)
    assert cut is None, f"nobody got in for {cut:.1f} s"
    _keep(bench, bench.clean, power=False)
    return Seen(None, f"of {done} of {len(runs)}", f"ok, changed {run.recap['changed']}")
