# SPDX-License-Identifier: GPL-3.0-or-later
"""What Molecule's create and destroy do: machines by PORTBOOK_LAB, and the inventory that leads to them.

And a PowerShell, where a scenario wants one."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import needs
import yaml

from demo.namespaces import LabError as NoSpaces
from lab import network, roots, spaces, standing, widened

FOLDER = roots.CHECKOUT / "build" / "molecule"
MACHINES = ("one", "two", "three")
LAB, INVENTORY = "PORTBOOK_LAB", "PORTBOOK_LAB_INVENTORY"
NETNS, NSPAWN, NONE = "netns", "nspawn", "none"
USERS = ("siem-1", "probe-1")
"""As the README calls its machines."""
README = {
    "# inventory/hosts.yml": "inventory/hosts.yml",
    "# inventory/group_vars/all.yml": "inventory/group_vars/all.yml",
    "- name: Firewalls of the probes": "site.yml",
}
_LOCAL = {"ansible_connection": "local"}
_BLOCK = re.compile(r"^```yaml\n(.*?)^```$", re.DOTALL | re.MULTILINE)
ROOT = "firewalld"
"""A feature of the machines' root, off until a scenario switches it on."""


def up(lab: str) -> str:
    if lab == NONE:
        given = os.environ.get(INVENTORY, "")
        if not Path(given).is_file():
            raise standing.LabError(
                f"{LAB}=none: {INVENTORY} names {given or 'no file'}. Name an inventory with machines and outside"
            )
        widened.write(FOLDER / "catalog")
        return f"Your own machines, as {given} has them"
    down(lab)
    FOLDER.mkdir(parents=True, exist_ok=True)
    if lab == NETNS:
        hosts = _of_spaces(spaces.up(MACHINES, FOLDER))
    elif lab == NSPAWN:
        standing.up([standing.Asked.read(f"{name}={roots.SUITE}+{ROOT}") for name in MACHINES], FOLDER)
        hosts = _of_machines()
    else:
        raise standing.LabError(f"{LAB}={lab}: there are {NETNS}, {NSPAWN} and {NONE}")
    # Taking down what was there has emptied the folder.
    widened.write(FOLDER / "catalog")
    _write(FOLDER / "hosts.yml", hosts)
    _write_user(hosts, FOLDER / "user")
    return f"Up: {', '.join(MACHINES)}"


def down(lab: str) -> str:
    """Also what another lab than the one that is asked for has left here."""
    if lab == NONE:
        return "Your own machines stay as they are"
    spaces.down(FOLDER)
    standing.down(FOLDER)
    return "Down"


def pwsh(_lab: str) -> str:
    """The path of a PowerShell in which every object of the firewall is a fake; empty, where there is none."""
    named = needs.named_pwsh()
    if named is not None:
        os.environ[needs.PWSH] = named
    if needs.needs_of_pwsh() is not None:
        return ""
    home = FOLDER / "pwsh"
    # What the modules for Windows wrote in an earlier run.
    (FOLDER / "wrapped.json").unlink(missing_ok=True)
    found = Path(os.environ.get(needs.PWSH) or shutil.which("pwsh") or "").resolve()
    places = {"PWSH_HOME": str(found.parent), "FAKE_PWSH_HOME": str(home)}
    script = roots.CHECKOUT / "tests/windows/pwsh/fake/make-fake-pwsh.sh"
    subprocess.run(["sh", str(script)], env={**os.environ, **places}, check=True, stdout=subprocess.DEVNULL)
    return str(home / "fakepwsh")


def _write(path: Path, content: dict[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(yaml.safe_dump(content, sort_keys=False))


def _write_user(hosts: dict[str, Any], folder: Path) -> None:
    """What the README has for a user's repository, word for word, and these machines under its names."""
    blocks = _BLOCK.findall((roots.CHECKOUT / "README.md").read_text(encoding="utf-8"))
    for begin, name in README.items():
        (text,) = [block for block in blocks if block.startswith(begin)]
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(f"---\n{text}")
    children = hosts["all"]["children"]
    machines = dict(zip(USERS, children["machines"]["hosts"].values(), strict=False))
    if "ssh" not in hosts["all"]["vars"]["lab_has"]:
        # In a namespace everything is done as root already.
        machines = {name: variables | {"ansible_become": False} for name, variables in machines.items()}
    outside = {"peer": children["outside"]["hosts"]["peer"], "stranger": children["outside"]["hosts"]["stranger"]}
    children = {"machines": {"hosts": machines}, "outside": {"hosts": outside}}
    _write(folder / "machines.yml", {"all": {"vars": hosts["all"]["vars"], "children": children}})


def _of_spaces(interpreters: dict[str, str]) -> dict[str, Any]:
    def reached(name: str) -> dict[str, Any]:
        return _LOCAL | {"ansible_python_interpreter": interpreters[name]}

    machines = {name: reached(name) | _addresses(name) for name in MACHINES}
    return _inventory(machines, reached("outside"), reached(network.ROUTER), [])


def _of_machines() -> dict[str, Any]:
    (written,) = yaml.safe_load((FOLDER / standing.INVENTORY).read_text()).values()
    machines = {name: written["hosts"][name] | _addresses(name) for name in MACHINES}
    places = {}
    for name, words in (("outside", ""), (network.ROUTER, f"ip netns exec {network.ROUTER} ")):
        script = FOLDER / f"python-{name}"
        script.write_text(f'#!/bin/sh\nexec {FOLDER / "outside"} {words}{sys.executable} "$@"\n')
        script.chmod(0o755)
        places[name] = _LOCAL | {"ansible_python_interpreter": str(script)}
    return _inventory(machines, places["outside"], places[network.ROUTER], ["systemd", "ssh"])


def _addresses(name: str) -> dict[str, Any]:
    return {"portbook_addresses": list(network.of_machine(MACHINES.index(name) + 1))}


def _inventory(
    machines: dict[str, Any], outside: dict[str, Any], router: dict[str, Any], has: list[str]
) -> dict[str, Any]:
    # No machine of ours: whatever is applied to all hosts leaves these alone.
    outside, router = outside | {"portbook_backend": "none"}, router | {"portbook_backend": "none"}
    places = {
        "peer": outside | {"portbook_addresses": [network.PEER, network.PEER6]},
        "stranger": outside | {"portbook_addresses": [network.STRANGER, network.STRANGER6]},
    }
    near = {}
    for number, name in enumerate(MACHINES, 1):
        # IPv4 alone: what is a local subnet of IPv6 is the machine's to know.
        near[f"near_{name}"] = router | {"portbook_addresses": [network.neighbour_of(number)[0]]}
    children = {"machines": {"hosts": machines}, "outside": {"hosts": places | near}}
    return {"all": {"vars": {"lab_has": has, "lab_folder": str(FOLDER)}, "children": children}}


def main() -> int:
    lab = os.environ.get(LAB) or NETNS
    try:
        print({"up": up, "down": down, "pwsh": pwsh}[sys.argv[1]](lab))
    except (standing.LabError, NoSpaces) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
