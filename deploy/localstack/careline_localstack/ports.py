"""Chooses loopback ports that a crashed server finds free again, and names who holds one."""

import random
import socket
from collections.abc import Collection
from contextlib import closing
from pathlib import Path

import psutil

from careline_localstack.errors import StackError

LOOPBACK = "127.0.0.1"
_LOWEST = 15_000
_EPHEMERAL_RANGE = Path("/proc/sys/net/ipv4/ip_local_port_range")
_DEFAULT_EPHEMERAL_LOW = 32_768


def choose_free_port(taken: Collection[int] = ()) -> int:
    """A free port below the ephemeral range.

    Inside that range the kernel hands the port of a server that is down to some client's outgoing
    connection (even to one that dials that very port), and the server cannot come back on it.
    """
    candidates = random.sample(range(_LOWEST, _ephemeral_low()), k=200)
    for port in candidates:
        if port not in taken and is_free(port):
            return port
    raise StackError(
        "No free port was found on 127.0.0.1.",
        why=f"200 ports between {_LOWEST} and {_ephemeral_low()} were tried.",
        fix="Stop some servers, or set the ports yourself (CARELINE_KAFKA_PORT, …).",
    )


def is_free(port: int) -> bool:
    with closing(socket.socket(socket.AF_INET, socket.SOCK_STREAM)) as probe:
        # As the servers do: a connection in TIME_WAIT does not make a port taken.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
        return True


def refuse_taken(port: int, *, wanted_by: str, variable: str) -> None:
    """Raise an error that names the port, its holder if the system tells, and the way out."""
    if is_free(port):
        return
    raise StackError(
        f"Port {port}, meant for {wanted_by}, is taken{_holder(port)}.",
        fix=f"Stop that program, or choose another port: {variable}=PORT careline up",
    )


def accepts_connections(port: int, *, timeout_seconds: float = 0.5) -> bool:
    try:
        with socket.create_connection((LOOPBACK, port), timeout=timeout_seconds):
            return True
    except OSError:
        return False


def _holder(port: int) -> str:
    """Who listens on the port, as far as this user may know."""
    try:
        for connection in psutil.net_connections(kind="tcp"):
            listens = connection.status == psutil.CONN_LISTEN and connection.laddr.port == port
            if listens and connection.pid:
                command = " ".join(psutil.Process(connection.pid).cmdline())
                return f" by process {connection.pid} ({command[:80]})"
    except psutil.Error:
        pass
    return " by a program of another user" if accepts_connections(port) else ""


def _ephemeral_low() -> int:
    try:
        low = int(_EPHEMERAL_RANGE.read_text().split()[0])
    except (OSError, ValueError, IndexError):
        return _DEFAULT_EPHEMERAL_LOW
    # A machine configured for ephemeral ports from 1024 up leaves nothing below them.
    return low if low > _LOWEST + 1_000 else _DEFAULT_EPHEMERAL_LOW
