# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a target lacks is said in one sentence, and the page has each of them; its other messages are in the source."""

from __future__ import annotations

import ast
import errno
import os
import re
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.portbook.firewall.plugins.module_utils.linux import causes
from ansible_collections.portbook.firewall.plugins.module_utils.linux.answer import ARGUMENTS, answer
from ansible_collections.portbook.firewall.plugins.module_utils.linux.choice import Engines
from ansible_collections.portbook.firewall.plugins.module_utils.linux.engine import Engine
from ansible_collections.portbook.firewall.plugins.module_utils.linux.state import HostState
from ansible_collections.portbook.firewall.plugins.module_utils.nftables import kernel
from ansible_collections.portbook.firewall.plugins.plugin_utils.backends import no_answer

CHECKOUT = Path(__file__).resolve().parents[3]
PAGE = CHECKOUT / "docs" / "troubleshooting.md"
FILE = "/var/lib/portbook/table.nft"
_CRASHED = {"msg": "Module result deserialization failed: No start of json char found", "module_stdout": "", "rc": 1}


def error(number: int, path: str | None = None) -> OSError:
    return OSError(number, os.strerror(number), path)


def refusal(programs: str | None, user: int, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setattr(kernel.shutil, "which", lambda *_words, **_more: programs)
    monkeypatch.setattr(kernel.os, "geteuid", lambda: user)
    with pytest.raises(kernel.NftError) as found:
        kernel.Nft()
    return str(found.value)


def crash(said: str, code: int = 1, **more: Any) -> str:
    return no_answer.of_module({**_CRASHED, "module_stderr": said, "rc": code, **more})


def said_by_the_product(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    netlink = "Unable to initialize Netlink socket: Protocol not supported"
    return [
        refusal(None, 0, monkeypatch),
        refusal("/usr/sbin/nft", 1000, monkeypatch),
        f"nft failed: {kernel._cause(netlink)}",
        f"nft failed: {kernel._cause('Error: Operation not permitted')}",
        no_answer.of_error("Incorrect sudo password"),
        no_answer.of_error("Task failed: Missing sudo password"),
        causes.not_written(FILE, error(errno.EROFS)),
        causes.not_written(FILE, error(errno.ENOSPC)),
        causes.of_systemctl("daemon-reload", "Refusing to reload, not enough space available on /run/systemd. 0B free"),
        causes.of_systemctl("daemon-reload", "Failed to connect to bus: Connection refused\n"),
        crash("OSError: [Errno 28] No space left on device"),
        crash("/bin/sh: 1: /usr/bin/python3.0: not found\n", 127),
        no_answer.of_module({"msg": "Ansible requires Python 3.9 or newer on the target. Current version: 3.6.8 (x)"}),
        crash("SyntaxError: future feature annotations is not defined\n"),
        crash("", 137),
    ]


def documented(*parts: str) -> list[str]:
    """The messages below the headings that begin with one of these."""
    sections = PAGE.read_text(encoding="utf-8").split("\n## ")[1:]
    tables = "\n".join(one for one in sections if one.startswith(parts))
    return re.findall(r"^\| `([^`]+)` \|", tables, re.MULTILINE)


@cache
def texts_of_the_source() -> str:
    """All strings of the plugins, with a zero byte for each value that is put in."""
    found = [script.read_text(encoding="utf-8") for script in (CHECKOUT / "plugins").rglob("*.ps*1")]
    for module in (CHECKOUT / "plugins").rglob("*.py"):
        for node in ast.walk(ast.parse(module.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                found.append(node.value)
            elif isinstance(node, ast.JoinedStr):
                found.append("".join(str(one.value) if isinstance(one, ast.Constant) else "\0" for one in node.values))
    return "\n".join(found)


@pytest.mark.parametrize("message", documented("Planning", "Windows"))
def test_a_message_about_planning_or_windows_is_in_the_source(message: str) -> None:
    pieces = [one.strip(" ,:;=().'") for one in re.split(r"\.\.\.|\. ", message)]
    assert any(len(one) > 12 for one in pieces), "nothing to know it by"
    assert [one for one in pieces if len(one) > 3 and one not in texts_of_the_source()] == []


def test_the_page_has_messages_about_planning_and_windows() -> None:
    assert len(documented("Planning")) >= 10
    assert len(documented("Windows")) >= 10


def test_the_page_has_each_message_about_linux_and_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    said = said_by_the_product(monkeypatch)
    patterns = {text: re.compile(re.escape(text).replace(re.escape("..."), ".+")) for text in documented("Linux")}
    assert len(patterns) >= 15
    for message in said:
        assert any(one.fullmatch(message) for one in patterns.values()), message
    for text, one in patterns.items():
        assert any(one.fullmatch(message) for message in said), text


def test_a_message_is_short_and_speaks_of_no_errno(monkeypatch: pytest.MonkeyPatch) -> None:
    for message in said_by_the_product(monkeypatch):
        assert len(f"a-host-with-a-name: {message}") <= 200, message
        assert "rrno" not in message
        assert message.count(". ") >= 1, "what is wrong, and what to do"


@pytest.mark.parametrize(
    "msg",
    [
        "ansible-core requires a minimum of Python version 3.8. Current version: 3.6.8 (default, Nov 16 2020)",
        "Ansible requires Python 3.8 or newer on the target. Current version: 3.6.8 (default, Nov 16 2020)",
    ],
)
def test_every_ansible_core_says_which_python_it_needs(msg: str) -> None:
    assert no_answer.of_module({"msg": msg}).startswith(
        "Python 3.6.8 on this host is too old for Ansible, which needs 3.8 "
    )


def test_what_has_words_of_its_own_keeps_them() -> None:
    assert no_answer.of_module({"failed": True, "msg": "nft is not installed on this host"}) == ""
    assert no_answer.of_error("the task was wrong") == "the task was wrong"
    assert no_answer.named("one", "one: this") == no_answer.named("one", "this") == "one: this"


@pytest.mark.parametrize(
    ("found", "words"),
    [
        (error(errno.EROFS, "/etc/x.new"), "/etc/x cannot be written: Read-only file system. "),
        (error(errno.ENOSPC), "a file cannot be written: No space left on device. "),
        (error(errno.EAGAIN), "this host: Resource temporarily unavailable. Repair that on this host, then run again"),
        (OSError("in words already"), "in words already"),
    ],
)
def test_no_errno_reaches_the_operator(found: OSError, words: str) -> None:
    assert causes.in_words(found).startswith(words)


@pytest.mark.parametrize(
    "said", ["File {}: Read-only file system", "Failed to create symlink, file '{}': No space left on device"]
)
def test_what_systemd_cannot_write_is_named_by_its_path(said: str) -> None:
    path = "/etc/systemd/system/sysinit.target.wants/portbook-firewall.service"
    assert causes.of_systemctl("enable x", said.format(path)).startswith(f"{path} cannot be written: ")


WRONG: list[dict[str, Any]] = [
    {"settings": {"verdicts": 1}},
    {"settings": {"management": ["not an address"]}},
    {"settings": {"mark": ["x", "y"]}},
    {"slices": {"one": {"rules": "x"}}},
    {"slices": {"one": {"rules": [{}]}}},
    {"slices": {"one": []}},
    {"yields_to": {"firewalld": 1}},
    {"hold": -1.0},
    {"hold": float("nan")},
    {"inventory": {"members": []}},
    {"inventory": {"hosts": "many"}},
]


@pytest.mark.parametrize("given", WRONG, ids=str)
@pytest.mark.parametrize("check", [True, False])
def test_arguments_of_wrong_types_are_refused_before_anything_is_touched(
    tmp_path: Path, given: dict[str, Any], check: bool
) -> None:
    def untouched() -> Engine:
        raise AssertionError("the firewall was looked at")

    arguments = {**{name: one.get("default") for name, one in ARGUMENTS.items()}, **given}
    state = HostState(str(tmp_path / "state"), str(tmp_path / "notes"))
    done = answer(arguments, state, Engines("nftables", {"nftables": untouched}), check, diff=False)
    assert done["failed"]
    (name,) = given
    assert done["msg"].startswith(f"this module was given something wrong: {name}")
    assert done["msg"].endswith("Call portbook.firewall.apply in its place")
    assert list(tmp_path.iterdir()) == []
