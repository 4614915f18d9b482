# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ports as people write them, and sets of them: read once, where they come in."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property, lru_cache

from ...module_utils.intervals import Span, Spans

_RANGE = re.compile(r"^(\d{1,9})\s*-\s*(\d{1,9})$")
_HIGHEST = 65535
ALL_PORTS = Spans(((1, _HIGHEST),))
Numbers = Mapping[str, Spans]
"""What tokens may turn out to be, by name."""


class BadPort(ValueError):
    """What is wrong with a written port, and what would be right."""


@dataclass(frozen=True)
class PortSet:
    """Ports by number, and tokens: names for ports whose numbers are known on contact only."""

    spans: Spans = field(default_factory=Spans)
    tokens: tuple[str, ...] = ()

    @staticmethod
    def union(sets: Iterable[PortSet]) -> PortSet:
        given = list(sets)
        if len(given) == 1:
            return given[0]
        spans: list[Span] = []
        tokens: set[str] = set()
        for one in given:
            spans.extend(one.spans)
            tokens.update(one.tokens)
        return PortSet(Spans.of(spans), tuple(sorted(tokens)))

    # Sets are parts of keys that every host is looked up by.
    @cached_property
    def _hash(self) -> int:
        return hash((self.spans, self.tokens))

    def __hash__(self) -> int:
        return self._hash

    def __bool__(self) -> bool:
        return bool(self.spans or self.tokens)

    def __sub__(self, numbers: Spans) -> PortSet:
        return PortSet(self.spans - numbers, self.tokens)

    def __str__(self) -> str:
        return ",".join(self.texts)

    @cached_property
    def texts(self) -> tuple[str, ...]:
        """As files have them: numbers and ranges in order, then tokens."""
        return (*texts(self.spans), *self.tokens)

    @property
    def written(self) -> int | str | list[int | str]:
        """As somebody would write them by hand; without tokens."""
        items: list[int | str] = [low if low == high else text_of((low, high)) for low, high in self.spans]
        return items[0] if len(items) == 1 else items

    @property
    def lowest(self) -> int | None:
        """The lowest number; None if there is none."""
        return self.spans.items[0][0] if self.spans else None

    @property
    def numbers(self) -> list[int]:
        """Each port by itself, without tokens."""
        return [port for low, high in self.spans for port in range(low, high + 1)]

    def without(self, token: str) -> PortSet:
        return PortSet(self.spans, tuple(one for one in self.tokens if one != token))

    def above(self) -> PortSet | None:
        """The port after the first one; None if the first is a range, a token or the last port there is."""
        low, high = self.spans.items[0] if self.spans else (0, _HIGHEST)
        return PortSet(Spans(((low + 1, low + 1),))) if low == high < _HIGHEST else None

    def numbered(self, tokens: Numbers) -> Iterator[Span]:
        """In the order of the texts, with what tokens may turn out to be in their place."""
        yield from self.spans
        for token in self.tokens:
            yield from tokens[token]

    def covered(self, tokens: Numbers) -> Spans:
        """All ports that these may turn out to be."""
        return Spans.of(self.numbered(tokens)) if self.tokens else self.spans


NO_PORTS = PortSet()


def parse(value: object) -> PortSet:
    """One port, one range or a list of them, as people write them."""
    items = value if isinstance(value, (list, tuple)) else [value]
    if not items:
        raise BadPort("is an empty list; give at least one port")
    return PortSet(Spans.of(span_of(item) for item in items))


def read(written: Iterable[str]) -> PortSet:
    """What `texts` has become in a file; no ports are no ports."""
    return _read(tuple(written))


@lru_cache(maxsize=4096)
def _read(written: tuple[str, ...]) -> PortSet:
    # No token begins with a digit: the catalogue's schema says so.
    plain = [one for one in written if one[0].isdigit()]
    return PortSet(Spans.of(map(span_of, plain)), tuple(one for one in written if one not in plain))


def span_of(figure: object) -> Span:
    """A port number or a range 'a-b'."""
    if isinstance(figure, bool) or not isinstance(figure, (int, str)):
        raise BadPort('is not a valid port; a port is a number from 1 to 65535 or a range "a-b"')
    text = str(figure).strip()
    if text.isascii() and text.isdigit() and len(text) < 10:
        low = high = int(text)
    elif match := _RANGE.match(text):
        low, high = int(match[1]), int(match[2])
    else:
        raise BadPort('is not a valid port; a port is a number from 1 to 65535 or a range "a-b"')
    if not (1 <= low <= _HIGHEST and 1 <= high <= _HIGHEST):
        raise BadPort("is out of range; ports go from 1 to 65535")
    if low > high:
        raise BadPort(f"is a reversed range; write {high}-{low}")
    return low, high


def text_of(span: Span) -> str:
    return str(span[0]) if span[0] == span[1] else f"{span[0]}-{span[1]}"


def texts(spans: Spans) -> Iterator[str]:
    return (text_of(span) for span in spans)
