# SPDX-License-Identifier: GPL-3.0-or-later
"""Run the kinds of test of one size and say at the end which passed, which failed and which did not run.

Three sizes: `quick` for between two edits, `test` for before a commit, which has the quick ones in it, and `all` for
what `test` leaves out.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import time
import xml.etree.ElementTree as ET
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from needs import (
    BIN,
    CHECKOUT,
    MACHINE_ROOT,
    PWSH,
    ROOT,
    in_environment,
    named_pwsh,
    needs_of_kernel,
    needs_of_machine,
    needs_of_pwsh,
    needs_of_sanity,
)

COLLECTIONS = CHECKOUT / ".venv" / "collections"
COLLECTION = COLLECTIONS / "ansible_collections" / "portbook" / "firewall"
OUTPUT = CHECKOUT / "tests" / "output"

PASSED, FAILED, NOT_RUN, NO_TIME = "passed", "FAILED", "NOT RUN", "NO TIME"
QUICK, TEST, ALL = "quick", "test", "all"
SIZES = {QUICK: (QUICK,), TEST: (QUICK, TEST), ALL: (ALL,)}
"""The kinds' own sizes that belong to one that is asked for."""

PATIENCE = 4
"""How many times its limit a kind may take. The same computer was seen to need three times as long on another day."""
UNTIL = "PORTBOOK_UNTIL"
"""When all has to be over, in seconds since 1970: a kind that might take longer is not begun, and one that does is
ended."""
TO_CLEAN_UP = 30
"""Seconds for taking down what was put up, once it was told to stop."""


@dataclass(frozen=True)
class Kind:
    name: str
    proves: str
    command: list[str]
    needs: Callable[[], str | None]
    limit: float
    """Seconds that it should take at most on two processors; beyond four times that it has failed."""
    size: str = TEST
    environment: dict[str, str] = field(default_factory=dict)
    report: Path | None = None
    """Where pytest writes its results, for the kinds that are pytest's."""
    again: bool = False
    """A few tests that fail are tried once more, alone: where others are at work, a machine or nft may be too late."""
    beside: bool = False
    """Runs beside the others: it waits more than it computes, or needs one processor only."""
    alone: bool = False
    """Measures, so nothing may run at its side."""
    optional: bool = False
    """Needs what cannot be had everywhere, so that `--require all` does not ask for it."""


@dataclass(frozen=True)
class Result:
    name: str
    state: str
    seconds: float
    note: str


def tool(name: str) -> str:
    return str(BIN / name)


def pytest_kind(name: str, proves: str, limit: float, *options: str, folders: tuple[str, ...] = ()) -> Kind:
    report = OUTPUT / f"{name}.xml"
    return Kind(
        name,
        proves,
        [tool("pytest"), "-q", *(folders or (f"tests/{name}",)), f"--junitxml={report}", *options],
        in_environment("pytest", "ansible-playbook"),
        limit,
        report=report,
    )


def demo_kind() -> Kind:
    kind = pytest_kind("demo", "packets agree with the documents, and broken rules are noticed", 120)
    return replace(kind, needs=lambda: kind.needs() or needs_of_kernel(), beside=True)


def kernel_kind(name: str = "kernel", limit: float = 200, *options: str) -> Kind:
    proves = "a real kernel holds, refuses and gives back what it should"
    kind = pytest_kind(name, proves, limit, "-n", "auto", *options, folders=("tests/kernel",))
    command = [*ROOT, *kind.command]
    return replace(kind, command=command, needs=lambda: kind.needs() or needs_of_kernel(), again=True)


MACHINE_SUITE = "PORTBOOK_MACHINE_SUITE"


AT_ONCE = ("-n", "2", "--dist", "worksteal")
"""With four, a login took fifteen seconds on a slow computer. Who is done takes what another has not begun; until then
a file's tests have one machine, where they share it."""


def on_machines(kind: Kind) -> Kind:
    return replace(kind, needs=lambda: kind.needs() or needs_of_machine(), beside=True, again=True)


def machine_kind(*options: str) -> Kind:
    proves = "a real machine with systemd, over real ssh, holds what it should"
    kind = pytest_kind("machine", proves, 360, *AT_ONCE, *options)
    return on_machines(kind)


