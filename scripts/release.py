# SPDX-License-Identifier: GPL-3.0-or-later
"""Make a release: the version wherever it stands, the changelog from its fragments, a commit, a tag and the archive.

Nothing leaves this computer. What to push and where to upload is printed at the end.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
from datetime import UTC, date, datetime
from pathlib import Path

import archive
import yaml

CHECKOUT = Path(__file__).resolve().parent.parent
BIN = Path(sys.executable).parent
_VERSION = re.compile(r"(\d+)\.(\d+)\.(\d+)")
# Each names the version that a reader should take.
_NAMES_IT = ("galaxy.yml", "README.md", "docs", "examples")
_TEXT = (".md", ".yml")


class Refused(Exception):
    pass


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("version", help="as 1.2.3")
    parser.add_argument("--date", type=date.fromisoformat, default=datetime.now(UTC).date(), metavar="YYYY-MM-DD")
    options = parser.parse_args()
    try:
        before = current()
        check(options.version, before)
        wrote = [*name(options.version, before), *changelog(options.version, options.date)]
        commit(options.version, wrote)
    except Refused as error:
        print(f"release: {error}", file=sys.stderr)
        return 1
    path = archive.build("HEAD", CHECKOUT / "build")
    print(f"Released {options.version}: commit and tag v{options.version}, {path.relative_to(CHECKOUT)}")
    print(f"Next: git push --follow-tags; ansible-galaxy collection publish {path.relative_to(CHECKOUT)}")
    return 0


def current() -> str:
    return str(yaml.safe_load((CHECKOUT / "galaxy.yml").read_text(encoding="utf-8"))["version"])


def check(version: str, before: str) -> None:
    if _VERSION.fullmatch(version) is None:
        raise Refused(f"the version is {version}: write three figures, as 1.2.3")
    if numbers(version) <= numbers(before):
        raise Refused(f"the version is {version}, and galaxy.yml has {before}: give a higher one")
    if git("status", "--porcelain"):
        raise Refused("there are changes that are not committed: commit them, or take them back")
    if not any((CHECKOUT / "changelogs" / "fragments").glob("*.yml")):
        raise Refused("changelogs/fragments is empty, so there is nothing to release")


def numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split("."))


def name(version: str, before: str) -> list[Path]:
    """Where the old version stands as a word of its own, the new one."""
    old = re.compile(rf"(?<![\d.]){re.escape(before)}(?![\d.]*\d)")
    wrote = []
    for place in (CHECKOUT / one for one in _NAMES_IT):
        for path in [place] if place.is_file() else sorted(place.rglob("*")):
            if path.suffix not in _TEXT or not path.is_file():
                continue
            text = path.read_text(encoding="utf-8")
            if old.search(text):
                path.write_text(old.sub(version, text), encoding="utf-8")
                wrote.append(path)
    return wrote


def changelog(version: str, day: date) -> list[Path]:
    words = ["release", "--version", version, "--date", day.isoformat()]
    # It asks ansible-doc which plugins are new.
    environment = os.environ | {"PATH": f"{BIN}{os.pathsep}{os.environ.get('PATH', os.defpath)}"}
    command = [str(BIN / "antsibull-changelog"), *words]
    subprocess.run(command, cwd=CHECKOUT, env=environment, stdin=subprocess.DEVNULL, check=True)
    return [CHECKOUT / one for one in ("CHANGELOG.md", "CHANGELOG.rst", "changelogs")]


def commit(version: str, paths: list[Path]) -> None:
    git("add", "--all", "--", *map(str, paths))
    git("commit", "--quiet", "--message", f"Release {version}")
    git("tag", "--annotate", "--message", f"portbook.firewall {version}", f"v{version}")


def git(*words: str) -> str:
    return subprocess.run(["git", *words], cwd=CHECKOUT, stdout=subprocess.PIPE, text=True, check=True).stdout.strip()


if __name__ == "__main__":
    sys.exit(main())
