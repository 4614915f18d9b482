# SPDX-License-Identifier: GPL-3.0-or-later
"""First process of a laboratory: a place of its own for network, mounts and processes, with the machines in it.

Called by laboratory.py with what to build, as JSON. When it ends, for whatever reason, the kernel ends all that is in
the place and takes the mounts and networks away, so that nothing has to be cleaned up.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

# Of nspawn, where it does not manage the unit: the machine asks for a reboot.
_REBOOT = 133
PLAIN = ("--capability=CAP_NET_ADMIN,CAP_NET_RAW",)
# As far as a container engine needs it.
CONTAINERS = ("--capability=all", "--system-call-filter=add_key keyctl bpf")
READY = b"ready\n"
PLACE = Path("/run/laboratory")


def call(*words: str) -> None:
    subprocess.run(words, check=True)


def disk(name: str, base: str) -> Path:
    """Over the root that all share; it outlives a reboot of the machine, not the laboratory."""
    folders = {part: PLACE / name / part for part in ("upper", "work", "root")}
    for folder in folders.values():
        folder.mkdir(parents=True)
    layers = f"lowerdir={base},upperdir={folders['upper']},workdir={folders['work']}"
    call("mount", "-t", "overlay", "overlay", "-o", layers, str(folders["root"]))
    return folders["root"]


def name_it(root: Path, name: str) -> None:
    (root / "etc/hostname").write_text(f"{name}\n")
    (root / "etc/machine-id").write_text(f"{hashlib.sha256(name.encode()).hexdigest()[:32]}\n")


def admit(root: Path, key: str) -> None:
    for user, home in ((0, root / "root"), ((root / "home/deploy").stat().st_uid, root / "home/deploy")):
        folder = home / ".ssh"
        folder.mkdir(mode=0o700, exist_ok=True)
        (folder / "authorized_keys").write_text(key)
        for path in (folder, folder / "authorized_keys"):
            os.chown(path, user, user)


def start(machine: dict[str, Any]) -> subprocess.Popen[bytes]:
    name = machine["name"]
    environment = dict(os.environ)
    if machine["containers"]:
        environment["SYSTEMD_NSPAWN_API_VFS_WRITABLE"] = "network"
    options = ["--quiet", "--register=no", "--keep-unit", "--console=pipe", f"--machine={name}", "--boot"]
    options += [f"--network-namespace-path=/run/netns/{name}", f"--directory={PLACE / name / 'root'}"]
    options += CONTAINERS if machine["containers"] else PLAIN
    # Two systemd in one control group would stop each other's services.
    enter = "".join(f"echo $$ >'{group}/cgroup.procs'; " for group in machine["groups"])
    return subprocess.Popen(
        ["sh", "-c", f'{enter}exec systemd-nspawn "$@"', "sh", *options],
        stdin=subprocess.DEVNULL,
        stdout=2,
        env=environment,
    )


def again(name: str, code: int) -> bool:
    """A reboot, or a power cut, which is asked for by a file; whoever switches off stays off."""
    asked = PLACE / name / "power-cut"
    cut = asked.exists()
    asked.unlink(missing_ok=True)
    return cut or code == _REBOOT


def forget(name: str) -> None:
    """The network outlives the machine, and so would rules, which no kernel has after its start."""
    words = ["ip", "netns", "exec", name, "chroot", str(PLACE / name / "root"), "nft", "flush", "ruleset"]
    # A test may have broken the machine's nft.
    subprocess.run(words, check=False)


def main() -> int:
    given = json.loads(sys.argv[1])
    # Everything that programs leave in /run stays in here: names of networks, nspawn's locks, ssh's sockets.
    call("mount", "-t", "tmpfs", "tmpfs", "/run")
    for command in given["network"]:
        call(*command)
    (PLACE / "ssh").mkdir(parents=True, mode=0o700)
    for machine in given["machines"]:
        root = disk(machine["name"], machine["root"])
        name_it(root, machine["name"])
        admit(root, given["key"])
    os.write(1, READY)
    running = {process.pid: (process, one) for one in given["machines"] for process in [start(one)]}
    while running:
        # The first process of a place inherits what others leave behind.
        pid, status = os.wait()
        if pid in running:
            _process, machine = running.pop(pid)
            if again(machine["name"], os.waitstatus_to_exitcode(status)):
                forget(machine["name"])
                process = start(machine)
                running[process.pid] = (process, machine)
    return 0


if __name__ == "__main__":
    sys.exit(main())