def machine_more_kind() -> Kind:
    """What `make test` leaves out on the Debian that it has."""
    proves = "whatever happens to a real machine and its firewall, the same packets pass"
    kind = pytest_kind("machine-more", proves, 600, *AT_ONCE, "-m", "more", folders=("tests/machine",))
    return on_machines(kind)


def machine_faults_kind() -> Kind:
    proves = "whatever breaks, management access comes back, and the next run works"
    kind = pytest_kind("machine-faults", proves, 420, *AT_ONCE, folders=("tests/machine/test_faults.py",))
    return replace(on_machines(kind), environment={"PORTBOOK_FAULTS": "all"})


def docker_kind() -> Kind:
    kind = pytest_kind("docker", "real Docker's networks come and go on a real machine, and stay guarded", 240)
    return on_machines(kind)


def clients_kind() -> Kind:
    proves = "programs of others work by their rules, and neither without them nor for strangers"
    kind = pytest_kind("clients", proves, 180, "-n", "2")
    return replace(on_machines(kind), size=ALL, beside=False)


def firewalld_kind(name: str = "firewalld", limit: float = 120, *options: str) -> Kind:
    proves = "a real firewalld opens, its own table refuses, and both come back together"
    kind = pytest_kind(name, proves, limit, *AT_ONCE, *options, folders=("tests/firewalld",))
    return on_machines(kind)


def molecule_kinds() -> tuple[Kind, Kind]:
    """For `make test`, and for `make test-all`."""
    one = pytest_kind(
        "molecule-utmstack", "Molecule applies UTMStack's roles, and packets agree", 60, folders=("tests/molecule",)
    )
    every = pytest_kind(
        "molecule",
        "Molecule's scenarios hold on real machines, and a user's repository works as it stands",
        700,
        *("-m", "more"),
        folders=("tests/molecule",),
    )
    return (
        replace(one, needs=lambda: one.needs() or in_environment("molecule")() or needs_of_kernel()),
        replace(on_machines(every), size=ALL),
    )


_WHAT_DIFFERS = ("-m", "not once")
"""Of the tests on machines, those on other Debians than the first; with those that are marked `more`."""


def other_root_kind(kind: Kind, suite: str, limit: float = 500) -> Kind:
    """That builds a root of its own, where none is given."""

    def needs() -> str | None:
        given = os.environ.get(MACHINE_ROOT)
        return f"a root of {suite}, and {MACHINE_ROOT} names {given}" if given else kind.needs()

    report = OUTPUT / f"{kind.name}-{suite}.xml"
    return replace(
        kind,
        name=f"{kind.name}-{suite}",
        proves=f"{kind.proves}: Debian's {suite}",
        command=[f"--junitxml={report}" if word.startswith("--junitxml") else word for word in kind.command],
        needs=needs,
        limit=limit,
        size=ALL,
        environment={MACHINE_SUITE: suite},
        report=report,
    )


