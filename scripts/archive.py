# SPDX-License-Identifier: GPL-3.0-or-later
"""Build the collection's archive from a commit, which gives the same bytes whenever and wherever it is built.

ansible-galaxy builds it; what it takes from the clock and from the order of a folder is set afterwards: all files have
the date of the release, and stand in the order of their names.
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import io
import json
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import yaml

CHECKOUT = Path(__file__).resolve().parent.parent
BIN = Path(sys.executable).parent
_IN_A_CHECKOUT = re.compile(r"<!-- in a checkout -->\n.*?<!-- end of it -->\n\n?", re.S)
_LINK = re.compile(r"\]\((?P<path>[^)#:\s]+)(?P<mark>#[^)\s]*)?\)")
MANIFEST, FILES = "MANIFEST.json", "FILES.json"
Parts = dict[str, tuple[tarfile.TarInfo, bytes]]


def exported(commit: str, folder: Path) -> Path:
    """What the commit has, and nothing else in the folder."""
    packed = subprocess.run(["git", "archive", commit], cwd=CHECKOUT, stdout=subprocess.PIPE, check=True).stdout
    with tarfile.open(fileobj=io.BytesIO(packed)) as archive:
        archive.extractall(folder, filter="data")
    return folder


def released_at(tree: Path) -> int:
    """When the newest release was made, by the changelog; before the first, the day on which time begins."""
    releases = yaml.safe_load((tree / "changelogs" / "changelog.yaml").read_text(encoding="utf-8"))["releases"]
    dates = [datetime.fromisoformat(str(one["release_date"])).replace(tzinfo=UTC) for one in releases.values()]
    return int(max(dates).timestamp()) if dates else 0


def built_by_galaxy(tree: Path, folder: Path) -> Path:
    folder.mkdir()
    subprocess.run(
        [BIN / "ansible-galaxy", "collection", "build", tree, "--output-path", folder],
        cwd=tree,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        check=True,
    )
    (path,) = folder.glob("*.tar.gz")
    return path


def read(path: Path) -> Parts:
    with tarfile.open(path) as archive:
        return {
            one.name: (one, file.read() if (file := archive.extractfile(one)) else b"") for one in archive.getmembers()
        }


def in_order(parts: Parts) -> Parts:
    """The two lists first, then the files by their names."""
    listed = json.loads(parts[FILES][1])
    listed["files"].sort(key=lambda one: one["name"])
    files = _as_json(listed)
    manifest = json.loads(parts[MANIFEST][1])
    manifest["file_manifest_file"]["chksum_sha256"] = hashlib.sha256(files).hexdigest()
    first = {MANIFEST: (parts[MANIFEST][0], _as_json(manifest)), FILES: (parts[FILES][0], files)}
    return first | {name: parts[name] for name in sorted(parts) if name not in first}


def _as_json(data: Any) -> bytes:
    return json.dumps(data, indent=True).encode()


def write(parts: Parts, when: int, path: Path) -> None:
    with (
        path.open("wb") as raw,
        gzip.GzipFile("", "wb", fileobj=raw, mtime=0) as packed,
        tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT) as archive,
    ):
        for member, content in parts.values():
            member.mtime, member.size = when, len(content)
            member.pax_headers = {}
            archive.addfile(member, io.BytesIO(content))


def build(commit: str, folder: Path) -> Path:
    with tempfile.TemporaryDirectory(prefix="portbook-archive-") as place:
        return build_tree(exported(commit, Path(place)), folder)


def build_tree(tree: Path, folder: Path) -> Path:
    """In that folder, by the name that ansible-galaxy gives it."""
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="portbook-archive-") as place:
        shipped, first, second = (Path(place) / name for name in ("tree", "first", "second"))
        shutil.copytree(tree, shipped, symlinks=True)
        for_installed(shipped, set(read(built_by_galaxy(shipped, first))))
        given = built_by_galaxy(shipped, second)
        path = folder / given.name
        write(in_order(read(given)), released_at(tree), path)
    return path


def for_installed(tree: Path, shipped: set[str]) -> None:
    """Without what is not shipped, and pages without what only a checkout can do."""
    whole = tree.with_name("whole")
    shutil.copytree(tree, whole, symlinks=True)
    for path in sorted(tree.rglob("*.md")):
        if str(path.relative_to(tree)) in shipped:
            path.write_text(_IN_A_CHECKOUT.sub("", path.read_text(encoding="utf-8")), encoding="utf-8")
    link_to_repository(tree, whole, shipped)


def link_to_repository(tree: Path, whole: Path, shipped: set[str] | None = None) -> None:
    """Links of pages to what the whole checkout has and the tree has not, or is not shipped of it."""
    repository = yaml.safe_load((whole / "galaxy.yml").read_text(encoding="utf-8"))["repository"]
    top = tree.resolve()
    for page in sorted(tree.rglob("*.md")):

        def kept(link: re.Match[str], page: Path = page) -> str:
            target = (page.parent.resolve() / link["path"]).resolve()
            if not target.is_relative_to(top):
                return link.group()
            name = str(target.relative_to(top))
            there = target.is_file() if shipped is None else name in shipped
            if there or not (whole / name).exists():
                return link.group()
            kind = "tree" if (whole / name).is_dir() else "blob"
            return f"]({repository}/{kind}/main/{name}{link['mark'] or ''})"

        page.write_text(_LINK.sub(kept, page.read_text(encoding="utf-8")), encoding="utf-8")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--commit", default="HEAD")
    parser.add_argument("--output", type=Path, default=CHECKOUT / "build", metavar="FOLDER")
    options = parser.parse_args()
    path = build(options.commit, options.output)
    print(f"{path}: {path.stat().st_size:,} bytes, sha256 {hashlib.sha256(path.read_bytes()).hexdigest()}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
