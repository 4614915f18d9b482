# SPDX-License-Identifier: GPL-3.0-or-later
"""A change that cuts the way in is taken back by the host itself."""

from __future__ import annotations

import time
from typing import Any

import pytest
from lab.machine import Machine
from lab.network import CONTROLLER
from machine.helpers.playbooks import CONFIRMED, HELD, SITE, Operator, finished
from machine.test_remove import everything

SPARE = 5
# When Ansible gives up its connection, nobody gets a new one: as if the change had closed the port. The rule is in the
# laboratory's own network.
CUTS = f"""
for word in "$@"; do case "$word" in stop|exit) cut=1 ;; esac; done
"$SSH" "$@"
code=$?
[ -z "$cut" ] || nft -f - <<'RULES'
table ip cut {{
  chain out {{
    type filter hook output priority 0
    ip saddr {CONTROLLER} tcp dport 22 reject with tcp reset
  }}
}}
RULES
exit $code
"""
WORKS = 'exec "$SSH" "$@"'


def state(machine: Machine) -> tuple[str, str]:
    """The table and all files of ours that mean something."""
    script = "tail -n +1 /var/lib/portbook/*.json /var/lib/portbook/*.nft 2>&1"
    units = "ls /etc/systemd/system /etc/systemd/system/*.d /etc/systemd/system/sysinit.target.wants 2>&1; true"
    return machine.table(), machine.run("sh", "-c", f"{script}; {units}")


def join(machine: Machine) -> None:
    assert machine.outside("nft", "delete", "table", "ip", "cut").returncode == 0


def wait_until(before: tuple[str, str], machine: Machine, end: float) -> None:
    while state(machine) != before and time.monotonic() < end:
        time.sleep(0.2)
    assert state(machine) == before


def cut(operator: Operator, **variables: Any) -> None:
    """With the next run."""
    operator.inventory(**{"portbook_confirm_timeout": HELD, **variables})
    operator.ssh(CUTS)


def test_a_first_change_that_cuts_management_access_is_taken_back(machine: Machine, operator: Operator) -> None:
    before = state(machine)
    cut(operator)
    run = operator.run().failed()
    end = time.monotonic() + HELD + SPARE
    assert f"not confirmed over a new connection, so the host takes it back within {HELD} s" in run.words
    assert machine.table()
    wait_until(before, machine, end)
    join(machine)
    operator.ssh(WORKS)
    operator.inventory()
    operator.run().ok(changed=True)


# As CUTS, but it is mended after a few seconds.
HICCUP = CUTS.replace(
    "RULES\nexit", 'RULES\n[ -z "$cut" ] || (sleep 6; nft delete table ip cut) </dev/null >/dev/null 2>&1 &\nexit'
)


@pytest.mark.once
def test_a_hiccup_of_management_access_is_waited_for(machine: Machine, operator: Operator) -> None:
    operator.ssh(HICCUP)
    start = time.monotonic()
    operator.run().ok(changed=True)
    assert time.monotonic() - start > 6
    assert "tcp . 5044 : jump" in machine.table()
    assert not machine.succeeds("test", "-e", "/run/portbook")
    operator.ssh(WORKS)
    operator.run().ok(changed=False)


def test_a_later_change_that_cuts_management_access_is_taken_back_to_the_table_that_was(
    machine: Machine, operator: Operator
) -> None:
    """Also where logind ends all that a user has started when he leaves."""
    machine.write("/etc/systemd/logind.conf", "[Login]\nKillUserProcesses=yes\nKillExcludeUsers=\n")
    machine.run("systemctl", "restart", "systemd-logind")
    user = {"ansible_user": "deploy", "ansible_become": True}
    operator.inventory(**user)
    operator.run().ok(changed=True)
    before = state(machine)
    cut(operator, **user, portbook_posture="strict")
    operator.run().failed()
    end = time.monotonic() + HELD + SPARE
    assert machine.table() != before[0]
    wait_until(before, machine, end)


