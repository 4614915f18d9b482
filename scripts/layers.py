# SPDX-License-Identifier: GPL-3.0-or-later
"""Hold the imports to the layers of pyproject.toml, and name the modules that were looked at.

They are found in the collections of `--collections`, those of `make setup` unless others are named.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from pathlib import Path

import grimp

CHECKOUT = Path(__file__).resolve().parent.parent
PACKAGE = "ansible_collections.portbook.firewall.plugins"
FEWEST = 100
"""Fewer, and somebody moved the code away from under the contracts: nothing would be held to anything."""


def modules(collections: Path) -> list[str]:
    sys.path.insert(0, str(collections))
    graph = grimp.build_graph(PACKAGE, cache_dir=None)
    return sorted(name.removeprefix(f"{PACKAGE}.") for name in graph.modules if name != PACKAGE)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--collections", type=Path, default=CHECKOUT / ".venv" / "collections")
    collections = parser.parse_args().collections
    held = subprocess.run(
        [Path(sys.executable).parent / "lint-imports", "--no-cache", "--no-logo", "pyproject.toml"],
        cwd=CHECKOUT,
        env={**os.environ, "PYTHONPATH": str(collections)},
        check=False,
    )
    found = modules(collections)
    print(f"\n{len(found)} modules: {', '.join(found)}")
    if len(found) < FEWEST:
        print(f"fewer than the {FEWEST} that there should be")
    return held.returncode or int(len(found) < FEWEST)


if __name__ == "__main__":
    sys.exit(main())
