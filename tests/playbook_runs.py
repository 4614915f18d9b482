# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Real runs of ansible-playbook in a folder of their own, and what an operator sees of them.

It lies here, since tests/ansible cannot be a package: it would be taken for Ansible's own.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterable, Mapping
from copy import deepcopy
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from ansible.release import __version__ as core_version

BIN = Path(sys.executable).parent
CHECKOUT = Path(__file__).resolve().parent.parent
PLAN = "portbook.firewall.plan"
APPLY = "portbook.firewall.apply"
SUMMARY = "portbook.firewall.summary"
CORE = tuple(int(part) for part in core_version.split(".")[:2])
TIMEOUT = 150

# What reaches for a host is caught here. Exit code 255 is what Ansible takes for "unreachable".
_NO_SSH = """#!/bin/sh
echo "$@" >> "$PORTBOOK_TEST_CONTACTS"
exit 255
"""

SITE: dict[str, Any] = {
    "all": {
        "vars": {
            "portbook_peers": {"utmstack_console": ["198.51.100.0/24"], "utmstack_device": ["203.0.113.0/24"]},
            # Nothing is applied: these runs are about the plan and contact nobody.
            "portbook_backend": "none",
        },
        "children": {
            "utmstack_master": {"hosts": {"siem": {"ansible_host": "192.0.2.10"}}},
            "utmstack_probe": {"hosts": {"probe": {"ansible_host": "192.0.2.20"}}},
            "utmstack_agent": {
                "hosts": {
                    "web-1": {"ansible_host": "192.0.2.31"},
                    "web-2": {"ansible_host": "192.0.2.32"},
                    "web-3": {"ansible_host": "192.0.2.33"},
                }
            },
            "offices": {"hosts": {"desk": {"ansible_host": "192.0.2.90"}}},
        },
    }
}
"""A small SIEM, and a host that plays no part in it."""

HOSTS = ("siem", "probe", "web-1", "web-2", "web-3", "desk")


NOTHING = "nothing to plan"
_BLOCK = re.compile(rf"^(\S+(?:, \S+)*): (?:{NOTHING}.*\n|[a-z_0-9, ]+\n(?:  .*\n)+)", re.MULTILINE)
_RESULT = re.compile(r"^(ok|changed|fatal): \[([^\]]+)\](?:: \w+!)? => (?=\{)", re.MULTILINE)


def site(all_vars: Mapping[str, Any] | None = None, **host_vars: Mapping[str, Any]) -> dict[str, Any]:
    """The small SIEM with more variables; hosts' names are written with _ for -."""
    made = deepcopy(SITE)
    made["all"]["vars"].update(all_vars or {})
    given = {name.replace("_", "-"): values for name, values in host_vars.items()}
    for group in made["all"]["children"].values():
        for name, variables in group["hosts"].items():
            variables.update(given.pop(name, {}))
    assert not given, f"no such host: {given}"
    return made


SHOW: dict[str, Any] = {SUMMARY: {"show": "full"}, "run_once": True}


def play(*tasks: Mapping[str, Any] | str, **more: Any) -> dict[str, Any]:
    """A play for all hosts; a task may be an action's name alone."""
    listed = [{one: None} if isinstance(one, str) else dict(one) for one in tasks]
    return {"hosts": "all", "gather_facts": False, **({"tasks": listed} if listed else {}), **more}


def results_in(output: str) -> list[tuple[str, str, dict[str, Any]]]:
    read = json.JSONDecoder().raw_decode
    return [(one[1], one[2], read(output, one.end())[0]) for one in _RESULT.finditer(output)]


def words_of(output: str) -> str:
    """With single spaces, for Ansible breaks lines where it likes, and what was said for all hosts without quotes."""
    said = [
        line for _word, _host, data in results_in(output) if isinstance(data.get("msg"), list) for line in data["msg"]
    ]
    return " ".join(" ".join([output, *said]).split())


