# SPDX-License-Identifier: GPL-3.0-or-later
"""Test every Python found here with every ansible-core series that the collection supports."""

from __future__ import annotations

import argparse
import importlib.metadata
import json
import os
import re
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parent.parent
ENVIRONMENTS = CHECKOUT / ".venv-matrix"
COLLECTIONS = CHECKOUT / ".venv" / "collections"

# The Python versions that each series of ansible-core runs on.
SERIES = {
    "2.18": ("3.11", "3.12", "3.13"),
    "2.19": ("3.11", "3.12", "3.13"),
    "2.20": ("3.12", "3.13", "3.14"),
    "2.21": ("3.12", "3.13", "3.14"),
    "2.22": ("3.13", "3.14"),
}
# No other Python or ansible-core finds more in the project's own tools and pages, or by trying many inputs.
UNITS = ("tests/unit", "--ignore=tests/unit/project", "-m", "not hypothesis and not more")
# What they print, and which plan it is, is the collection's own.
_OWN = ("what_is_shown", "empty_and_near_groups", "the_plan_is_the_same", "the_plan_file", "messages_on_pages")
# With the oldest and the newest series.
WHOLE = (*UNITS, "tests/ansible", *(f"--ignore=tests/ansible/test_{name}.py" for name in _OWN))
# With the first series that marks where values come from: how variables are read and templated.
TAGGING = "2.19"
READING = (
    *UNITS,
    *(
        f"tests/ansible/test_{name}.py"
        for name in ("role_variables", "where_variables_may_stand", "which_variables_are_seen", "errors", "compare")
    ),
)
# A series that has no release yet, by what is asked for instead of its newest patch.
BEFORE_RELEASE = {"2.22": "ansible-core>=2.22.0rc1,<2.23"}

PACKAGES = ("netaddr", "jsonschema", "pytest", "hypothesis")

# Older ones run no PowerShell modules elsewhere than on Windows.
OLDEST_WITH_PWSH = (2, 21)

# The machine has few cores, and ansible-playbook forks on its own.
PAIRS_AT_ONCE = 2


@dataclass(frozen=True)
class Pair:
    python: str
    series: str

    @property
    def name(self) -> str:
        return f"python {self.python}, ansible-core {self.series}"

    @property
    def folder(self) -> Path:
        return ENVIRONMENTS / f"python{self.python}-core{self.series}"

    @property
    def log(self) -> Path:
        return ENVIRONMENTS / f"{self.folder.name}.log"


@dataclass(frozen=True)
class Result:
    pair: Pair
    passed: bool
    seconds: float
    note: str


class StepFailed(Exception):
    pass


class Steps:
    """Runs the steps of one pair in its environment, all into one log."""

    def __init__(self, pair: Pair) -> None:
        self._pair = pair
        pair.log.unlink(missing_ok=True)

    def run(self, name: str, program: str | Path, *arguments: str | Path) -> None:
        bin_folder = self._pair.folder / "bin"
        environment = os.environ | {
            "PATH": f"{bin_folder}{os.pathsep}{os.environ.get('PATH', os.defpath)}",
            "ANSIBLE_COLLECTIONS_PATH": str(COLLECTIONS),
            "HYPOTHESIS_STORAGE_DIRECTORY": str(self._pair.folder / "hypothesis"),
        }
        with self._pair.log.open("a") as log:
            code = subprocess.run(
                # A path stays as it is, a bare name is looked up in the environment.
                [bin_folder / program, *arguments],
                cwd=CHECKOUT,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                check=False,
            ).returncode
        if code != 0:
            raise StepFailed(f"{name}: exit code {code}")


def pythons() -> dict[str, str]:
    """Version and path of each Python found, newest first."""
    listed = subprocess.run(
        ["sh", CHECKOUT / "scripts" / "pythons.sh"], check=True, capture_output=True, text=True
    ).stdout
    return dict(line.split(" ", 1) for line in listed.splitlines())


def as_numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split("."))


def requirements(series: str) -> list[str]:
    """What a pair's environment holds: the newest patch of the series, the rest as in the lock."""
    lock = (CHECKOUT / "requirements-dev.lock").read_text()
    pins = re.findall(rf"^((?:{'|'.join(PACKAGES)})==\S+)", lock, re.MULTILINE)
    return [BEFORE_RELEASE.get(series, f"ansible-core~={series}.0"), *pins]


def make_environment(pair: Pair, python: str, steps: Steps) -> None:
    wanted = requirements(pair.series)
    made_from = json.dumps([python, *wanted])
    stamp = pair.folder / "made-from.json"
    if stamp.exists() and stamp.read_text() == made_from:
        return
    steps.run("venv", Path(python), "-m", "venv", "--clear", pair.folder)
    steps.run("pip", "python", "-m", "pip", "install", "-qq", *wanted)
    stamp.write_text(made_from)


