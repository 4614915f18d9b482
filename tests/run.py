# SPDX-License-Identifier: GPL-3.0-or-later
"""Run every kind of test and say at the end which passed, which failed and which did not run."""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import time
import xml.etree.ElementTree as ET
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

CHECKOUT = Path(__file__).resolve().parent.parent
BIN = Path(sys.executable).parent
COLLECTIONS = CHECKOUT / ".venv" / "collections"
COLLECTION = COLLECTIONS / "ansible_collections" / "portbook" / "firewall"
OUTPUT = CHECKOUT / "tests" / "output"

PASSED, FAILED, NOT_RUN = "passed", "FAILED", "NOT RUN"


@dataclass(frozen=True)
class Kind:
    name: str
    proves: str
    command: list[str]
    needs: Callable[[], str | None]
    report: Path | None = None
    """Where pytest writes its results, for the kinds that are pytest's."""
    beside: bool = False
    """Runs beside the others: it waits more than it computes, or needs one processor only."""
    optional: bool = False
    """Needs what cannot be had everywhere, so that `--require all` does not ask for it."""


@dataclass(frozen=True)
class Result:
    name: str
    state: str
    seconds: float
    note: str


def in_environment(*tools: str) -> Callable[[], str | None]:
    def missing() -> str | None:
        lacking = [tool for tool in tools if not (BIN / tool).exists()]
        return f"{', '.join(lacking)} missing from the environment: make setup" if lacking else None

    return missing


def needs_of_sanity() -> str | None:
    if shutil.which("git") is None:
        return "git missing: apt-get install git"
    if not (CHECKOUT / ".git").exists():
        return "a git checkout, which an unpacked archive is not: git clone"
    return in_environment("ansible-test")()


# Others than root get a namespace in which they are root.
ROOT = [] if os.geteuid() == 0 else ["unshare", "-Urn"]
SYSTEM = f"{os.environ.get('PATH', os.defpath)}{os.pathsep}/usr/sbin{os.pathsep}/sbin"


def needs_of_kernel() -> str | None:
    lacking = [program for program in ("nft", "ip", "unshare") if shutil.which(program, path=SYSTEM) is None]
    if lacking:
        return f"{', '.join(lacking)} missing: apt-get install nftables iproute2 util-linux"
    tried = [*ROOT, "unshare", "-n", "nft", "list", "ruleset"]
    done = subprocess.run(tried, env={**os.environ, "PATH": SYSTEM}, capture_output=True, text=True, check=False)
    if done.returncode == 0:
        return None
    return (
        f"network namespaces with nftables are not permitted here ({done.stderr.strip() or 'no reason given'}): "
        "run it as root, or allow user namespaces (sysctl kernel.unprivileged_userns_clone=1)"
    )


def pytest_kind(name: str, proves: str, *options: str) -> Kind:
    report = OUTPUT / f"{name}.xml"
    return Kind(
        name,
        proves,
        [tool("pytest"), "-q", f"tests/{name}", f"--junitxml={report}", *options],
        in_environment("pytest", "ansible-playbook"),
        report,
    )


def demo_kind() -> Kind:
    kind = pytest_kind("demo", "packets agree with the documents, and broken rules are noticed")
    return replace(kind, needs=lambda: kind.needs() or needs_of_kernel())


def kernel_kind() -> Kind:
    kind = pytest_kind("kernel", "a real kernel holds, refuses and gives back what it should", "-n", "auto")
    return replace(kind, command=[*ROOT, *kind.command], needs=lambda: kind.needs() or needs_of_kernel())


# Programs that a real machine takes, and the packages that have them.
MACHINE_NEEDS = {
    "systemd-nspawn": "systemd-container",
    "mmdebstrap": "mmdebstrap",
    "ssh": "openssh-client",
    "nft": "nftables",
    "ip": "iproute2",
    "setpriv": "util-linux",
}
MACHINE_ROOT = "PORTBOOK_MACHINE_ROOT"


def needs_of_machine() -> str | None:
    if os.geteuid() != 0:
        return "root, to start a machine: run it as root"
    given = os.environ.get(MACHINE_ROOT)
    if given and not (Path(given) / "usr/lib/systemd/systemd").exists():
        return f"{MACHINE_ROOT} names {given}, which is no root folder with systemd in it"
    needs = {program: package for program, package in MACHINE_NEEDS.items() if not (given and program == "mmdebstrap")}
    lacking = [program for program in needs if shutil.which(program, path=SYSTEM) is None]
    if lacking:
        return f"{', '.join(lacking)} missing: apt-get install {' '.join(needs[one] for one in lacking)}"
    return None


