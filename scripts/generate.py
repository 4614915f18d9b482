# SPDX-License-Identifier: GPL-3.0-or-later
"""Write what is generated from the catalogue: roles, product pages, the list of variables.

With --check nothing is written: files that differ are listed, and the exit code is 1. A file that
the catalogue no longer gives is removed if it bears the mark of this script; all others are left.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parent.parent
FOLDERS = ("roles", "docs")
MARK = "Generated from the catalogue by scripts/generate.py"
_MARKED_LINES = 3


@dataclass(frozen=True)
class Differences:
    """Paths below the checkout; `foreign` are written by hand where a generated file has to go."""

    create: tuple[str, ...]
    change: tuple[str, ...]
    delete: tuple[str, ...]
    foreign: tuple[str, ...]

    def __bool__(self) -> bool:
        return bool(self.create or self.change or self.delete or self.foreign)

    def lines(self) -> list[str]:
        listed = (
            ("create", self.create),
            ("change", self.change),
            ("delete", self.delete),
            ("foreign", self.foreign),
        )
        return [f"{word:<7}  {path}" for word, paths in listed for path in paths]


def is_ours(path: Path) -> bool:
    with path.open(encoding="utf-8", errors="replace") as file:
        return any(MARK in line for line, _count in zip(file, range(_MARKED_LINES), strict=False))


def compare(wanted: Mapping[str, str], root: Path) -> Differences:
    create, change, foreign = [], [], []
    for name, text in sorted(wanted.items()):
        path = root / name
        if not path.exists():
            create.append(name)
        elif not is_ours(path):
            foreign.append(name)
        elif path.read_text(encoding="utf-8") != text:
            change.append(name)
    delete = [name for name in _marked(root) if name not in wanted]
    return Differences(tuple(create), tuple(change), tuple(delete), tuple(foreign))


def _marked(root: Path) -> list[str]:
    files = (path for folder in FOLDERS for path in (root / folder).rglob("*") if path.is_file())
    return sorted(path.relative_to(root).as_posix() for path in files if is_ours(path))


def apply(differences: Differences, wanted: Mapping[str, str], root: Path) -> None:
    for name in (*differences.create, *differences.change):
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(wanted[name], encoding="utf-8", newline="\n")
    for name in differences.delete:
        path = root / name
        path.unlink()
        _remove_empty(path.parent, root)


def _remove_empty(folder: Path, root: Path) -> None:
    while folder.parent != root and not any(folder.iterdir()):
        folder.rmdir()
        folder = folder.parent


@contextmanager
def importable(checkout: Path) -> Iterator[None]:
    """Let the checkout be imported by the collection's name, whatever its own folder is called."""
    with tempfile.TemporaryDirectory(prefix="portbook-generate-") as folder:
        link = Path(folder) / "ansible_collections" / "portbook" / "firewall"
        link.parent.mkdir(parents=True)
        link.symlink_to(checkout, target_is_directory=True)
        sys.path.insert(0, folder)
        try:
            yield
        finally:
            sys.path.remove(folder)


def generate() -> tuple[dict[str, str], list[str]]:
    """The files that the catalogue gives, by path, or what is wrong with the catalogue."""
    from ansible_collections.portbook.firewall.plugins.plugin_utils import problems
    from ansible_collections.portbook.firewall.plugins.plugin_utils.catalog import load as catalog
    from ansible_collections.portbook.firewall.scripts.generator import pages

    found = problems.Problems()
    loaded = catalog.load((), found, built_in=catalog.BUILT_IN)
    if found.errors:
        return {}, [str(one) for one in found.errors]
    return pages.render(loaded, MARK), []


def run(root: Path, check: bool) -> int:
    wanted, errors = generate()
    if errors:
        print("\n".join(errors), file=sys.stderr)
        return 1
    differences = compare(wanted, root)
    for line in differences.lines():
        print(line)
    if check:
        if differences:
            print("These differ from what the catalogue gives: make generate", file=sys.stderr)
        return 1 if differences else 0
    apply(differences, wanted, root)
    if differences.foreign:
        print("Files without the mark are left alone: rename or remove them", file=sys.stderr)
    return 1 if differences.foreign else 0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing, list what differs")
    options = parser.parse_args()
    with importable(CHECKOUT):
        return run(CHECKOUT, options.check)


if __name__ == "__main__":
    sys.exit(main())