@dataclass(frozen=True)
class Run:
    rc: int
    stdout: str
    stderr: str
    plan_file: Path
    contacts: tuple[str, ...]

    @property
    def output(self) -> str:
        return f"{self.stdout}\n{self.stderr}"

    @property
    def words(self) -> str:
        """All that was printed with single spaces, for Ansible breaks lines where it likes."""
        return words_of(self.output)

    @cached_property
    def plan(self) -> dict[str, Any]:
        data: dict[str, Any] = json.loads(self.plan_file.read_text(encoding="utf-8"))
        return data

    def rules(self, host: str, flow: str | None = None) -> list[dict[str, Any]]:
        return [one for one in self.plan["hosts"][host]["rules"] if flow in (None, one["flow"])]

    def peers(self, host: str, flow: str) -> set[str]:
        """Addresses that the host's rules for a flow name."""
        return {peer for rule in self.rules(host, flow) for peer in self.plan["peers"].get(rule["peers"], [])}

    @cached_property
    def results(self) -> list[tuple[str, str, dict[str, Any]]]:
        """What was printed of results: how the task ended, the host, and the result."""
        return results_in(self.output)

    @cached_property
    def texts(self) -> list[list[str]]:
        """What was said for all hosts, each time by its lines."""
        return [data["msg"] for _word, _host, data in self.results if isinstance(data.get("msg"), list)]

    @cached_property
    def blocks(self) -> list[tuple[str, str]]:
        """The hosts' parts as they were shown, in the order of the text; those of equal hosts stand once there."""
        found = (block for lines in self.texts for block in _BLOCK.finditer("".join(f"{one}\n" for one in lines)))
        return [(host, one[0].replace(one[1], host, 1)) for one in found for host in one[1].split(", ")]

    @property
    def shown(self) -> dict[str, str]:
        """By host, the part that was printed last."""
        return dict(self.blocks)

    @cached_property
    def recap(self) -> dict[str, dict[str, int]]:
        _before, _mark, after = self.stdout.partition("PLAY RECAP")
        return {
            found[1]: {key: int(value) for key, value in re.findall(r"(\w+)=(\d+)", found[2])}
            for found in re.finditer(r"^(\S+)\s+: (ok=.*)$", after, re.MULTILINE)
        }

    @cached_property
    def errors(self) -> list[str]:
        """All of the plan, which one host's result lists."""
        found = [data["errors"] for word, _host, data in self.results if word == "fatal" and "errors" in data]
        assert len(found) <= 1, "the list of errors stands once"
        return [str(one) for one in found[0]] if found else []

    def message(self, host: str) -> str:
        return str(self.failure(host)["msg"])

    def failure(self, host: str) -> dict[str, Any]:
        """What the host's failed task said."""
        found = [data for word, name, data in self.results if word == "fatal" and name == host]
        assert found, f"{host} did not fail\n{self.output}"
        return found[0]

    def ok(self) -> Run:
        assert self.rc == 0, f"exit code {self.rc}\n{self.output}"
        return self

    def failed(self) -> Run:
        assert self.rc != 0, f"exit code 0\n{self.output}"
        return self


