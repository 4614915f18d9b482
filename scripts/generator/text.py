# SPDX-License-Identifier: GPL-3.0-or-later
"""Text as Markdown and YAML want it."""

from __future__ import annotations

import json
import re
import textwrap
from collections.abc import Iterable

WIDTH = 100
_READ_AS_MARKS = re.compile(r"(?m)^( *)([-+#>])(?= )")


def prose(text: str) -> str:
    """One line of free text, without what Markdown would read as emphasis or HTML."""
    pieces = _line(text).split("`")
    if len(pieces) % 2 == 0:
        return "\\`".join(_escaped(piece) for piece in pieces)
    return "`".join(piece if number % 2 else _escaped(piece) for number, piece in enumerate(pieces))


def _line(text: str) -> str:
    """Keeps spaces within a line, since names may have two of them in a row."""
    return " ".join(line.strip() for line in text.splitlines())


def _escaped(text: str) -> str:
    return re.sub(r"([*<])", r"\\\1", text)


def cell(text: str) -> str:
    """Free text within a table."""
    return prose(text).replace("|", "\\|")


def code(text: object) -> str:
    """A name or figure; text with code marks of its own keeps those."""
    written = _line(str(text))
    return written if "`" in written or not written else f"`{written}`"


def codes(names: Iterable[object]) -> str:
    return ", ".join(code(name) for name in names)


def paragraph(text: str) -> str:
    return _wrapped(prose(text), "")


def bullet(text: str) -> str:
    return "- " + _wrapped(prose(text), "  ")


def _wrapped(text: str, indent: str) -> str:
    lines = textwrap.wrap(text, WIDTH - len(indent), break_long_words=False, break_on_hyphens=False)
    return _READ_AS_MARKS.sub(r"\1\\\2", f"\n{indent}".join(lines))


def sentence(text: str) -> str:
    """The catalogue ends its texts with or without a full stop."""
    return text if text.endswith((".", "?", "!")) else f"{text}."


def scalar(value: object) -> str:
    """A YAML value within a line; text is always quoted, so that none is read as something else."""
    return json.dumps(value, ensure_ascii=False)


def folded(text: str, indent: int) -> str:
    """The lines of a folded YAML text."""
    lines = textwrap.wrap(" ".join(text.split()), WIDTH - indent, break_long_words=False, break_on_hyphens=False)
    return f"\n{' ' * indent}".join(lines)


def commented(text: str) -> str:
    """Lines of a YAML comment."""
    return "\n".join(f"# {line}" for line in textwrap.wrap(" ".join(text.split()), WIDTH - 2, break_on_hyphens=False))


def natural(text: str) -> list[tuple[int, str]]:
    """Sorts N2 before N10."""
    return [(int(piece), "") if piece.isdigit() else (-1, piece) for piece in re.split(r"(\d+)", text) if piece]


def tidy(text: str) -> str:
    """Parts that a template leaves out leave no more than one empty line, and none at the end."""
    return re.sub(r"\n{3,}", "\n\n", text).strip("\n") + "\n"
