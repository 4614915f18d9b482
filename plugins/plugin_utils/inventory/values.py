# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Single values of variables, as they must be; what is wrong with one has its own words."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from ..net import ports as port_text
from ..net.addresses import EVERYWHERE, AddressSet, BadAddress, is_address, is_name, parse, reachable
from ..net.ports import BadPort, PortSet
from ..problems import shown

T = TypeVar("T")
_REALM = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")
_INTERFACE = re.compile(r"[A-Za-z0-9_.:@*+-]{1,32}")
_NUMBER = re.compile(r"0[xX][0-9a-fA-F]{1,16}|[0-9]{1,16}")
_SHORTEST, _LONGEST = 5, 3600
_MARK_BITS = 0xFFFFFFFF
_TRUE = ("yes", "true", "on", "1", "y", "t")
_FALSE = ("no", "false", "off", "0", "n", "f")


class Wrong(Exception):
    """What is wrong with a value and what would be right."""

    def __init__(self, wrong: str, right: str = "", key: str = "") -> None:
        super().__init__(wrong)
        self.wrong, self.right, self.key = wrong, right, key


class Incomplete(Exception):
    """Parts of an entry were wrong and have been reported; there is nothing to make of the rest."""


@dataclass(frozen=True)
class Untemplated:
    """Stands for a value whose template could not be rendered."""

    reason: str


class Complaints:
    """Gathers what is wrong with nested values: all of them are reported, not only the first."""

    def __init__(self) -> None:
        self.wrongs: list[Wrong] = []
        self._steps: list[str] = []

    def collect(self, key: str, read: Callable[..., T], *given: Any) -> T | None:
        """What `read` gives, or None after its complaint was noted under `key`."""
        self._steps.append(key)
        try:
            return read(*given)
        except Wrong as wrong:
            path = ".".join(step for step in (*self._steps, wrong.key) if step)
            self.wrongs.append(Wrong(wrong.wrong, wrong.right, path))
            return None
        except Incomplete:
            return None
        finally:
            self._steps.pop()

    def each(self, items: Iterable[Any], read: Callable[[Any], T]) -> list[T]:
        """Those items that can be read; of the others, each is complained of."""
        found = (self.collect("", read, item) for item in items)
        return [one for one in found if one is not None]


def text(raw: object) -> str:
    if not isinstance(raw, str) or not raw.strip():
        raise Wrong(f"has {shown(raw)}, which is not a string", "Write a word")
    return str(raw).strip()


def interface(raw: object) -> str:
    if not _INTERFACE.fullmatch(text(raw)):
        raise Wrong(f"has {shown(raw)}, which is not a valid interface name", "Write them like [docker0, br-lan]")
    return text(raw)


def realm(raw: object) -> str:
    if not isinstance(raw, str) or not _REALM.fullmatch(raw):
        right = "A realm is a word like main or site-a, or a list of such words"
        raise Wrong(f"has {shown(raw)}, which is not a valid realm name", right)
    return raw


def address_or_name(raw: object) -> str:
    """Under which others can see a host."""
    written = text(raw)
    if not is_name(written) and not reachable(literal(written)):
        raise Wrong(f"has {shown(written)}, under which no other host can reach it", "Write an address that others use")
    return written


def words(raw: object, of_what: str) -> list[Any]:
    """A text is a list of one."""
    if isinstance(raw, str):
        return [raw]
    if not isinstance(raw, (list, tuple)):
        raise Wrong(f"is {shown(raw)}, which is not a list", f"Give a list of {of_what}")
    return list(raw)


def listed(raw: object, of_what: str) -> list[Any]:
    """As Ansible's own lists: a text may have several with commas between them, and numbers are texts."""
    if isinstance(raw, str):
        return separated(raw)
    if _is_number(raw):
        return [str(raw)]
    return [str(one) if _is_number(one) else one for one in words(raw, of_what)]


def separated(raw: str) -> list[str]:
    return [one.strip() for one in raw.split(",")]


def _is_number(raw: object) -> bool:
    return isinstance(raw, (int, float)) and not isinstance(raw, bool)


def mapping(raw: object, of_what: str) -> Mapping[Any, Any]:
    if not isinstance(raw, Mapping):
        raise Wrong(f"is {shown(raw)}, which is not a mapping", f"Give a mapping of {of_what}")
    return raw


def boolean(raw: object) -> bool:
    if isinstance(raw, float) and raw in (0, 1):
        raw = int(raw)
    word = str(raw).lower().strip() if isinstance(raw, (bool, int, str)) else ""
    if word in _TRUE or word in _FALSE:
        return word in _TRUE
    raise Wrong(f"is {shown(raw)}, which is neither true nor false", "Write true or false")


def seconds(raw: object) -> int:
    written = raw if isinstance(raw, str) else f"{raw}" if isinstance(raw, int) and not isinstance(raw, bool) else ""
    if not re.fullmatch("[0-9]{1,9}", written.strip()):
        raise Wrong(f"is {shown(raw)}, which is not a whole number of seconds", "Write one from 5 to 3600")
    if not _SHORTEST <= int(written) <= _LONGEST:
        raise Wrong(f"is {shown(raw)}", "Write a whole number of seconds from 5 to 3600")
    return int(written)


def mark(raw: object) -> tuple[int, int]:
    """Value and mask; YAML reads 0x10 as a number."""
    written = raw if isinstance(raw, str) else f"{raw}" if isinstance(raw, int) and not isinstance(raw, bool) else ""
    numbers = [_number(part) for part in written.split("/")]
    if len(numbers) > 2 or None in numbers:
        raise Wrong(
            f"is {shown(raw)}, which is not a valid packet mark", "Write value/mask, like 0x10/0x10, or 0x10 for both"
        )
    value, mask = int(numbers[0] or 0), int(numbers[-1] or 0)
    if not 0 < value <= _MARK_BITS or mask > _MARK_BITS:
        raise Wrong(f"is {shown(raw)}", "A mark has 32 bits, and 0 is that of every packet: write one like 0x10")
    if value & ~mask:
        raise Wrong(f"is {shown(raw)}, whose value has bits that its mask lacks", f"Write {value:#x}/{value | mask:#x}")
    return value, mask


def _number(written: str) -> int | None:
    try:
        return int(written, 0) if _NUMBER.fullmatch(written.strip()) else None
    except ValueError:
        return None


def ports(raw: object) -> PortSet:
    if isinstance(raw, str) and "," in raw:
        return ports(separated(raw))
    try:
        return port_text.parse(raw)
    except BadPort as error:
        raise Wrong(
            f"is {shown(raw)}: {error}" if isinstance(raw, (list, tuple)) else f"is {shown(raw)}, which {error}"
        ) from None


def literal(raw: object) -> AddressSet:
    written = text(raw)
    if not is_address(written):
        raise Wrong(
            f"has {shown(written)}, which is neither an address nor a host name",
            "Write it like 192.0.2.0/24, 2001:db8::1 or a name",
        )
    try:
        addresses = parse(written)
    except BadAddress as error:
        raise Wrong(f"has {shown(written)}, which {error}") from None
    if EVERYWHERE.v4 <= addresses.v4 or EVERYWHERE.v6 <= addresses.v6:
        raise Wrong(
            f"has {shown(written)}, which is every address",
            "If that is intended, write the word any instead of the list",
        )
    return addresses
