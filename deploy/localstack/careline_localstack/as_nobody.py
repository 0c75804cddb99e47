"""Runs a command as the account `nobody`: PostgreSQL refuses to run as root.

Usage: python as_nobody.py COMMAND [ARGUMENT …]

Root's own directories (/root, a temporary directory of mode 0700) keep their mode. Where `nobody`
could not even enter them, the command is left one Linux capability: to pass through.
"""

import ctypes
import os
import pwd
import sys
from pathlib import Path

_PR_SET_SECUREBITS = 28
_PR_CAP_AMBIENT = 47
_PR_CAP_AMBIENT_RAISE = 2
# Keeps capabilities over setuid; without it access(2), by which PostgreSQL looks for its own
# programs, ignores them.
_SECBIT_NO_SETUID_FIXUP = 1 << 2
_CAPABILITY_VERSION_3 = 0x20080522
# Passing directories is all that is wanted; containers often grant only the wider second one.
_CAP_DAC_READ_SEARCH = 2
_CAP_DAC_OVERRIDE = 1


class _Header(ctypes.Structure):
    _fields_ = (("version", ctypes.c_uint32), ("pid", ctypes.c_int))


class _Sets(ctypes.Structure):
    _fields_ = (
        ("effective", ctypes.c_uint32),
        ("permitted", ctypes.c_uint32),
        ("inheritable", ctypes.c_uint32),
    )


def become_nobody(*, must_reach: list[Path]) -> None:
    account = pwd.getpwnam("nobody")
    libc = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None
    if libc is not None:
        libc.prctl(_PR_SET_SECUREBITS, _SECBIT_NO_SETUID_FIXUP, 0, 0, 0)
    os.setgroups([])
    os.setgid(account.pw_gid)
    os.setuid(account.pw_uid)
    if libc is not None:
        _set_capability(libc, None)
        if not all(os.access(path, os.R_OK) for path in must_reach):
            _keep_passage(libc)


def _keep_passage(libc: ctypes.CDLL) -> None:
    permitted = _permitted(libc)
    for capability in (_CAP_DAC_READ_SEARCH, _CAP_DAC_OVERRIDE):
        if permitted & 1 << capability:
            _set_capability(libc, capability)
            libc.prctl(_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_RAISE, capability, 0, 0)
            return


def _permitted(libc: ctypes.CDLL) -> int:
    sets = (_Sets * 2)()
    libc.capget(ctypes.byref(_Header(_CAPABILITY_VERSION_3, 0)), sets)
    return int(sets[0].permitted)


def _set_capability(libc: ctypes.CDLL, capability: int | None) -> None:
    """Only this one in effect; with None, none is, and the permitted ones wait for the choice."""
    bit = 0 if capability is None else 1 << capability
    sets = (_Sets * 2)(_Sets(bit, bit or _permitted(libc), bit), _Sets(0, 0, 0))
    libc.capset(ctypes.byref(_Header(_CAPABILITY_VERSION_3, 0)), sets)


def main() -> None:
    command = sys.argv[1:]
    become_nobody(must_reach=[Path(command[0]), Path.cwd()])
    try:
        os.execv(command[0], command)  # noqa: S606 - no shell is wanted
    except PermissionError:
        sys.exit(
            f"The account nobody, as which PostgreSQL runs for root, cannot reach {command[0]}. "
            "Run careline as an ordinary user, or from a directory that everyone may enter."
        )


if __name__ == "__main__":
    main()
