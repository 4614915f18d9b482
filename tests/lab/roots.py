# SPDX-License-Identifier: GPL-3.0-or-later
"""The folder that machines start from: a small Debian, made once and kept under build/."""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[2]
GIVEN = "PORTBOOK_MACHINE_ROOT"
SUITES = ("bookworm", "trixie", "bullseye")
SUITE = os.environ.get("PORTBOOK_MACHINE_SUITE", "bookworm")
"""Of Debian: bullseye has nft 0.9.8 and Python 3.9, trixie 1.1 and 3.13."""
_PACKAGES = (
    "systemd systemd-sysv dbus libpam-systemd python3 nftables openssh-server netbase iproute2 ifupdown sudo "
    # What hosts have beside us; off, until a test switches it on.
    "iptables ufw fail2ban"
)
_UNREAD = ("man", "doc", "info", "locale")
_PREPARE = (
    # Nothing here waits for a terminal, and every boot is one of the same machine.
    'chroot "$1" systemctl --quiet mask console-getty.service getty.target systemd-firstboot.service',
    'chroot "$1" systemctl --quiet disable ufw.service fail2ban.service',
    'chroot "$1" systemd-machine-id-setup',
    'echo machine >"$1/etc/hostname"',
    'chroot "$1" useradd --create-home --shell /bin/sh deploy',
    'echo "deploy ALL=(ALL) NOPASSWD: ALL" >"$1/etc/sudoers.d/deploy"',
)
_OPTIONS = [
    "--quiet",
    "--variant=essential",
    '--aptopt=Apt::Install-Recommends "false"',
    "--dpkgopt=force-unsafe-io",
    *(f"--dpkgopt=path-exclude=/usr/share/{name}/*" for name in _UNREAD),
    f"--include={','.join(_PACKAGES.split())}",
    *(f"--customize-hook={command}" for command in _PREPARE),
]


@dataclass(frozen=True)
class Feature:
    """What a root may have besides; a root with it is one of its own, since most tests do without."""

    packages: str
    prepare: str
    since: dict[str, str] = field(default_factory=dict)
    """More packages, where a suite has split them off."""

    def options(self, suite: str) -> list[str]:
        packages = f"{self.packages} {self.since.get(suite, '')}".split()
        return [f"--include={','.join(packages)}", f"--customize-hook={self.prepare}"]


FEATURES = {
    "docker": Feature(
        "docker.io docker-compose busybox-static",
        'chroot "$1" systemctl --quiet disable docker.service docker.socket containerd.service',
        since={"trixie": "docker-cli"},
    ),
    # It starts with the machine where a test switches it on.
    "firewalld": Feature("firewalld", 'chroot "$1" systemctl --quiet disable firewalld.service'),
    # Programs of other people, both ends of each; a test starts those that it needs.
    "clients": Feature(
        "curl dnsmasq-base iperf3 nfdump openssl openvpn rsyslog softflowd tftp-hpa tftpd-hpa udhcpc wsdd",
        'chroot "$1" systemctl --quiet disable iperf3 nfdump openvpn rsyslog softflowd tftpd-hpa wsdd',
    ),
}


def cached(*features: str, suite: str = SUITE) -> Path:
    """Named after what is asked for, so that a change of it builds another one."""
    given = os.environ.get(GIVEN)
    asked = hashlib.sha256("\n".join([suite, *_options(suite, features)]).encode()).hexdigest()[:8]
    return Path(given) if given else CHECKOUT / "build" / "machines" / f"{suite}-{asked}"


def ready(*features: str, suite: str = SUITE) -> Path:
    """Whoever comes first builds, the others wait."""
    root = cached(*features, suite=suite)
    root.parent.mkdir(parents=True, exist_ok=True)
    with (root.parent / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not root.is_dir():
            _build(root, suite, _options(suite, features))
    return root


def _options(suite: str, features: Iterable[str]) -> list[str]:
    return [*_OPTIONS, *(option for feature in features for option in FEATURES[feature].options(suite))]


def _build(root: Path, suite: str, options: list[str]) -> None:
    draft = root.with_name(f"{root.name}.draft")
    _delete(draft)
    try:
        subprocess.run(["mmdebstrap", *options, suite, str(draft)], stdin=subprocess.DEVNULL, check=True)
        draft.rename(root)
    finally:
        _delete(draft)


def _delete(folder: Path) -> None:
    """Never across a mount that a build which was killed has left."""
    if folder.exists():
        subprocess.run(["umount", "--quiet", "--recursive", str(folder)], check=False, capture_output=True)
        shutil.rmtree(folder, ignore_errors=True)