def test_a_reboot_before_the_confirmation_takes_the_change_back(machine: Machine, operator: Operator) -> None:
    operator.run().ok(changed=True)
    before = state(machine)
    cut(operator, portbook_posture="strict")
    operator.run().failed()
    assert machine.table() != before[0]
    join(machine)
    machine.reboot()
    assert state(machine) == before
    operator.ssh(WORKS)
    operator.inventory(portbook_posture="strict")
    operator.run().ok(changed=True)


def test_after_a_reboot_nothing_is_left_of_a_first_change_that_was_not_confirmed(
    machine: Machine, operator: Operator
) -> None:
    before = everything(machine)
    cut(operator, portbook_restore_after_flush=True)
    operator.run().failed()
    assert machine.succeeds("test", "-e", "/etc/systemd/system/portbook-firewall.service")
    join(machine)
    machine.reboot()
    assert machine.run("systemctl", "is-system-running", "--wait", check=False).strip() in ("running", "degraded")
    assert everything(machine) == before
    assert machine.run("systemctl", "list-units", "--failed", "--no-legend", "--plain") == ""
    operator.ssh(WORKS)
    operator.inventory(portbook_restore_after_flush=True)
    operator.run().ok(changed=True)


# Each takes the table that cuts the way in out of the kernel, so that a new connection gets in again.
FLUSHES = {
    "the distribution's service is restarted": ["systemctl", "restart", "nftables"],
    "the table is deleted": ["nft", "delete", "table", "inet", "portbook"],
    "everything is flushed and the table restored": ["nft", "flush", "ruleset"],
    "our own service is restarted": ["systemctl", "restart", "portbook-firewall"],
}


SAME_ON_ALL = ("the table is deleted", "everything is flushed and the table restored")


@pytest.mark.parametrize(
    "happens", [pytest.param(one, marks=[pytest.mark.once] * (one in SAME_ON_ALL)) for one in FLUSHES]
)
def test_a_change_that_cuts_is_not_confirmed_because_its_table_is_missing(
    machine: Machine, operator: Operator, happens: str
) -> None:
    before = about_to_be_cut(machine, operator, portbook_restore_after_flush="restored" in happens)
    run = operator.start()
    held(machine)
    assert not machine.answers_ssh(0.5)
    machine.run(*FLUSHES[happens])
    done = finished(run).failed()
    end = time.monotonic() + HELD + SPARE
    assert "the change was not confirmed" in done.words
    assert "table that was to be confirmed" in done.words or "were removed or cannot be read" in done.words
    wait_until(before, machine, end)
    machine.reboot()
    assert state(machine) == before
    assert machine.answers_ssh(5)


def about_to_be_cut(machine: Machine, operator: Operator, **variables: Any) -> tuple[str, str]:
    """With the next run; the machine does not see where its operator is, and is told of somebody else."""
    hide_the_way_in(machine)
    wrong = {**variables, "portbook_management": ["203.0.113.7"], "portbook_management_ports": [22]}
    operator.inventory(**wrong)
    operator.run().ok(changed=True)
    operator.inventory(**{"portbook_confirm_timeout": HELD, **wrong}, portbook_posture="strict")
    return state(machine)


@pytest.mark.once
def test_a_run_that_is_paused_longer_than_its_hold_cuts_nobody(machine: Machine, operator: Operator) -> None:
    before = about_to_be_cut(machine, operator)
    pause = f"touch /run/once; kill -STOP $PPID; sleep {HELD + 2}; kill -CONT $PPID"
    machine.run("mv", "/usr/sbin/nft", "/usr/sbin/nft.real")
    paused = f'[ "$1" = -f ] && [ ! -e /run/once ] && {{ {pause}; }}'
    machine.write("/usr/sbin/nft", f'#!/bin/sh\n{paused}\nexec /usr/sbin/nft.real "$@"\n', "755")
    words = operator.run().failed().words
    assert "did not answer within 10 s" in words or f"was not in place within the {HELD} s" in words
    assert state(machine) == before
    assert machine.answers_ssh(0.5)
    assert not machine.succeeds("test", "-e", "/run/portbook")


def held(machine: Machine) -> None:
    """Until a change waits, and what it loads is there."""
    end = time.monotonic() + CONFIRMED
    while not machine.succeeds("grep", "-q", "token", "/var/lib/portbook/state.json.next"):
        assert time.monotonic() < end
        time.sleep(0.1)


