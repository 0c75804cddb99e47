"""`careline status`: what runs, on which port and pid, and whether it answers."""

from typing import Any

import psutil
from rich.table import Table

from careline_cli.checkout import local_stack
from careline_cli.console import AsJson, stdout
from careline_localstack.server import Server


def status(
    as_json: AsJson = False,
) -> None:
    """Show every server and service of this home: state, address, pid, memory.

    [bold]Examples[/]

    careline status

    careline status --json | python3 -m json.tool
    """
    stack = local_stack()
    stack.home.refuse_foreign_owner()
    report = {
        "home": str(stack.home.root),
        "servers": {
            server.name: _describe(server)
            for server in (stack.kafka, stack.postgres, stack.valkey)
            if server in stack.servers
        },
        "services": {name: _describe(service) for name, service in stack.services.items()},
    }
    if as_json:
        stdout.print_json(data=report)
    else:
        stdout.print(_table(report))


def _describe(server: Server) -> dict[str, Any]:
    pid = server.pid
    if pid is None:
        return {"state": "stopped", "port": None, "pid": None, "memory_mb": None}
    return {
        "state": "ready" if server.is_ready() else "not ready",
        "port": server.port,
        "pid": pid,
        "memory_mb": _memory_mb(pid),
    }


def _memory_mb(pid: int) -> int | None:
    try:
        return int(psutil.Process(pid).memory_info().rss) // 1_000_000
    except psutil.NoSuchProcess:
        return None


def _table(report: dict[str, Any]) -> Table:
    colours = {"ready": "green", "not ready": "yellow", "stopped": "dim"}
    table = Table("", "state", "port", "pid", "MB", box=None, title=report["home"])
    for name, part in {**report["servers"], **report["services"]}.items():
        state = part["state"]
        numbers = [str(part[key] or "–") for key in ("port", "pid", "memory_mb")]
        table.add_row(name, f"[{colours[state]}]{state}[/]", *numbers)
    return table
