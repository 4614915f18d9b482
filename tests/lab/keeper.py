# SPDX-License-Identifier: GPL-3.0-or-later
"""First process of a laboratory: a place of its own for network, mounts and processes, with one machine in it.

Called by laboratory.py with the root folder. When it ends, for whatever reason, the kernel ends all that is in the
place and takes the mounts and networks away, so that nothing has to be cleaned up.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

OUTSIDE = ("192.0.2.1", "192.0.2.2", "192.0.2.3")
INSIDE = "192.0.2.10"
# Of nspawn, where it does not manage the unit: the machine asks for a reboot.
_REBOOT = 133
PLAIN = ("--capability=CAP_NET_ADMIN,CAP_NET_RAW",)
# As far as a container engine needs it.
CONTAINERS = ("--capability=all", "--system-call-filter=add_key keyctl bpf")
READY = b"ready\n"
PLACE = Path("/run/laboratory")
POWER_CUT = PLACE / "power-cut"
"""There, if the machine's first process is killed to be started again."""


def call(*words: str) -> None:
    subprocess.run(words, check=True)


def network() -> None:
    call("ip", "netns", "add", "machine")
    call("ip", "link", "add", "outside", "type", "veth", "peer", "name", "host0", "netns", "machine")
    call("ip", "link", "set", "lo", "up")
    for address in OUTSIDE:
        call("ip", "address", "add", f"{address}/24", "dev", "outside")
    call("ip", "link", "set", "outside", "up")
    call("ip", "-n", "machine", "link", "set", "lo", "up")
    call("ip", "-n", "machine", "address", "add", f"{INSIDE}/24", "dev", "host0")
    call("ip", "-n", "machine", "link", "set", "host0", "up")


def disk(base: str) -> Path:
    """Over the root that all share; it outlives a reboot of the machine, not the laboratory."""
    folders = {name: PLACE / name for name in ("upper", "work", "root", "ssh")}
    for folder in folders.values():
        folder.mkdir(parents=True, mode=0o700 if folder.name == "ssh" else 0o755)
    layers = f"lowerdir={base},upperdir={folders['upper']},workdir={folders['work']}"
    call("mount", "-t", "overlay", "overlay", "-o", layers, str(folders["root"]))
    return folders["root"]


def admit(root: Path, key: str) -> None:
    for user, home in ((0, root / "root"), ((root / "home/deploy").stat().st_uid, root / "home/deploy")):
        folder = home / ".ssh"
        folder.mkdir(mode=0o700, exist_ok=True)
        (folder / "authorized_keys").write_text(key)
        for path in (folder, folder / "authorized_keys"):
            os.chown(path, user, user)


def main() -> int:
    base, key, *also = sys.argv[1:]
    # Everything that programs leave in /run stays in here: names of networks, nspawn's locks, ssh's sockets.
    call("mount", "-t", "tmpfs", "tmpfs", "/run")
    network()
    root = disk(base)
    admit(root, key)
    options = ["--quiet", "--register=no", "--keep-unit", "--console=pipe", "--machine=machine", "--boot"]
    options += ["--network-namespace-path=/run/netns/machine", *(CONTAINERS if also else PLAIN)]
    if also:
        os.environ["SYSTEMD_NSPAWN_API_VFS_WRITABLE"] = "network"
    os.write(1, READY)
    while True:
        machine = subprocess.Popen(
            ["systemd-nspawn", *options, f"--directory={root}"], stdin=subprocess.DEVNULL, stdout=2
        )
        code = None
        while code is None:
            # The first process of a place inherits what others leave behind.
            pid, status = os.wait()
            code = os.waitstatus_to_exitcode(status) if pid == machine.pid else None
        if POWER_CUT.exists():
            POWER_CUT.unlink()
            # The rules are the network's, which a kernel without power would not have either.
            call("ip", "netns", "exec", "machine", "nft", "flush", "ruleset")
        elif code != _REBOOT:
            return code


if __name__ == "__main__":
    sys.exit(main())