def machine_kind() -> Kind:
    """Most of the time it waits, so there are more of it than processors."""
    kind = pytest_kind("machine", "a real machine with systemd, over real ssh, holds what it should", "-n", "4")
    return replace(kind, needs=lambda: kind.needs() or needs_of_machine(), beside=True)


PWSH = "PORTBOOK_PWSH"


def needs_of_pwsh() -> str | None:
    pwsh = os.environ.get(PWSH) or shutil.which("pwsh")
    if pwsh is None:
        return f"PowerShell 7.4 or newer missing: put pwsh on the path, or name it in {PWSH}"
    try:
        told = subprocess.run([pwsh, "--version"], capture_output=True, text=True, check=True).stdout.strip()
        version = tuple(int(part) for part in told.removeprefix("PowerShell ").split(".")[:2])
    except (OSError, ValueError, subprocess.CalledProcessError) as error:
        return f"{pwsh} does not say its version ({error}): name another in {PWSH}"
    return None if version >= (7, 4) else f"PowerShell 7.4 or newer, and {pwsh} is {told}: name another in {PWSH}"


def pwsh_kind() -> Kind:
    proves = "a real PowerShell runs the Windows modules, against a fake of Windows' rule store"
    kind = pytest_kind("pwsh", proves)
    command = ["tests/windows/pwsh" if word == "tests/pwsh" else word for word in kind.command]
    return replace(kind, command=command, needs=lambda: kind.needs() or needs_of_pwsh(), optional=True)


def tool(name: str) -> str:
    return str(BIN / name)


def typed() -> list[str]:
    """What mypy reads, by way of the link: its path gives the names by which the files import."""
    folders = [
        COLLECTION / "plugins" / name for name in ("plugin_utils", "module_utils", "action", "lookup", "modules")
    ]
    written = [folder for folder in folders if any(folder.glob("*.py"))]
    rest = (COLLECTION / "scripts", COLLECTION / "demo", COLLECTION / "tests/run.py", CHECKOUT / "tests/windows")
    return [str(path) for path in (*written, *rest)]


def kinds() -> list[Kind]:
    python = sys.executable
    return [
        Kind(
            "ruff",
            "the Python is clean and formatted",
            ["sh", "-c", '"$0" check . && "$0" format --check .', tool("ruff")],
            in_environment("ruff"),
        ),
        Kind(
            "types",
            "the types hold, strictly",
            [tool("mypy"), "--strict", *typed()],
            in_environment("mypy"),
        ),
        Kind(
            "generated",
            "what is committed is what the catalogue gives",
            [python, "scripts/generate.py", "--check"],
            lambda: None,
        ),
        Kind(
            "yamllint",
            "the YAML is clean",
            [tool("yamllint"), "--strict", "."],
            in_environment("yamllint"),
        ),
        Kind(
            "changelog",
            "the changelog fragments can be released",
            [tool("antsibull-changelog"), "lint"],
            in_environment("antsibull-changelog"),
        ),
        pytest_kind("unit", "each part does what it says", "-n", "auto"),
        pytest_kind("golden", "plans and renderings are the ones on file"),
        pytest_kind(
            "windows",
            "a model of Windows' rule store does what was recorded, and what we write to it",
            "-n",
            "auto",
            "--ignore=tests/windows/pwsh",
        ),
        kernel_kind(),
        demo_kind(),
        machine_kind(),
        pwsh_kind(),
        pytest_kind("ansible", "real ansible-playbook runs give the right plans", "-n", "auto"),
        pytest_kind("fuzz", "properties hold for inputs that nobody thought of", "-n", "auto"),
        Kind(
            "docs",
            "the plugins' documentation can be published",
            [
                # It keeps a log in the home folder.
                *("env", f"HOME={OUTPUT}"),
                tool("antsibull-docs"),
                "lint-collection-docs",
                "--plugin-docs",
                # The collections that this one depends on need not be installed.
                "--validate-collection-refs=self",
                ".",
            ],
            in_environment("antsibull-docs"),
        ),
        Kind(
            "ansible-lint",
            "roles and playbooks meet the production profile",
            [tool("ansible-lint"), "--offline", "--nocolor"],
            in_environment("ansible-lint"),
            beside=True,
        ),
        Kind(
            "sanity",
            "ansible-test finds nothing, without exceptions",
            [python, "scripts/sanity.py"],
            needs_of_sanity,
            beside=True,
        ),
    ]


