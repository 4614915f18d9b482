# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Why a module gave no answer of its own, in the words of whoever has to repair it. Pure.

What Ansible says of a Python that is missing or too old, of a module that was ended, and of sudo, names no remedy."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

_MOST = 60
"""Characters of what is quoted."""
_TOO_OLD = re.compile(r"Python (?:version )?(\d+\.\d+)\b.*Current version: (\d+\.\d+(?:\.\d+)?)", re.S)
_NO_FUTURE = "future feature annotations is not defined"
_NOT_FOUND = re.compile(
    r"(?:interpreter '?|^|: )(/[^\s':]+)'?(?: was not found|: (?:not found|No such file or directory))", re.M
)
_NO_SPACE = "No space left on device"
_NO_JSON = ("deserialization failed", "MODULE FAILURE", "No start of json")
_INTERPRETER = "set ansible_python_interpreter to"
_PASSWORD = re.compile(r"(Incorrect|Missing) (\w+) password")


def of_module(done: Mapping[str, Any]) -> str:
    """Of the result of a module that failed; empty if it has words of its own."""
    msg, said = str(done.get("msg", "")), f"{done.get('module_stderr', '')}\n{done.get('module_stdout', '')}"
    old = _TOO_OLD.search(msg) or _TOO_OLD.search(said)
    if old:
        return (
            f"Python {old[2]} on this host is too old for Ansible, which needs {old[1]} or newer there. Install one, "
            f"and {_INTERPRETER} its path"
        )
    if _NO_FUTURE in said:
        return (
            "the Python of this host is too old for Ansible (older than 3.7). Install a newer one, and "
            f"{_INTERPRETER} its path"
        )
    crashed = "module_stderr" in done or "module_stdout" in done
    missing = (_NOT_FOUND.search(msg) or _NOT_FOUND.search(said)) if crashed else None
    if missing and done.get("rc") in (126, 127):
        return f"Python was not found on this host: there is no {missing[1]}. Install it, or {_INTERPRETER} another one"
    if crashed and any(one in msg for one in _NO_JSON):
        return _of_an_end(said, done.get("rc"))
    return ""


def _of_an_end(said: str, code: Any) -> str:
    if _NO_SPACE in said:
        return _full("the module")
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    last = f": {lines[-1][:_MOST]}" if lines else ""
    return (
        f"the module ended without an answer, with code {code}{last}. Look into the host's journal for what ended it, "
        "then run again"
    )


def of_error(text: str) -> str:
    """Of what Ansible raised before the module ran; as it is, if there is nothing better to say."""
    password = _PASSWORD.search(text)
    if password and password[1] == "Incorrect":
        return f"{password[2]} on this host refuses the password. Correct ansible_become_password for this host"
    if password:
        return (
            f"{password[2]} on this host asks for a password, and there is none. Set ansible_become_password, or "
            "run with --ask-become-pass"
        )
    return _full("Ansible's module") if _NO_SPACE in text else text


def _full(what: str) -> str:
    return (
        f"there is no space for {what} in the temporary folder of the host. Free some space there, or set "
        "ansible_remote_tmp to another folder"
    )


def named(host: str, msg: str) -> str:
    """With the host in front, once."""
    return msg if msg.startswith(f"{host}: ") else f"{host}: {msg}"