def of_archived(kind: Kind) -> Kind:
    """A Debian that mirrors will drop: where its root cannot be built, that is said, and fails nothing."""

    def needs() -> str | None:
        lacking = kind.needs()
        if lacking is not None:
            return lacking
        done = subprocess.run(
            [sys.executable, "-c", "from lab import roots; roots.ready()"],
            cwd=CHECKOUT / "tests",
            env=environment() | kind.environment,
            stdin=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
        told = done.stderr.strip().splitlines()
        return f"a root, and it cannot be built: {told[-1] if told else 'no reason given'}" if done.returncode else None

    return replace(kind, needs=needs, optional=True)


def pwsh_kind(name: str, proves: str, limit: float, *options: str, tests: tuple[str, ...] = ("",)) -> Kind:
    kind = pytest_kind(name, proves, limit, *options, folders=tuple(f"tests/windows/pwsh/{one}" for one in tests))
    return replace(kind, needs=lambda: kind.needs() or needs_of_pwsh(), optional=True)


def typed() -> list[str]:
    """What mypy reads, by way of the link: its path gives the names by which the files import."""
    plugins = ("plugin_utils", "module_utils", "action", "lookup", "modules")
    folders = [COLLECTION / "plugins" / name for name in plugins]
    rest = (
        COLLECTION / "scripts",
        COLLECTION / "demo",
        COLLECTION / "tests/run.py",
        CHECKOUT / "tests/windows",
        CHECKOUT / "tests/lab",
        CHECKOUT / "tests/clients",
    )
    return [str(path) for path in (*folders, *rest)]


def kinds() -> list[Kind]:
    return [*_quick(), *_test(), *_all()]


def _quick() -> list[Kind]:
    every = [
        Kind(
            "ruff",
            "the Python is clean and formatted",
            ["sh", "-c", '"$0" check . && "$0" format --check .', tool("ruff")],
            in_environment("ruff"),
            limit=20,
        ),
        Kind(
            "types",
            "the types hold, strictly",
            [tool("mypy"), "--strict", *typed()],
            in_environment("mypy"),
            # Much less once it has its cache.
            limit=60,
        ),
        Kind(
            "layers",
            "each stage imports only from those before it",
            [sys.executable, "scripts/layers.py"],
            in_environment("lint-imports"),
            limit=20,
        ),
        pytest_kind("unit", "each part does what it says", 80, "-n", "auto"),
        pytest_kind("golden", "plans and renderings are the ones on file", 45),
    ]
    return [replace(kind, size=QUICK) for kind in every]


def _test() -> list[Kind]:
    python = sys.executable
    return [
        Kind(
            "generated",
            "what is committed is what the catalogue gives",
            [python, "scripts/generate.py", "--check"],
            lambda: None,
            limit=20,
        ),
        Kind(
            "yamllint",
            "the YAML is clean",
            [tool("yamllint"), "--strict", "."],
            in_environment("yamllint"),
            limit=20,
        ),
        Kind(
            "changelog",
            "the changelog fragments can be released",
            [tool("antsibull-changelog"), "lint"],
            in_environment("antsibull-changelog"),
            limit=20,
        ),
        pytest_kind(
            "windows",
            "a model of Windows' rule store does what was recorded, and what we write to it",
            240,
            *("-n", "auto", "--ignore=tests/windows/pwsh"),
        ),
        kernel_kind(),
        demo_kind(),
        machine_kind(),
        firewalld_kind(),
        molecule_kinds()[0],
        replace(
            pwsh_kind("pwsh", "a real PowerShell runs the Windows modules, on a fake of the rule store", 180),
            beside=True,
        ),
        pytest_kind("ansible", "real ansible-playbook runs give the right plans", 240, "-n", "auto"),
        pytest_kind("fuzz", "properties hold for inputs that nobody thought of", 120, "-n", "auto"),
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
            limit=40,
        ),
        Kind(
            "ansible-lint",
            "roles and playbooks meet the production profile",
            [tool("ansible-lint"), "--offline", "--nocolor"],
            in_environment("ansible-lint"),
            limit=120,
            beside=True,
        ),
        Kind(
            "sanity",
            "ansible-test finds nothing, without exceptions",
            [python, "scripts/sanity.py"],
            needs_of_sanity,
            # Of that a minute for its own environments, which the second run has.
            limit=240,
            beside=True,
        ),
    ]


def _all() -> list[Kind]:
    python = sys.executable
    every = [
        replace(
            pwsh_kind(
                "pwsh-all",
                "in every posture it leaves what the emulation leaves, also on a host of many rules",
                300,
                *("-n", "2", "--dist", "worksteal"),
                tests=("test_stores.py", "test_size.py"),
            ),
            environment={"PORTBOOK_PWSH_CROSS": "1"},
        ),
        replace(
            pytest_kind(
                "faults",
                "properties and faults hold for many more inputs",
                300,
                *("-n", "auto", "--ignore=tests/windows/pwsh", "-m", "more or longer"),
                folders=("tests/fuzz", "tests/windows"),
            ),
            environment={"PORTBOOK_FUZZ": "2"},
        ),
        kernel_kind("kernel-more", 200, "-m", "more"),
        machine_more_kind(),
        machine_faults_kind(),
        replace(firewalld_kind("firewalld-more", 500, "-m", "more"), size=ALL),
        molecule_kinds()[1],
        clients_kind(),
        other_root_kind(firewalld_kind("firewalld", 300, *_WHAT_DIFFERS), "trixie", 300),
        of_archived(other_root_kind(machine_kind("-m", "not more and not once"), "bullseye", 300)),
        other_root_kind(machine_kind(*_WHAT_DIFFERS), "trixie", 500),
        # In the lane of those that compute, which has time left; they raise few machines.
        *(replace(other_root_kind(docker_kind(), suite, 260), beside=False) for suite in ("bookworm", "trixie")),
        pytest_kind("release", "the archive works alone, is the same each time, and a release is one command", 150),
        Kind(
            "matrix",
            "it works with every Python found and every supported ansible-core",
            [python, "scripts/matrix.py", "--require", "2.19,2.21,2.22"],
            in_environment("ansible-playbook"),
            limit=800,
        ),
        Kind(
            "bench",
            "cost grows as little with hosts and rules as it should",
            [python, "tests/bench/run.py", "--bars"],
            in_environment("ansible-playbook"),
            limit=240,
            alone=True,
        ),
    ]
    # What `make test` leaves out of a file that it has, these have.
    return [replace(kind, size=ALL, environment={**kind.environment, "PORTBOOK_MORE": "1"}) for kind in every]


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


