# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Values as they arrive through IDispatch, and as Windows keeps them."""

from __future__ import annotations

import ipaddress
import re
from functools import lru_cache
from typing import Any

from windows.fake.hresult import INVALID_DATA, NT_INVALID_PARAMETER, TYPE_MISMATCH, ComError, invalid

TCP, UDP, ICMP4, ICMP6, ANY_PROTOCOL = 6, 17, 1, 58, 256
PORTS = frozenset({TCP, UDP})
ICMP = frozenset({ICMP4, ICMP6})
ALL_PROFILES = 0x7FFFFFFF

ADDRESS_KEYWORDS = {
    word.lower(): word
    for word in (
        *("LocalSubnet", "DNS", "DHCP", "WINS", "DefaultGateway", "LocalSubnet4", "LocalSubnet6"),
        *("Internet", "Intranet", "RmtIntranet", "Ply2Renders", "CaptivePortal"),
    )
}
PORT_KEYWORDS = {
    (TCP, True): ("RPC", "RPC-EPMap", "IPHTTPS"),
    (TCP, False): ("IPHTTPS",),
    (UDP, True): ("Teredo", "Ply2Disc", "mDNS"),
    (UDP, False): (),
}
INTERFACE_TYPES = ("Lan", "Wireless", "RemoteAccess")
MOST_TEXT = 10000

_V4 = re.compile(r"^([0-9]{1,3})\.([0-9]{1,3})\.([0-9]{1,3})\.([0-9]{1,3})$")
_PORT = re.compile(r"^([0-9]{1,5})(?:-([0-9]{1,5}))?$")
_ICMP = re.compile(r"^([0-9]{1,3}):([0-9]{1,3}|\*)$")
_INT = re.compile(r"^\s*[+-]?[0-9]+\s*$")
_SDDL = re.compile(r"^(O:[^:]+)?(G:[^:]+)?D:")


# ------------------------------------------------------------------ coercion
def text(value: Any) -> str:
    """VT_EMPTY becomes an empty text, never a null one."""
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    if isinstance(value, (list, tuple, dict)) or not isinstance(value, (bool, int, float)):
        raise ComError(TYPE_MISMATCH)
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)


def integer(value: Any) -> int:
    if value is None:
        return 0
    if isinstance(value, bool):
        return -1 if value else 0
    if isinstance(value, str):
        if not _INT.match(value):
            raise ComError(TYPE_MISMATCH)
        number = int(value)
    elif isinstance(value, (int, float)):
        # Both round a half to the even neighbour.
        number = round(value)
    else:
        raise ComError(TYPE_MISMATCH)
    if not -0x80000000 <= number <= 0x7FFFFFFF:
        raise ComError(TYPE_MISMATCH)
    return number


def boolean(value: Any) -> bool:
    if value is None:
        return False
    if isinstance(value, bool):
        return value
    if isinstance(value, str):
        word = value.strip().lower()
        if word in ("true", "false"):
            return word == "true"
        try:
            return float(word) != 0
        except ValueError:
            raise ComError(TYPE_MISMATCH) from None
    if isinstance(value, (int, float)):
        return value != 0
    raise ComError(TYPE_MISMATCH)


def given(value: Any) -> str:
    """For the texts that cannot be emptied."""
    written = text(value)
    if not written:
        raise invalid()
    return written


def maybe(value: Any) -> str | None:
    return text(value) or None


def one_of(value: Any, *allowed: int) -> int:
    number = integer(value)
    if number not in allowed:
        raise invalid()
    return number


def sddl(value: Any) -> str:
    written = given(value)
    if not _SDDL.match(written):
        raise invalid()
    return written


# ------------------------------------------------------------------ addresses
Address = ipaddress.IPv4Address | ipaddress.IPv6Address


def address(written: str) -> Address:
    found = _V4.match(written)
    if found:
        octets = [int(part) for part in found.groups()]
        if max(octets) > 255:
            raise invalid()
        return ipaddress.IPv4Address(bytes(octets))
    if ":" not in written or "%" in written:
        raise invalid()
    try:
        six = ipaddress.IPv6Address(written)
    except ValueError:
        raise invalid() from None
    if six.is_unspecified or six.is_loopback or six.is_multicast:
        raise ComError(NT_INVALID_PARAMETER)
    return six


def shown(one: Address) -> str:
    """As .NET writes it: Python does not end an address in dotted decimals."""
    if isinstance(one, ipaddress.IPv4Address):
        return str(one)
    words = [int.from_bytes(one.packed[at : at + 2], "big") for at in range(0, 16, 2)]
    if not _embeds_ipv4(words):
        return _sections(words)
    head = _sections(words[:6])
    return head + ("" if head.endswith(":") else ":") + str(ipaddress.IPv4Address(one.packed[12:]))


def _embeds_ipv4(words: list[int]) -> bool:
    if not any(words[:4]) and words[6] and (words[4], words[5]) in ((0, 0), (0, 0xFFFF), (0xFFFF, 0)):
        return True
    return (words[4], words[5]) == (0, 0x5EFE)


