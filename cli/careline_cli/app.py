"""The `careline` command: the list of everything it can do."""

from importlib import import_module
from typing import Any

import typer
from typer.core import TyperGroup

COMMANDS = {
    "up": "careline_cli.up:up",
    "down": "careline_cli.down:down",
    "status": "careline_cli.status:status",
    "run": "careline_cli.run:run",
    "import": "careline_cli.importing:import_file",
    "channel": "careline_cli.channel:app",
    "customer": "careline_cli.customer.command:app",
    "ticket": "careline_cli.ticket.command:app",
    "crisis": "careline_cli.crisis:app",
    "calendar": "careline_cli.calendar:app",
    "score": "careline_cli.score.command:app",
    "playbook": "careline_cli.playbook.command:app",
    "case": "careline_cli.case:app",
    "absence": "careline_cli.absence:app",
    "uplift": "careline_cli.uplift:uplift",
    "deadletter": "careline_cli.deadletter.command:app",
    "contracts": "careline_cli.contracts:app",
    "keys": "careline_cli.keys:app",
    "token": "careline_cli.token:token",
    "access": "careline_cli.access:app",
    "policy": "careline_cli.policy.command:app",
    "totp": "careline_cli.totp:app",
    "audit": "careline_cli.audit:app",
    "demo": "careline_cli.demo.command:demo",
    "bench": "careline_cli.bench.command:bench",
    "check": "careline_cli.check:check",
    "test": "careline_cli.test:test",
}
_PASSES_ARGUMENTS_ON = {"test"}


class _Commands(TyperGroup):
    """Imports a command when it is asked for; all of them together would take a second."""

    def list_commands(self, ctx: Any) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        if cmd_name not in COMMANDS:
            return None
        module, _, name = COMMANDS[cmd_name].partition(":")
        found = getattr(import_module(module), name)
        if isinstance(found, typer.Typer):
            group = typer.main.get_group(found)
            group.name = cmd_name
            return group
        passes_on = cmd_name in _PASSES_ARGUMENTS_ON
        single = typer.Typer(rich_markup_mode="rich", add_completion=False)
        single.command(
            cmd_name,
            context_settings={"allow_extra_args": passes_on, "ignore_unknown_options": passes_on},
        )(found)
        return typer.main.get_command(single)


app = typer.Typer(
    cls=_Commands,
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.callback()
def careline() -> None:
    """Careline: one live record per customer, over Kafka.

    Start everything with [bold]careline up[/], look with [bold]careline status[/], stop with
    [bold]careline down[/]. State lies in CARELINE_HOME (default: .careline in the checkout).
    """