def summary(log: Path) -> str:
    """What pytest said at its end; it is content even if every test was skipped, we are not."""
    found = re.search(r"^\d+ passed.*(?= in )", log.read_text(), re.MULTILINE)
    if found is None:
        raise StepFailed("tests: nothing was tested")
    return found.group()


def test(pair: Pair, python: str, folders: tuple[str, ...]) -> Result:
    start = time.monotonic()
    steps = Steps(pair)
    try:
        make_environment(pair, python, steps)
        note = "plan"
        if folders:
            steps.run("tests", "python", "-m", "pytest", "-q", "-p", "no:cacheprovider", *folders)
            note = summary(pair.log)
        plan_file = json.dumps({"portbook_plan_file": str(pair.folder / "plan.json")})
        steps.run(
            *("plan", "ansible-playbook", "portbook.firewall.plan"),
            *("-i", "examples/inventory", "-e", plan_file),
        )
        # With the module for nftables, and the ones for Windows where there is a PowerShell for them.
        if folders == WHOLE:
            steps.run("demo", "python", "demo/run.py")
            if os.environ.get("PORTBOOK_PWSH") and as_numbers(pair.series) >= OLDEST_WITH_PWSH:
                steps.run(
                    *("pwsh", "python", "-m", "pytest", "-q", "-p", "no:cacheprovider"),
                    *("tests/windows/pwsh/test_pwsh.py", "-k", "as_ansible_starts_them"),
                )
        passed = True
    except StepFailed as failure:
        passed, note = False, str(failure)
    result = Result(pair, passed, time.monotonic() - start, note)
    print(f"{pair.name}: {'passed' if passed else 'FAILED'}", flush=True)
    return result


def folders(pairs: list[Pair]) -> dict[Pair, tuple[str, ...]]:
    """The tests of each pair: the units on every Python and with every series, the runs of ansible-playbook with the
    oldest, the newest and the first that marks values, but for the one in `.venv`, whose are in `make test`. Who runs
    all runs the demo, too; every pair plans."""
    own = ".".join(importlib.metadata.version("ansible-core").split(".")[:2])
    found: dict[Pair, tuple[str, ...]] = dict.fromkeys(pairs, ())
    more = {TAGGING: READING, pairs[0].series: WHOLE, pairs[-1].series: WHOLE, own: UNITS}
    for pair in {pair.series: pair for pair in reversed(pairs)}.values():
        found[pair] = more.get(pair.series, UNITS)
    for python in {pair.python for pair in pairs} - {pair.python for pair, tests in found.items() if tests}:
        found[[pair for pair in pairs if pair.python == python][-1]] = UNITS
    return found


def report(results: list[Result], missing: dict[Pair, str], unmet: list[str]) -> None:
    for result in results:
        if not result.passed:
            print(f"\n=== {result.pair.name}: the end of {result.pair.log.relative_to(CHECKOUT)}")
            print("\n".join(result.pair.log.read_text().splitlines()[-40:]))
    print(f"\n{'=' * 78}")
    for result in results:
        state = "passed" if result.passed else "FAILED"
        print(f"{result.pair.name:<32} {state:<8} {result.seconds:>6.1f} s  {result.note}")
    for pair, why in missing.items():
        print(f"{pair.name:<32} NOT RUN            {why}")
    for series in unmet:
        print(f"ansible-core {series} REQUIRED, and did not run")
    print("=" * 78)
    passed = sum(result.passed for result in results)
    skipped = f", {len(missing)} skipped" if missing else ""
    print(f"{passed} passed, {len(results) - passed} failed{skipped}")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--require",
        type=lambda text: text.split(","),
        default=[],
        metavar="SERIES[,SERIES]",
        help="fail if one of these did not run, unless it needs a newer Python than any found",
    )
    required = parser.parse_args().require
    unknown = [series for series in required if series not in SERIES]
    if unknown:
        parser.error(f"not a supported series: {', '.join(unknown)}; there are {', '.join(SERIES)}")

    found = pythons()
    pairs = [Pair(python, series) for series, versions in SERIES.items() for python in versions]
    missing = {pair: f"no Python {pair.python} found" for pair in pairs if pair.python not in found}
    tested = folders([pair for pair in pairs if pair not in missing])
    ENVIRONMENTS.mkdir(exist_ok=True)
    with ThreadPoolExecutor(PAIRS_AT_ONCE) as pool:
        results = list(
            pool.map(
                lambda pair: test(pair, found[pair.python], tested[pair]),
                # Those that take long first, so that none of them is left over for the end.
                sorted(tested, key=lambda pair: (tested[pair] == WHOLE, len(tested[pair])), reverse=True),
            )
        )
    ran = {result.pair.series for result in results}
    newest = max(found, key=as_numbers, default="0")
    unmet = [
        series
        for series in required
        # A series that is newer than every Python here is excused.
        if series not in ran and as_numbers(SERIES[series][0]) <= as_numbers(newest)
    ]
    report(results, missing, unmet)
    return 1 if unmet or not all(result.passed for result in results) else 0


if __name__ == "__main__":
    sys.exit(main())