def time_left() -> float:
    return float(os.environ.get(UNTIL, "inf")) - time.time()


def why_not(kind: Kind) -> tuple[str, str] | None:
    """The state of a kind that does not run, and what it lacks."""
    left = time_left()
    if left < kind.limit:
        return NO_TIME, f"{kind.limit:g} s that it may take, and {max(left, 0):.0f} s are left"
    lacking = kind.needs()
    return None if lacking is None else (NOT_RUN, lacking)


def run(kind: Kind) -> Result:
    head = f"\n=== {kind.name}: {kind.proves}"
    if not kind.beside:
        print(head, flush=True)
    lacking = why_not(kind)
    if lacking is not None:
        state, note = lacking
        print(f"not run: {note}" if not kind.beside else f"{head}\nnot run: {note}", flush=True)
        return Result(kind.name, state, 0.0, note)
    if kind.report is not None:
        kind.report.unlink(missing_ok=True)
    start, patience = time.monotonic(), PATIENCE * kind.limit
    allowed = min(patience, time_left())
    code, told = call(kind, subprocess.PIPE if kind.beside else None, allowed)
    if kind.beside:
        print(f"{head}\n{told}", flush=True)
    state, note = judge(kind, code)
    seconds = time.monotonic() - start
    if allowed < min(patience, seconds):
        state, note = NO_TIME, f"ended, because no time was left; {note}".rstrip("; ")
    elif seconds > patience:
        state, note = FAILED, f"more than {PATIENCE} times its limit of {kind.limit:g} s; {note}".rstrip("; ")
    elif seconds > kind.limit:
        note = f"{note}; over its limit of {kind.limit:g} s".lstrip("; ")
    return Result(kind.name, state, round(seconds, 1), note)


FEW = 5
"""Tests that fail because others are at work; more have another reason."""
EACH = 60.0
"""Seconds that one of them takes at most, alone."""


def failed_in(report: Path | None) -> list[str]:
    if report is None or not report.exists():
        return []
    cases = ET.parse(report).getroot().iter("testcase")
    return [one.get("name", "") for one in cases if {part.tag for part in one} & {"failure", "error"}]


def tried_again(kind: Kind, result: Result) -> Result:
    """When nothing else runs any more."""
    failed = failed_in(kind.report)
    if result.state != FAILED or not kind.again or not 0 < len(failed) <= FEW:
        return result
    report, names = OUTPUT / f"{kind.name}-again.xml", ", ".join(failed)
    command = [*kind.command, "--last-failed", "--last-failed-no-failures=none", "-n", "0", f"--junitxml={report}"]
    proves = f"what failed beside others, alone: {names}"
    alone = run(replace(kind, proves=proves, command=command, report=report, limit=EACH * len(failed)))
    seconds = round(result.seconds + alone.seconds, 1)
    if alone.state != PASSED:
        return replace(result, seconds=seconds, note=f"{result.note}; alone: {alone.note}")
    return replace(result, state=PASSED, seconds=seconds, note=f"{result.note}; passed alone: {names}")


def call(kind: Kind, output: int | None, seconds: float) -> tuple[int, str]:
    """In a session of its own, so that all of it ends if it takes too long."""
    # Of each kind, so that it knows which of its tests failed.
    cache = ["-o", f"cache_dir={OUTPUT}/cache/{kind.name}"] if kind.report else []
    process = subprocess.Popen(
        [*kind.command, *cache],
        cwd=CHECKOUT,
        env=environment() | kind.environment,
        text=True,
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=None if output is None else subprocess.STDOUT,
        start_new_session=True,
    )
    try:
        told, _none = process.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        told = end(process)
    except BaseException:
        end(process)
        raise
    return process.returncode, told or ""