def environment() -> dict[str, str]:
    return os.environ | {
        "PATH": f"{BIN}{os.pathsep}{os.environ.get('PATH', os.defpath)}",
        "ANSIBLE_COLLECTIONS_PATH": str(COLLECTIONS),
    }


def counted(report: Path) -> dict[str, int]:
    """The figures of a report of pytest's."""
    suites = list(ET.parse(report).getroot().iter("testsuite"))
    figures = ("tests", "failures", "errors", "skipped")
    return {figure: sum(int(suite.get(figure, 0)) for suite in suites) for figure in figures}


def judge(kind: Kind, code: int) -> tuple[str, str]:
    state = PASSED if code == 0 else FAILED
    if kind.report is None or not kind.report.exists():
        return state, "" if code == 0 else f"exit code {code}"
    count = counted(kind.report)
    note = ", ".join(f"{number} {figure}" for figure, number in count.items() if number)
    if count["tests"] == count["skipped"]:
        return FAILED, f"nothing was tested: {note or 'no tests'}"
    return state, note


def run(kind: Kind) -> Result:
    head = f"\n=== {kind.name}: {kind.proves}"
    if not kind.beside:
        print(head, flush=True)
    lacking = kind.needs()
    if lacking is not None:
        print(f"not run: {lacking}" if not kind.beside else f"{head}\nnot run: {lacking}", flush=True)
        return Result(kind.name, NOT_RUN, 0.0, lacking)
    if kind.report is not None:
        kind.report.unlink(missing_ok=True)
    start = time.monotonic()
    told: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT} if kind.beside else {}
    done = subprocess.run(kind.command, cwd=CHECKOUT, env=environment(), check=False, text=True, **told)
    if kind.beside:
        print(f"{head}\n{done.stdout}", flush=True)
    state, note = judge(kind, done.returncode)
    return Result(kind.name, state, round(time.monotonic() - start, 1), note)


def run_all(chosen: list[Kind]) -> list[Result]:
    """In their order, those beside one after the other in a lane of their own."""
    with ThreadPoolExecutor(1) as lane:
        later = [lane.submit(run, kind) for kind in chosen if kind.beside]
        results = [run(kind) for kind in chosen if not kind.beside]
        return results + [one.result() for one in later]


def report(results: list[Result], absent: list[str]) -> None:
    print(f"\n{'=' * 78}")
    for result in results:
        print(f"{result.name:<14} {result.state:<8} {result.seconds:>7.1f} s  {result.note}".rstrip())
    for name in absent:
        print(f"{name:<14} REQUIRED, and did not run")
    print("=" * 78)
    counts = {state: sum(r.state == state for r in results) for state in (PASSED, FAILED, NOT_RUN)}
    (OUTPUT / "kinds.json").write_text(
        json.dumps(
            {
                "passed": counts[PASSED],
                "failed": counts[FAILED],
                "skipped": counts[NOT_RUN],
                "kinds": [asdict(result) for result in results],
            },
            indent=2,
        )
        + "\n"
    )
    skipped = f", {counts[NOT_RUN]} skipped" if counts[NOT_RUN] else ""
    print(f"{counts[PASSED]} passed, {counts[FAILED]} failed{skipped}")


def names(known: list[str], every: list[str]) -> Callable[[str], list[str]]:
    """What an option takes: some of the known ones, or `all` for every one."""

    def parse(text: str) -> list[str]:
        chosen = every if text == "all" else [name for name in text.split(",") if name]
        unknown = [name for name in chosen if name not in known]
        if unknown:
            raise argparse.ArgumentTypeError(
                f"no kind of test is called {', '.join(unknown)}; there are {', '.join(known)}"
            )
        return chosen

    return parse


def main() -> int:
    every = kinds()
    known = [kind.name for kind in every]
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", type=names(known, known), default=known, metavar="KIND[,KIND]")
    parser.add_argument(
        "--require",
        type=names(known, [kind.name for kind in every if not kind.optional]),
        default=[],
        metavar="KIND[,KIND]|all",
        help="fail if one of these did not run",
    )
    options = parser.parse_args()

    OUTPUT.mkdir(parents=True, exist_ok=True)
    results = run_all([kind for kind in every if kind.name in options.only])
    ran = {result.name for result in results if result.state != NOT_RUN}
    absent = [name for name in options.require if name not in ran]
    report(results, absent)
    return 1 if absent or any(result.state == FAILED for result in results) else 0


if __name__ == "__main__":
    sys.exit(main())
