# SPDX-License-Identifier: GPL-3.0-or-later
"""What the kinds of test need of the machine: each function says what is lacking, or nothing."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parent.parent
BIN = Path(sys.executable).parent


def in_environment(*tools: str) -> Callable[[], str | None]:
    def missing() -> str | None:
        lacking = [tool for tool in tools if not (BIN / tool).exists()]
        return f"{', '.join(lacking)} missing from the environment: make setup" if lacking else None

    return missing


def needs_of_sanity() -> str | None:
    if shutil.which("git") is None:
        return "git missing: apt-get install git"
    if not (CHECKOUT / ".git").exists():
        return "a git checkout, which an unpacked archive is not: git clone"
    return in_environment("ansible-test")()


# Others than root get a namespace in which they are root.
ROOT = [] if os.geteuid() == 0 else ["unshare", "-Urn"]
SYSTEM = f"{os.environ.get('PATH', os.defpath)}{os.pathsep}/usr/sbin{os.pathsep}/sbin"


def needs_of_kernel() -> str | None:
    lacking = [program for program in ("nft", "ip", "unshare") if shutil.which(program, path=SYSTEM) is None]
    if lacking:
        return f"{', '.join(lacking)} missing: apt-get install nftables iproute2 util-linux"
    tried = [*ROOT, "unshare", "-n", "nft", "list", "ruleset"]
    done = subprocess.run(tried, env={**os.environ, "PATH": SYSTEM}, capture_output=True, text=True, check=False)
    if done.returncode == 0:
        return None
    return (
        f"network namespaces with nftables are not permitted here ({done.stderr.strip() or 'no reason given'}): "
        "run it as root, or allow user namespaces (sysctl kernel.unprivileged_userns_clone=1)"
    )


# Programs that a real machine takes, and the packages that have them.
MACHINE_NEEDS = {
    "systemd-nspawn": "systemd-container",
    "mmdebstrap": "mmdebstrap",
    "ssh": "openssh-client",
    "nft": "nftables",
    "ip": "iproute2",
    "setpriv": "util-linux",
}
MACHINE_ROOT = "PORTBOOK_MACHINE_ROOT"


def needs_of_machine() -> str | None:
    if os.geteuid() != 0:
        return "root, to start a machine: run it as root"
    given = os.environ.get(MACHINE_ROOT)
    if given and not (Path(given) / "usr/lib/systemd/systemd").exists():
        return f"{MACHINE_ROOT} names {given}, which is no root folder with systemd in it"
    needs = {program: package for program, package in MACHINE_NEEDS.items() if not (given and program == "mmdebstrap")}
    lacking = [program for program in needs if shutil.which(program, path=SYSTEM) is None]
    if lacking:
        return f"{', '.join(lacking)} missing: apt-get install {' '.join(needs[one] for one in lacking)}"
    return None


PWSH = "PORTBOOK_PWSH"
# Beside the checkout, on machines that have it: unpacks a PowerShell and prints its path.
PWSH_BESIDE = CHECKOUT.parent / "shared" / "pwsh" / "unpack"


def named_pwsh() -> str | None:
    """The PowerShell that this machine is meant to have: named, or beside the checkout."""
    if os.environ.get(PWSH):
        return os.environ[PWSH]
    if not PWSH_BESIDE.exists():
        return None
    return subprocess.run([PWSH_BESIDE], check=True, stdout=subprocess.PIPE, text=True).stdout.strip()


def needs_of_pwsh() -> str | None:
    pwsh = os.environ.get(PWSH) or shutil.which("pwsh")
    if pwsh is None:
        return f"PowerShell 7.4 or newer missing: put pwsh on the path, or name it in {PWSH}"
    try:
        told = subprocess.run([pwsh, "--version"], capture_output=True, text=True, check=True).stdout.strip()
        version = tuple(int(part) for part in told.removeprefix("PowerShell ").split(".")[:2])
    except (OSError, ValueError, subprocess.CalledProcessError) as error:
        return f"{pwsh} does not say its version ({error}): name another in {PWSH}"
    return None if version >= (7, 4) else f"PowerShell 7.4 or newer, and {pwsh} is {told}: name another in {PWSH}"
