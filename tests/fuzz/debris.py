# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What people, editors and generators leave behind in YAML, and ways to put it into something valid.

A mutation is a recipe of plain words, not the broken value itself: values that contain themselves
or are nested without end cannot be printed when a test fails.
"""

from __future__ import annotations

import copy
import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

# How many times the usual number of examples; with more than one, each run tries others.
LONGER = int(os.environ.get("PORTBOOK_FUZZ", "1"))
_SECONDS = 2.0


def examples(count: int) -> settings:
    """The same examples in every run, unless a longer one is asked for."""
    return settings(
        max_examples=count * LONGER,
        derandomize=LONGER == 1,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )


class Broken:
    """A variable whose template cannot be rendered."""


def _deep() -> list[Any]:
    found: list[Any] = []
    for _level in range(5000):
        found = [found]
    return found


def _deep_mapping() -> dict[str, Any]:
    found: dict[str, Any] = {}
    for _level in range(300):
        found = {"addresses": [found], "main": []}
    return found


def _own_list() -> list[Any]:
    found: list[Any] = ["192.0.2.1"]
    found.append(found)
    return found


def _own_mapping() -> dict[str, Any]:
    found: dict[str, Any] = {"name": "web"}
    found["peers"] = found
    return found


JUNK: dict[str, Callable[[], Any]] = {
    # nothing, and next to nothing
    "null": lambda: None,
    "empty text": lambda: "",
    "blank": lambda: " \t ",
    "empty list": lambda: [],
    "empty mapping": lambda: {},
    "list of null": lambda: [None],
    "list of nothing": lambda: [[], {}, ""],
    # numbers
    "false": lambda: False,
    "true": lambda: True,
    "zero": lambda: 0,
    "minus one": lambda: -1,
    "65536": lambda: 65536,
    "port as float": lambda: 8080.0,
    "huge": lambda: 10**30,
    "huge negative": lambda: -(10**4000),
    "not a number": lambda: float("nan"),
    "infinite": lambda: float("inf"),
    "list of not a number": lambda: [float("nan"), -float("inf")],
    # ports
    "reversed range": lambda: "9000-8000",
    "reversed range in a list": lambda: [80, "9-1"],
    "whole range": lambda: "0-65535",
    "half range": lambda: "80-",
    "dashes": lambda: "---",
    "comma list": lambda: "80,443",
    "digits of elsewhere": lambda: "\u0661\u0662-\u0663\u0664",
    "superscript": lambda: "\u00b2",
    "many digits": lambda: "9" * 5000,
    "number with newline": lambda: "443\n",
    # addresses
    "host bits": lambda: "192.0.2.1/24",
    "host bits in a list": lambda: ["2001:db8::1/64"],
    "prefix too long": lambda: ["192.0.2.0/33"],
    "prefix of many digits": lambda: "2001:db8::/" + "1" * 5000,
    "negative prefix": lambda: ["192.0.2.0/-1"],
    "wildcard mask": lambda: ["192.0.2.0/0.0.0.255"],
    "no such octet": lambda: ["192.0.2.256"],
    "octal octet": lambda: "192.0.2.010",
    "three octets": lambda: "192.0.2",
    "zone": lambda: ["fe80::1%eth0"],
    "loopback": lambda: ["127.0.0.1", "::1"],
    "everything": lambda: ["0.0.0.0/0", "::/0"],
    "reversed addresses": lambda: ["192.0.2.9-192.0.2.1"],
    "mixed families": lambda: ["192.0.2.1-2001:db8::1"],
    "address with newline": lambda: ["192.0.2.1\n", "192.0.2.0\n/24"],
    "arabic address": lambda: ["\u0661\u0669\u0662.0.2.1/32"],
    "colons": lambda: ":::::::::",
    "slashes": lambda: "////",
    "url": lambda: "https://siem.example.org:443/",
    "any in a list": lambda: ["any"],
    "any": lambda: "any",
    "wide but whole": lambda: ["::1-ffff:ffff:ffff:ffff:ffff:ffff:ffff:fffe"],
    # text
    "misspelling": lambda: "gaurd",
    "word": lambda: "main",
    "word with newline": lambda: "main\n",
    "list of words with newlines": lambda: ["main\n", "siem.example\n"],
    "control characters": lambda: "\x00\x07\x1b[31m\x7f\x85",
    "right to left": lambda: "\u202egnp.exe\u2066",
    "half a character": lambda: "C:\\\ud800",
    "not a character": lambda: ["\uffff", "\U0010ffff", "\u2028"],
    "umlauts": lambda: "Gr\u00f6\u00dfe\u0308",
    "very long": lambda: "x" * 100_000,
    "very long list": lambda: ["192.0.2.1"] * 3_000,
    "very long name": lambda: ".".join(["a" * 63] * 40),
    "template": lambda: "{{ undefined_variable }}",
    "half a template": lambda: "{{ {% raw",
    "yaml text": lambda: "- a: !!python/object/apply:os.system ['true']",
    "bytes": lambda: b"\xff\xfe\x00",
    "date": lambda: date(2027, 1, 31),
    "no such day": lambda: "2027-02-30",
    "path with zero": lambda: ["\x00", "~nosuchuser/x", "/" + "d" * 400, "/dev/null"],
    # shapes
    "key of number": lambda: {1: 2, 1.5: None},
    "key of nothing": lambda: {None: None, True: [], "": ""},
    "key of tuple": lambda: {("a", "b"): "c"},
    "key of control characters": lambda: {"\x00\n": "x", "y" * 5000: []},
    "mapping of lists": lambda: {"addresses": [["192.0.2.1"]]},
    "list of mappings": lambda: [{"addresses": {"addresses": "192.0.2.1"}}, {}],
    "entry of everything": lambda: [{"addresses": [], "realms": 5, "port": {}, "version": [], "features": 3}],
    "unknown key": lambda: [{"adresses": ["192.0.2.1"]}],
    "five thousand deep": _deep,
    "mapping within mapping": _deep_mapping,
    "contains itself": _own_list,
    "mapping that contains itself": _own_mapping,
    "an object": object,
    "a set": lambda: {"192.0.2.1"},
    "cannot be rendered": Broken,
}


@dataclass(frozen=True)
class Mutation:
    """`how` at the place that `path` leads to; `junk` names what is put there."""

    how: str
    path: tuple[Any, ...]
    junk: str = "null"
    text: str = ""


_SHALLOW = 50
_HOWS = (
    "replace",
    "replace",
    "replace",
    "delete",
    "rename",
    "wrap in a list",
    "wrap in a mapping",
    "append",
    "add a key",
    "repeat",
    "shake",
    "shake",
)


def paths(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Of everything inside, at every depth."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, one in inner:
        yield (*path, key)
        yield from paths(one, (*path, key))


def mutations(valid: Any) -> st.SearchStrategy[list[Mutation]]:
    places = sorted(paths(valid), key=repr)
    noise = st.text(max_size=12) | st.text("0123456789.:/-, %\n\t_", max_size=12)
    one = st.builds(Mutation, st.sampled_from(_HOWS), st.sampled_from(places), st.sampled_from(sorted(JUNK)), noise)
    return st.lists(one, min_size=1, max_size=4)


def mutated(valid: Any, recipe: list[Mutation]) -> Any:
    value = copy.deepcopy(valid)
    for one in recipe:
        _apply(value, one)
    return value


def _apply(value: Any, one: Mutation) -> None:
    *way, last = one.path
    for key in way:
        try:
            value = value[key]
        except (KeyError, IndexError, TypeError):
            return  # An earlier mutation took this place away.
    if not isinstance(value, (dict, list)) or not _has(value, last):
        return
    junk = JUNK[one.junk]()
    old = value[last]
    if one.how == "delete":
        del value[last]
    elif one.how == "rename" and isinstance(value, dict):
        value[_shaken(str(last), one.text)] = value.pop(last)
    elif one.how == "wrap in a list":
        value[last] = [old]
    elif one.how == "wrap in a mapping":
        value[last] = {one.text: old}
    elif one.how == "append" and isinstance(old, list):
        old.append(junk)
    elif one.how == "add a key" and isinstance(old, dict):
        old[one.text] = junk
    elif one.how == "repeat" and isinstance(value, list):
        # What an earlier mutation put there may be too deep to be copied.
        value.append(copy.deepcopy(old) if _is_shallow(old) else junk)
    elif one.how == "shake" and isinstance(old, (str, int)):
        value[last] = _shaken(str(old), one.text)
    else:
        value[last] = junk


def _is_shallow(value: Any) -> bool:
    level = [value]
    for _depth in range(_SHALLOW):
        level = [
            inner
            for one in level
            if isinstance(one, (dict, list))
            for inner in (one.values() if isinstance(one, dict) else one)
        ]
        if not level:
            return True
    return False


def _has(value: Any, key: Any) -> bool:
    return key in value if isinstance(value, dict) else isinstance(key, int) and key < len(value)


def _shaken(text: str, noise: str) -> str:
    """As a slip of the finger leaves it; which slip is in the noise, so that it can be repeated."""
    slip = sum(map(ord, noise)) % 6
    middle = len(text) // 2
    if slip == 0:
        return text[:middle] + text[middle + 1 :]
    if slip == 1:
        return text[:middle] + text[middle : middle + 2][::-1] + text[middle + 2 :]
    if slip == 2:
        return text.swapcase()
    if slip == 3:
        return text[:middle] + noise + text[middle:]
    return text + noise if slip == 4 else noise


class TooSlow(BaseException):
    """No Exception, so that nobody takes it for a template that cannot be rendered."""


@contextmanager
def in_time() -> Iterator[None]:
    """Of the processor's time, so that a busy machine fails nothing."""

    def stop(_number: int, _frame: Any) -> None:
        raise TooSlow(f"took more than {_SECONDS} s")

    before = signal.signal(signal.SIGVTALRM, stop)
    signal.setitimer(signal.ITIMER_VIRTUAL, _SECONDS)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)
