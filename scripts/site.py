# SPDX-License-Identifier: GPL-3.0-or-later
"""Build the documentation as a site: the pages of the checkout, and the plugins' own documentation. Needs no network.

Pages keep their places, so that their links hold. A warning of Sphinx's is a failure.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import archive

CHECKOUT = Path(__file__).resolve().parent.parent
BIN = Path(sys.executable).parent
TEMPLATES = CHECKOUT / "scripts" / "templates" / "site"
SOURCE, SITE = (CHECKOUT / "build" / name for name in ("site-source", "site"))
_PAGES = ("README.md", "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md", "docs/**/*.md", "roles/*/README.md")


def gather() -> None:
    shutil.rmtree(SOURCE, ignore_errors=True)
    for path in (one for pattern in _PAGES for one in sorted(CHECKOUT.glob(pattern))):
        target = SOURCE / path.relative_to(CHECKOUT)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, target)
    for path in TEMPLATES.iterdir():
        shutil.copyfile(path, SOURCE / path.name)
    archive.link_to_repository(SOURCE, CHECKOUT)
    with (SOURCE / "README.md").open("a") as first:
        # Without the collection's name, which every role would have in front of its own.
        roles = [f"{one.name} <roles/{one.name}/README>" for one in sorted((SOURCE / "roles").iterdir())]
        first.write((TEMPLATES / "navigation.md").read_text().replace("ROLES", "\n".join(roles)))


def document_plugins() -> None:
    words = ["collection", "--use-current", "--squash-hierarchy", "--fail-on-error", "--dest-dir", SOURCE / "plugins"]
    (SOURCE / "plugins").mkdir()
    run("antsibull-docs", *words, "portbook.firewall")


def run(program: str, *words: object) -> None:
    environment = os.environ | {
        "ANSIBLE_COLLECTIONS_PATH": str(CHECKOUT / ".venv" / "collections"),
        "PATH": f"{BIN}{os.pathsep}{os.environ.get('PATH', os.defpath)}",
        # antsibull-docs keeps a log there.
        "HOME": str(SOURCE),
    }
    subprocess.run([str(BIN / program), *map(str, words)], cwd=CHECKOUT, env=environment, check=True)


def main() -> int:
    gather()
    document_plugins()
    shutil.rmtree(SITE, ignore_errors=True)
    run("sphinx-build", "-W", "--keep-going", "-q", "-b", "html", SOURCE, SITE)
    shutil.copyfile(SITE / "README.html", SITE / "index.html")
    print(f"{SITE / 'index.html'}: {sum(1 for _one in SITE.rglob('*.html'))} pages")
    return 0


if __name__ == "__main__":
    sys.exit(main())