def _sections(words: list[int]) -> str:
    start, length, at = -1, 1, 0
    while at < len(words):
        end = at
        while end < len(words) and words[end] == 0:
            end += 1
        if end - at > length:
            start, length = at, end - at
        at = max(end, at + 1)
    if start < 0:
        return ":".join(f"{word:x}" for word in words)
    left, right = words[:start], words[start + length :]
    return ":".join(f"{word:x}" for word in left) + "::" + ":".join(f"{word:x}" for word in right)


def _netmask(tail: str) -> int:
    if _V4.match(tail):
        mask = int(address(tail))
    elif tail.isascii() and tail.isdigit() and int(tail) <= 32:
        mask = 0xFFFFFFFF << 32 - int(tail) & 0xFFFFFFFF
    else:
        raise invalid()
    inverse = ~mask & 0xFFFFFFFF
    if mask == 0 or inverse & (inverse + 1):
        raise invalid()
    return mask


@lru_cache(maxsize=20000)
def addresses(written: str | None, stored: bool = False) -> str:
    """A rule not yet stored keeps the order given; the stored rule has an order of its own."""
    if not written or written == "*":
        return "*"
    keywords: dict[str, None] = {}
    nets4: dict[str, int] = {}
    nets6: dict[str, tuple[int, str]] = {}
    ranges4: list[str] = []
    ranges6: list[str] = []
    for token in written.split(","):
        keyword = ADDRESS_KEYWORDS.get(token.lower())
        if keyword is not None:
            keywords[keyword] = None
            continue
        if not token or token == "*" or any(letter.isspace() for letter in token):
            raise invalid()
        if token.find("-") > 0:
            first, _dash, last = token.partition("-")
            low, high = address(first), address(last)
            if low.version != high.version or int(low) > int(high):
                raise invalid()
            (ranges4 if low.version == 4 else ranges6).append(f"{shown(low)}-{shown(high)}")
            continue
        slash = token.find("/")
        ip = address(token[:slash] if slash > 0 else token)
        if isinstance(ip, ipaddress.IPv4Address):
            mask = _netmask(token[slash + 1 :]) if slash > 0 else 0xFFFFFFFF
            net = int(ip) & mask
            nets4.setdefault(f"{ipaddress.IPv4Address(net)}/{ipaddress.IPv4Address(mask)}", net << 32 | mask)
        elif slash > 0:
            tail = token[slash + 1 :]
            if not (tail.isascii() and tail.isdigit() and 1 <= int(tail) <= 128):
                raise invalid()
            value = f"{shown(ip)}/{int(tail)}"
            nets6.setdefault(value, (int(tail), value))
        else:
            ranges6.append(f"{shown(ip)}-{shown(ip)}")
    four, six = list(nets4), list(nets6)
    if stored:
        four.sort(key=nets4.__getitem__)
        six.sort(key=nets6.__getitem__)
    return ",".join([*keywords, *four, *ranges4, *six, *ranges6])


# ------------------------------------------------------------------ ports and the rest
def ports(written: str | None, protocol: int, local: bool, keyword_comma: bool = False) -> str | None:
    """None is any."""
    if not written:
        return None
    if protocol not in PORTS:
        raise invalid()
    if written == "*":
        return None
    allowed = {word.lower(): word for word in PORT_KEYWORDS[protocol, local]}
    keywords: dict[str, None] = {}
    numbers: list[str] = []
    tokens = written.split(",")
    for at, token in enumerate(tokens):
        if not token and 0 < at == len(tokens) - 1:
            continue
        keyword = allowed.get(token.lower())
        if keyword is not None:
            keywords[keyword] = None
            continue
        found = _PORT.match(token)
        if not found:
            raise ComError(INVALID_DATA)
        low = int(found[1])
        high = int(found[2]) if found[2] else low
        if not low <= high <= 65535:
            raise ComError(INVALID_DATA)
        numbers.append(str(low) if low == high else f"{low}-{high}")
    return ",".join([*keywords, *numbers]) + ("," if keyword_comma and keywords and not numbers else "")


def icmp(written: str | None, protocol: int) -> str | None:
    """None is any."""
    if not written:
        return None
    if protocol not in ICMP:
        raise invalid()
    if written == "*":
        return None
    for token in written.split(","):
        found = _ICMP.match(token)
        if not found or int(found[1]) > 255 or (found[2] != "*" and int(found[2]) > 255):
            raise invalid()
    return written


def interface_types(written: str) -> str:
    tokens = {token.lower() for token in written.split(",")}
    if not written or (tokens == {"all"} and "," not in written):
        return "All"
    if not tokens <= {known.lower() for known in INTERFACE_TYPES}:
        raise invalid()
    return ",".join(known for known in INTERFACE_TYPES if known.lower() in tokens)


def interface_names(value: Any, known: list[str]) -> tuple[str, ...] | None:
    """A VARIANT: empty, or an array of texts; a lone text is no array."""
    if value is None:
        return None
    if not isinstance(value, (list, tuple)):
        raise invalid()
    there = {name.lower() for name in known}
    if not all(isinstance(name, str) and name.lower() in there for name in value):
        raise invalid()
    return tuple(value) or None