def end(process: subprocess.Popen[str]) -> str:
    """As from a keyboard first, so that tests take down what they put up."""
    os.killpg(process.pid, signal.SIGINT)
    with suppress(subprocess.TimeoutExpired):
        process.communicate(timeout=TO_CLEAN_UP)
    # Whatever did not listen, also if the process that was started did.
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    # With all that it said before, too.
    told, _none = process.communicate()
    return told or ""


def run_all(chosen: list[Kind]) -> list[Result]:
    """In their order, those beside one after the other in a lane of their own, those alone when all is quiet."""
    with ThreadPoolExecutor(1) as lane:
        later = [lane.submit(run, kind) for kind in chosen if kind.beside]
        results = [run(kind) for kind in chosen if not (kind.beside or kind.alone)]
        results += [one.result() for one in later]
    by_name = {kind.name: kind for kind in chosen}
    results = [tried_again(by_name[result.name], result) for result in results]
    return results + [run(kind) for kind in chosen if kind.alone]


def report(results: list[Result], absent: list[str]) -> None:
    print(f"\n{'=' * 78}")
    for result in results:
        print(f"{result.name:<14} {result.state:<8} {result.seconds:>7.1f} s  {result.note}".rstrip())
    for name in absent:
        print(f"{name:<14} REQUIRED, and did not run")
    print("=" * 78)
    counts = {state: sum(r.state == state for r in results) for state in (PASSED, FAILED, NOT_RUN, NO_TIME)}
    (OUTPUT / "kinds.json").write_text(
        json.dumps(
            {
                "passed": counts[PASSED],
                "failed": counts[FAILED],
                "skipped": counts[NOT_RUN] + counts[NO_TIME],
                "kinds": [asdict(result) for result in results],
            },
            indent=2,
        )
        + "\n"
    )
    skipped = f", {counts[NOT_RUN]} skipped" if counts[NOT_RUN] else ""
    skipped += f", {counts[NO_TIME]} had no time" if counts[NO_TIME] else ""
    print(f"{counts[PASSED]} passed, {counts[FAILED]} failed{skipped}")


def names(known: list[str]) -> Callable[[str], list[str]]:
    """What an option takes: some of the known ones, or `all`, which stays as it is."""

    def parse(text: str) -> list[str]:
        chosen = [name for name in text.split(",") if name]
        unknown = [name for name in chosen if name not in (*known, "all")]
        if unknown:
            raise argparse.ArgumentTypeError(
                f"no kind of test is called {', '.join(unknown)}; there are {', '.join(known)}"
            )
        return chosen

    return parse


def chosen_kinds(every: list[Kind], size: str, only: list[str]) -> list[Kind]:
    """Those of a size, or those that are named, of whatever size."""
    if "all" in only:
        return every
    return [kind for kind in every if (kind.name in only if only else kind.size in SIZES[size])]


def required_kinds(chosen: list[Kind], asked: list[str], has_pwsh: bool) -> list[str]:
    """Where there is a PowerShell, what needs one is required."""
    everything = [kind.name for kind in chosen if not kind.optional] if "all" in asked else []
    named = [name for name in asked if name != "all"]
    in_pwsh = [kind.name for kind in chosen if kind.name.startswith("pwsh")] if has_pwsh else []
    return list(dict.fromkeys([*everything, *named, *in_pwsh]))


def main() -> int:
    # Whoever starts this in the background may have it ignored, and so would all that is started here.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    every = kinds()
    known = [kind.name for kind in every]
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", choices=SIZES, default=TEST)
    parser.add_argument("--only", type=names(known), default=[], metavar="KIND[,KIND]", help="of whatever size")
    parser.add_argument(
        "--require",
        type=names(known),
        default=[],
        metavar="KIND[,KIND]|all",
        help="fail if one of these did not run; all: those of the size that can be had everywhere",
    )
    options = parser.parse_args()

    pwsh = named_pwsh()
    if pwsh is not None:
        os.environ[PWSH] = pwsh
    OUTPUT.mkdir(parents=True, exist_ok=True)
    chosen = chosen_kinds(every, options.size, options.only)
    results = run_all(chosen)
    ran = {result.name for result in results if result.state != NOT_RUN}
    absent = [name for name in required_kinds(chosen, options.require, pwsh is not None) if name not in ran]
    report(results, absent)
    return 1 if absent or any(result.state == FAILED for result in results) else 0


if __name__ == "__main__":
    sys.exit(main())