class Desk:
    """An operator's folder: an inventory, playbooks, and a shell that knows of nothing else."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.plan_file = folder / "plan.json"
        self.contacts = folder / "contacts.log"
        self.environment: dict[str, str] = {}
        (folder / "home").mkdir()
        self.write("ansible.cfg", "[defaults]\n")
        self.write("ssh", _NO_SSH).chmod(0o755)

    def write(self, name: str, content: str | Mapping[str, Any] | list[Any]) -> Path:
        """JSON is YAML, so that what tests write needs no escaping."""
        target = self.folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(content if isinstance(content, str) else json.dumps(content, indent=1), encoding="utf-8")
        return target

    def inventory(self, content: str | Mapping[str, Any], name: str = "inventory/hosts.yml") -> None:
        self.write(name, content)

    def run(
        self,
        *plays: Mapping[str, Any] | str,
        options: Iterable[str | Path] = (),
        keep: bool = True,
        sources: Iterable[str] = ("inventory",),
        **extra: Any,
    ) -> Run:
        """Play, or run the playbook of that name; `keep` asks for the plan's file, `extra` is what -e gives. Each play
        shows at its end what it planned and did."""
        names = [one for one in plays if isinstance(one, str)]
        made = [{"post_tasks": [SHOW], **one} for one in plays if not isinstance(one, str)]
        if made:
            names.append(str(self.write("playbook.yml", made)))
        given = {**({"portbook_plan_file": str(self.plan_file)} if keep else {}), **extra}
        more = ["-e", json.dumps(given)] if given else []
        given_sources = [word for one in sources for word in ("-i", one)]
        done = subprocess.run(
            [BIN / "ansible-playbook", *(names or [PLAN]), *given_sources, *more, *options],
            cwd=self.folder,
            env=self.environ(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=TIMEOUT,
            check=False,
        )
        contacts = self.contacts.read_text().splitlines() if self.contacts.exists() else []
        return Run(done.returncode, done.stdout, done.stderr, self.plan_file, tuple(contacts))

    def remember_facts(self, addresses: Mapping[str, str]) -> None:
        """Fill a fact cache, as an earlier run that gathered facts would have."""
        self.environment["ANSIBLE_CACHE_PLUGIN"] = "jsonfile"
        self.environment["ANSIBLE_CACHE_PLUGIN_CONNECTION"] = str(self.folder / "facts")
        facts = {
            "ansible_interfaces": ["lo", "eth0", "docker0"],
            "ansible_lo": {"device": "lo", "type": "loopback", "ipv4": {"address": "127.0.0.1"}},
            "ansible_docker0": {"device": "docker0", "type": "bridge", "ipv4": {"address": "172.17.0.1"}},
            "ansible_eth0": {
                "device": "eth0",
                "type": "ether",
                "ipv4": {"address": "{{ addresses[inventory_hostname] }}"},
                "ipv6": [{"address": "fe80::1", "scope": "link", "prefix": "64"}],
            },
        }
        remember = {"ansible.builtin.set_fact": {**facts, "cacheable": True}, "vars": {"addresses": dict(addresses)}}
        self.run(play(remember, hosts=list(addresses)), keep=False).ok()

    def emulate_windows(self, folder: Path) -> None:
        """What Windows hosts are told is done to the stores in that folder."""
        self.write(
            "emulated/sitecustomize.py",
            f"import sys\nsys.path.insert(0, {str(CHECKOUT / 'tests')!r})\n"
            "from importlib.machinery import PathFinder\n"
            "really = PathFinder.find_spec\n"
            "def find_spec(name, path=None, target=None):\n"
            "    if name == 'ansible.executor.playbook_executor':\n"
            "        PathFinder.find_spec = staticmethod(really)\n"
            "        from windows.fake.emulated_hosts import install\n"
            f"        install({str(folder)!r})\n"
            "    return really(name, path, target)\n"
            "PathFinder.find_spec = staticmethod(find_spec)\n",
        )
        self.environment["PYTHONPATH"] = str(self.folder / "emulated")

    def block_libraries(self, *names: str) -> None:
        """As if these had never been installed."""
        self.write(
            "blocked/sitecustomize.py",
            "from importlib.machinery import PathFinder\n"
            "really = PathFinder.find_spec\n"
            "def find_spec(name, path=None, target=None):\n"
            f"    return None if name.partition('.')[0] in {names!r} else really(name, path, target)\n"
            "PathFinder.find_spec = staticmethod(find_spec)\n",
        )
        self.environment["PYTHONPATH"] = str(self.folder / "blocked")

    def environ(self) -> dict[str, str]:
        return {
            "PATH": f"{BIN}{os.pathsep}{os.environ.get('PATH', os.defpath)}",
            "HOME": str(self.folder / "home"),
            "LC_ALL": "C.UTF-8",
            "ANSIBLE_CONFIG": str(self.folder / "ansible.cfg"),
            "ANSIBLE_LOCAL_TEMP": str(self.folder / "tmp"),
            "ANSIBLE_COLLECTIONS_PATH": os.environ["ANSIBLE_COLLECTIONS_PATH"],
            "ANSIBLE_NOCOLOR": "1",
            "ANSIBLE_SSH_EXECUTABLE": str(self.folder / "ssh"),
            "PORTBOOK_TEST_CONTACTS": str(self.contacts),
            **self.environment,
        }


DeskMaker = Callable[[], Desk]
