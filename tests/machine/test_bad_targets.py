# SPDX-License-Identifier: GPL-3.0-or-later
"""A target that lacks something says what, in one sentence, and is left as it was: real runs over real ssh.

All cases share two machines, one that nothing was done to and one that holds rules: each has to leave them alone."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from lab import keys, roots
from lab.laboratory import Laboratory, Spec
from lab.machine import Machine
from lab.network import PEER, STRANGER
from machine.faults.shell import ASKS_NO_PASSWORD, ASKS_PASSWORD
from machine.helpers.bad_targets import OLD_PYTHON, SEALED, WITHOUT_SYSTEMD, full, read_only, service_with
from machine.helpers.playbooks import HELD, HOST, REMOVE, SITE, Operator, Run
from machine.test_way_back import SPARE, about_to_be_cut, wait_until
from playbook_runs import results_in

MOST = 200
"""Characters of a message."""
CHECK, APPLY, TAKE_AWAY = "check", "apply", "remove"
ALL = (CHECK, APPLY, TAKE_AWAY)
CHANGE = {"portbook_posture": "strict", "portbook_restore_after_flush": True}
"""What is asked of a host that holds rules: other rules, and other units."""
PYTHON = "/usr/local/bin/python3.6"
_UNITS = "/etc/systemd/system"
_TOO_OLD_FOR = r"Python 3\.6\.8 on this host is too old for Ansible, which needs 3\.\d+ or newer there\. Install one, "
_MUST_WRITE = r"Read-only file system\. The rules must survive a restart, so root must be able to write there"
_NO_SPACE = r"No space left on device\. Free some space there"
_ASKS_NONE = f"cp -p /root/shadow /etc/shadow && {ASKS_NO_PASSWORD}"


@dataclass(frozen=True)
class Bad:
    """What is wrong with a target, how it is undone, and what is said of it."""

    says: str
    breaks: str = "true"
    undone: str = "true"
    host: dict[str, Any] = field(default_factory=dict)
    """Its variables."""
    fresh: tuple[str, ...] = ALL
    """Runs that fail on a machine that nothing was done to; the others find nothing wrong and change nothing."""
    held: tuple[str, ...] = ALL
    """Runs that fail on one that holds rules. The others are left out, since they would rightly change it."""


def _python(what: str) -> tuple[str, str]:
    return f"printf '{what}' >{PYTHON} && chmod 755 {PYTHON}", f"rm {PYTHON}"


_OLD = {"ansible_python_interpreter": PYTHON}
CASES = {
    "nft is not installed": Bad(
        r"nft is not installed on this host\. Install the package nftables",
        "mv /usr/sbin/nft /root/nft",
        "mv /root/nft /usr/sbin/nft",
    ),
    "the kernel has no nf_tables": Bad(
        r"nft failed: the kernel has no nf_tables\. Load the module nf_tables, or use another backend",
        *service_with("ExecStart=\nExecStart=/usr/bin/python3 /root/sealed.py /usr/sbin/sshd -D"),
    ),
    "root may not change networks": Bad(
        r"nft failed: the kernel does not permit it \(no CAP_NET_ADMIN here; a container perhaps\)\. Run it on the "
        "host itself",
        *service_with("CapabilityBoundingSet=~CAP_NET_ADMIN"),
    ),
    "/etc is read-only": Bad(
        rf"{_UNITS}\S* cannot be written: {_MUST_WRITE}", *read_only("/etc"), fresh=(CHECK, APPLY)
    ),
    "the folder of units is read-only": Bad(
        rf"{_UNITS}\S* cannot be written: {_MUST_WRITE}", *read_only(_UNITS), fresh=(CHECK, APPLY)
    ),
    "/var/lib is read-only": Bad(
        rf"/var/lib/portbook\S* cannot be written: {_MUST_WRITE}", *read_only("/var/lib"), fresh=ALL
    ),
    "the folder of the state is full": Bad(
        rf"/var/lib/portbook/table\.nft\.next cannot be written: {_NO_SPACE}",
        *full("/var/lib/portbook"),
        fresh=(APPLY,),
        held=(APPLY,),
    ),
    "the folder of the state is nearly full": Bad(
        rf"/var/lib/portbook/(state\.json\.next|table\.nft\.next|restore\.sh) cannot be written: {_NO_SPACE}",
        *full("/var/lib/portbook", spare=8192),
        fresh=(APPLY,),
        held=(APPLY,),
    ),
    "the folder of units is full": Bad(
        rf"{_UNITS}/\S* cannot be written: {_NO_SPACE}", *full(_UNITS), fresh=(APPLY,), held=(APPLY,)
    ),
    "/run is full": Bad(
        rf"(systemctl [\w. -]+ failed: systemd has not enough space on /run\S*\. Free some space there, 16 MB at least"
        rf"|/run/portbook\S* cannot be written: {_NO_SPACE})",
        "dd if=/dev/zero of=/run/fill bs=4k 2>/dev/null; true",
        "rm /run/fill",
        fresh=(APPLY,),
        held=(APPLY,),
    ),
    "there is no space for the module": Bad(
        r"there is no space for \S+ module in the temporary folder of the host\. Free some space there, or set "
        "ansible_remote_tmp to another folder",
        "mkdir -p /mnt/full && mount -t tmpfs -o size=64k tmpfs /mnt/full",
        "umount /mnt/full",
        {"ansible_pipelining": False, "ansible_remote_tmp": "/mnt/full/tmp"},
    ),
    "Python is too old": Bad(
        f"{_TOO_OLD_FOR}and set ansible_python_interpreter to its path",
        *_python('#!/bin/sh\\nPYTHONPATH=/opt/old exec /usr/bin/python3 "$@"\\n'),
        host=_OLD,
    ),
    "Python is so old that it cannot say so": Bad(
        r"the Python of this host is too old for Ansible \(older than 3\.7\)\. Install a newer one, and set "
        "ansible_python_interpreter to its path",
        *_python('#!/bin/sh\\necho "SyntaxError: future feature annotations is not defined" >&2\\nexit 1\\n'),
        host=_OLD,
    ),
    "Python is not there": Bad(
        r"Python was not found on this host: there is no /usr/bin/python3\.0\. Install it, or set "
        "ansible_python_interpreter to another one",
        host={"ansible_python_interpreter": "/usr/bin/python3.0"},
    ),
    "Python is killed": Bad(
        r"the module ended without an answer, with code 137.*\. Look into the host's journal for what ended it, then "
        "run again",
        *_python("#!/bin/sh\\nkill -KILL $$\\n"),
        host=_OLD,
    ),
    "not root, without become": Bad(
        r"root is needed to change the firewall\. Set become: true, with root as become_user",
        host={"ansible_user": "deploy"},
    ),
    "become another user": Bad(
        r"root is needed to change the firewall\. Set become: true, with root as become_user",
        host={"ansible_become": True, "ansible_become_user": "deploy"},
    ),
    "sudo refuses the password": Bad(
        r"sudo on this host refuses the password\. Correct ansible_become_password for this host",
        ASKS_PASSWORD,
        _ASKS_NONE,
        {"ansible_user": "deploy", "ansible_become": True, "ansible_become_password": "wrong"},
    ),
    "sudo asks for a password": Bad(
        r"sudo on this host asks for a password, and there is none\. Set ansible_become_password, or run with "
        "--ask-become-pass",
        ASKS_PASSWORD,
        _ASKS_NONE,
        {"ansible_user": "deploy", "ansible_become": True},
    ),
}
OF_ANSIBLE = re.compile("Python|root, without|become|sudo|module")
"""Cases that end before our module begins: the same on every Debian, and whatever the host holds."""
OF_THE_VERSION = {"/run is full", "the folder of units is full"}
"""Cases where another systemd may do something else."""
HERE = [name for name in CASES if roots.SUITE == "bookworm" or name in OF_THE_VERSION]
_EVERYTHING = r"""
find /etc /var/lib /run/portbook -path /var/lib/systemd -prune -o -printf '%p %y %m %u %g %l\n' 2>/dev/null | sort
find /etc /var/lib -path /var/lib/systemd -prune -o -type f -print0 | sort -z | xargs -0 sha256sum
systemctl list-unit-files --no-legend
systemctl list-units --all --no-legend --plain 'portbook*'
nft --stateless list ruleset
"""
_UNMANAGED = "table inet mine {\n chain input {\n type filter hook input priority 0\n tcp dport 9 drop\n }\n}\n"


def everything(machine: Machine) -> list[str]:
    return machine.run("sh", "-c", _EVERYTHING).splitlines()


def prepared(machine: Machine) -> None:
    machine.run("nft", "-f", "-", text=_UNMANAGED)
    machine.write("/root/sealed.py", SEALED)
    machine.run("mkdir", "/opt/old")
    machine.write("/opt/old/sitecustomize.py", OLD_PYTHON)
    machine.run("cp", "-p", "/etc/shadow", "/root/shadow")


def operator_of(folder: Path, machine: Machine, key: Path, root: Path) -> Operator:
    (folder / "operator").mkdir()
    operator = Operator(folder / "operator", machine, key, keys.known_host(root, machine.address))
    # Each run logs in, so that it finds what sshd may do now. Of an option that is given twice, the first holds.
    args = operator.environment["ANSIBLE_SSH_ARGS"]
    operator.environment["ANSIBLE_SSH_ARGS"] = f"-o ControlMaster=no -o ControlPath=none {args}"
    # A busy computer may take more than the usual ten seconds to ask for a password.
    operator.environment["ANSIBLE_TIMEOUT"] = "40"
    return operator


Bench = tuple[Machine, Operator]


@contextmanager
def raised(root: Path, key: Path, folder: Path, base: Path) -> Iterator[Bench]:
    """A machine from the root `base`, which may be one laid over `root`."""
    public = key.with_suffix(".pub").read_text()
    with Laboratory([Spec(HOST, base)], public, folder / "machine.log") as laboratory:
        machine = laboratory.machines[HOST]
        yield machine, operator_of(folder, machine, key, root)


@pytest.fixture(scope="module")
def fresh(root: Path, key: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    with raised(root, key, tmp_path_factory.mktemp("fresh"), root) as bench:
        prepared(bench[0])
        yield bench


@pytest.fixture(scope="module")
def holding(root: Path, key: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    with raised(root, key, tmp_path_factory.mktemp("holding"), root) as bench:
        prepared(bench[0])
        bench[1].run().ok(changed=True)
        yield bench
        bench[1].inventory()
        bench[1].run().ok(changed=False)


def started(operator: Operator, run: str) -> Run:
    return operator.run(REMOVE) if run == TAKE_AWAY else operator.run(SITE, *(["--check"] if run == CHECK else []))


def message(run: Run) -> str:
    (found,) = (str(data["msg"]) for word, _host, data in results_in(run.failed().output) if word == "fatal")
    return found


def refuses(bad: Bad, run: Run) -> None:
    said = message(run)
    assert re.fullmatch(f"{HOST}: {bad.says}", said), run.output
    assert len(said) <= MOST, said
    assert not re.search(r"Traceback|Errno|errno", run.output), run.output


@pytest.mark.more
@pytest.mark.parametrize("name", HERE)
def test_nothing_is_done_to_a_host_that_never_had_rules(fresh: Bench, name: str) -> None:
    machine, operator = fresh
    bad = CASES[name]
    operator.inventory(**bad.host)
    before = everything(machine)
    machine.run("sh", "-c", bad.breaks)
    try:
        machine.wait_for_ssh()
        for run in ALL:
            done = started(operator, run)
            if run in bad.fresh:
                refuses(bad, done)
            else:
                done.ok(changed=run == CHECK)
    finally:
        machine.run("sh", "-c", bad.undone)
        machine.wait_for_ssh()
    assert everything(machine) == before


@pytest.mark.more
@pytest.mark.parametrize("name", HERE)
def test_a_host_that_holds_rules_keeps_them(holding: Bench, name: str) -> None:
    machine, operator = holding
    bad = CASES[name]
    before = everything(machine)
    operator.inventory(**bad.host, **CHANGE)
    machine.run("sh", "-c", bad.breaks)
    try:
        machine.wait_for_ssh()
        for run in (APPLY,) if OF_ANSIBLE.search(name) else bad.held:
            refuses(bad, started(operator, run))
    finally:
        machine.run("sh", "-c", bad.undone)
        machine.wait_for_ssh()
    assert everything(machine) == before


@pytest.fixture
def bare(root: Path, key: Path, tmp_path: Path) -> Iterator[Bench]:
    """A machine whose first process is a shell that starts sshd."""
    folder = tmp_path / "layer"
    init = folder / "usr/lib/systemd/systemd"
    init.parent.mkdir(parents=True)
    init.write_text(WITHOUT_SYSTEMD)
    init.chmod(0o755)
    with raised(root, key, tmp_path, Path(f"{folder}:{root}")) as bench:
        yield bench


_FILES = "find /etc /var/lib /run/portbook -printf '%p %y %m %l\\n' 2>/dev/null | sort; nft list ruleset"


@pytest.mark.more
def test_without_systemd_the_rules_hold_and_the_run_says_that_a_restart_ends_them(bare: Bench) -> None:
    machine, operator = bare
    before = machine.run("sh", "-c", _FILES)
    machine.listen(5044)
    operator.run(SITE, "--check").ok(changed=True)
    assert machine.run("sh", "-c", _FILES) == before
    said = f"{HOST}: no systemd here, so the rules do not survive a restart of the host"
    assert said in operator.run().ok(changed=True).words
    assert machine.reached([(PEER, 5044), (STRANGER, 5044)]) == {(PEER, 5044)}
    assert "portbook" not in machine.run("find", "/etc")
    operator.run().ok(changed=False)
    operator.run(REMOVE).ok(changed=True)
    assert machine.run("sh", "-c", _FILES) == before


@pytest.mark.more
def test_without_systemd_a_change_that_cuts_management_access_is_taken_back(bare: Bench) -> None:
    """By a process of ours, to the second that systemd would take."""
    machine, operator = bare
    before = about_to_be_cut(machine, operator)
    said = message(operator.run())
    assert f"was not confirmed over a new connection, so the host takes it back within {HELD} s" in said
    wait_until(before, machine, time.monotonic() + SPARE)
    operator.inventory(portbook_management=["203.0.113.7"], portbook_management_ports=[22])
    operator.run().ok(changed=False)
    assert not machine.succeeds("test", "-e", "/run/portbook")
