# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ports as people write them, and sets of them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping

from ...module_utils.intervals import Span, Spans

_RANGE = re.compile(r"^(\d{1,9})\s*-\s*(\d{1,9})$")
ALL_PORTS = Spans(((1, 65535),))
Figure = int | str


class BadPort(ValueError):
    """What is wrong with a written port, and what would be right."""


def span_of(figure: object) -> Span:
    """A port number or a range 'a-b'."""
    if isinstance(figure, bool) or not isinstance(figure, (int, str)):
        raise BadPort('is no port; a port is a number from 1 to 65535 or a range "a-b"')
    text = str(figure).strip()
    if text.isascii() and text.isdigit() and len(text) < 10:
        low = high = int(text)
    elif match := _RANGE.match(text):
        low, high = int(match[1]), int(match[2])
    else:
        raise BadPort('is no port; a port is a number from 1 to 65535 or a range "a-b"')
    if not (1 <= low <= 65535 and 1 <= high <= 65535):
        raise BadPort("is out of range; ports go from 1 to 65535")
    if low > high:
        raise BadPort(f"is a reversed range; write {high}-{low}")
    return low, high


def text_of(span: Span) -> str:
    return str(span[0]) if span[0] == span[1] else f"{span[0]}-{span[1]}"


def figures(value: object) -> tuple[str, ...]:
    """One port, one range or a list of them, in canonical form."""
    items = value if isinstance(value, (list, tuple)) else [value]
    if not items:
        raise BadPort("is an empty list; give at least one port")
    return tuple(texts(Spans.of(span_of(item) for item in items)))


def texts(spans: Spans) -> Iterator[str]:
    return (text_of(span) for span in spans)


def numbered(written: Iterable[str], tokens: Mapping[str, list[list[int]]]) -> list[list[int]]:
    """Spans of ports as a plan has them, with numbers in place of tokens."""
    found: list[list[int]] = []
    for figure in written:
        found += tokens[figure] if figure in tokens else [list(span_of(figure))]
    return found


def numbers(written: Iterable[str]) -> list[int]:
    """Each port of them."""
    return [port for low, high in map(span_of, written) for port in range(low, high + 1)]


def spans_of(written: Iterable[Figure]) -> Spans:
    return Spans.of(span_of(figure) for figure in written)