@pytest.mark.once
def test_while_a_change_waits_another_run_says_to_wait(machine: Machine, operator: Operator) -> None:
    """The first run gets stuck before it has a new connection."""
    operator.inventory(portbook_confirm_timeout=60)
    stuck = operator.folder / "stuck"
    hangs = f'for word in "$@"; do case "$word" in stop|exit) touch {stuck}; exec sleep 60 ;; esac; done'
    operator.ssh(f"{hangs}\n{WORKS}")
    first = operator.start()
    while first.poll() is None and not stuck.exists():
        time.sleep(0.1)
    operator.ssh(WORKS)
    words = operator.run().failed().words
    assert f"a change of this host, applied by ssh from {CONTROLLER} port " in words
    assert "still waits to be confirmed: until 20" in words
    first.kill()
    first.wait()


# Ansible's word that its connection is to end does nothing: others still use it, say.
SURVIVES = f'for word in "$@"; do case "$word" in stop|exit) exit 0 ;; esac; done\n{WORKS}'


@pytest.mark.once
def test_a_shared_connection_that_outlives_its_reset_confirms_nothing(machine: Machine, operator: Operator) -> None:
    """Ansible then takes one of its own."""
    operator.inventory(portbook_posture="strict")
    operator.ssh(SURVIVES)
    run = operator.run(SITE, "-vv").ok(changed=True)
    assert "not confirmed yet: the confirmation came over an ssh connection" in run.words
    operator.run().ok(changed=False)


@pytest.mark.once
@pytest.mark.more
def test_a_shared_connection_that_outlives_its_reset_saves_no_change_that_cuts(
    machine: Machine, operator: Operator
) -> None:
    before = about_to_be_cut(machine, operator)
    operator.ssh(SURVIVES)
    words = operator.run().failed().words
    end = time.monotonic() + HELD + SPARE
    assert "The last login and confirmation took" in words
    assert f"portbook_confirm_timeout (now {HELD})" in words
    wait_until(before, machine, end)
    assert machine.answers_ssh(0.5)


@pytest.mark.once
def test_behind_a_jump_host_the_connection_from_there_confirms(machine: Machine, operator: Operator) -> None:
    """The connection to the jump host is kept; the machine is its own."""
    ssh_args = operator.environment["ANSIBLE_SSH_ARGS"]
    jump = f"ssh {ssh_args} -o ControlPath={operator.folder}/jump -W %h:%p root@{machine.address}"
    operator.inventory(portbook_posture="strict", ansible_ssh_common_args=f"-o ProxyCommand='{jump}'")
    operator.run().ok(changed=True)
    assert machine.address in machine.run("cat", "/var/lib/portbook/state.json")
    operator.run().ok(changed=False)


@pytest.mark.once
@pytest.mark.parametrize("posture", ["strict", "guard"])
def test_without_management_access_a_posture_that_refuses_is_refused(
    machine: Machine, operator: Operator, posture: str
) -> None:
    hide_the_way_in(machine)
    operator.inventory(portbook_posture=posture)
    words = operator.run().failed().words
    assert "portbook_management" in words
    assert state(machine)[0] == ""


@pytest.mark.once
def test_without_management_access_management_addresses_get_in(machine: Machine, operator: Operator) -> None:
    hide_the_way_in(machine)
    operator.inventory(portbook_posture="strict", portbook_management=["192.0.2.0/29"], portbook_management_ports=[22])
    operator.run().ok(changed=True)
    operator.run().ok(changed=False)


def hide_the_way_in(machine: Machine) -> None:
    """As under a remote shell that tells nothing of where its user is."""
    shell = '#!/bin/sh\nexec env -u SSH_CONNECTION -u SSH_CLIENT sh -c "$SSH_ORIGINAL_COMMAND"\n'
    machine.write("/usr/local/bin/quiet-shell", shell, "755")
    machine.run("sed", "-i", 's|^|command="/usr/local/bin/quiet-shell" |', "/root/.ssh/authorized_keys")
