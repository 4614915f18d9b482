# SPDX-License-Identifier: GPL-3.0-or-later
"""`make lab` and `make lab-down`."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from lab import roots, standing


def main() -> int:
    parser = argparse.ArgumentParser(prog="make lab", description="Real machines with systemd, each in a network.")
    parser.add_argument("what", choices=["up", "down"])
    parser.add_argument(
        "machines",
        nargs="*",
        metavar="NAME[=SUITE[+FEATURE]]",
        help=f"siem and probe by default; suites: {', '.join(roots.SUITES)}; features: {', '.join(roots.FEATURES)}",
    )
    parser.add_argument("--folder", type=Path, default=standing.FOLDER, help="for its inventory, key and scripts")
    given = parser.parse_args()
    folder = given.folder.resolve()
    try:
        if given.what == "down":
            print("The lab is down." if standing.down(folder) else "No lab was up.")
            return 0
        asked = [standing.Asked.read(one) for one in given.machines or ("siem", "probe")]
        print(standing.described(folder, standing.up(asked, folder)))
    except standing.LabError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
