# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The errors of COM, with the texts that .NET makes of them."""

from __future__ import annotations

INVALID_ARGUMENT = 0x80070057
NOT_FOUND = 0x80070002
INVALID_DATA = 0x8007000D
ACCESS_DENIED = 0x80070005
TYPE_MISMATCH = 0x80020005
BAD_PARAMETER_COUNT = 0x8002000E
NT_INVALID_PARAMETER = 0xD000000D
NO_ENDPOINT = 0x800706D9
FAILED = 0x80004005
UNAVAILABLE = 0x800706BA
CALL_FAILED = 0x800706BE

_TEXTS = {
    NOT_FOUND: "The system cannot find the file specified.",
    INVALID_DATA: "The data is invalid.",
    ACCESS_DENIED: "Access is denied.",
    TYPE_MISMATCH: "Type mismatch.",
    BAD_PARAMETER_COUNT: "Invalid number of parameters.",
    NT_INVALID_PARAMETER: "An invalid parameter was passed to a service or function.",
    NO_ENDPOINT: "There are no more endpoints available from the endpoint mapper.",
}


class ComError(Exception):
    def __init__(self, hresult: int) -> None:
        self.hresult = hresult
        if hresult == INVALID_ARGUMENT:
            text = "Value does not fall within the expected range."
        else:
            text = f"{_TEXTS.get(hresult, 'Exception from HRESULT.')} (0x{hresult:08X})"
        super().__init__(text)

    @property
    def code(self) -> str:
        return f"{self.hresult:08X}"


def invalid() -> ComError:
    return ComError(INVALID_ARGUMENT)


class Crashed(Exception):
    """The process was killed at this write: nothing that comes after it in a module happens."""
