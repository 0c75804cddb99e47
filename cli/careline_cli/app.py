"""The `careline` command: the list of everything it can do."""

from difflib import get_close_matches
from importlib import import_module
from typing import Any

import typer
from typer.core import TyperGroup

PANELS = {
    "The stack": {
        "demo": "careline_cli.demo.command:demo",
        "up": "careline_cli.up:up",
        "status": "careline_cli.status:status",
        "down": "careline_cli.down:down",
        "run": "careline_cli.run:run",
        "import": "careline_cli.importing:import_file",
    },
    "Customers and their care": {
        "customer": "careline_cli.customer.command:app",
        "score": "careline_cli.score.command:app",
        "case": "careline_cli.case:app",
        "ticket": "careline_cli.ticket.command:app",
        "crisis": "careline_cli.crisis:app",
        "calendar": "careline_cli.calendar:app",
        "absence": "careline_cli.absence:app",
    },
    "Rules": {
        "policy": "careline_cli.policy.command:app",
        "playbook": "careline_cli.playbook.command:app",
        "uplift": "careline_cli.uplift:uplift",
    },
    "Channels and events": {
        "channel": "careline_cli.channel:app",
        "contracts": "careline_cli.contracts:app",
        "deadletter": "careline_cli.deadletter.command:app",
    },
    "Who may see what": {
        "token": "careline_cli.token:token",
        "access": "careline_cli.access:app",
        "totp": "careline_cli.totp:app",
        "audit": "careline_cli.audit:app",
        "keys": "careline_cli.keys:app",
    },
    "This checkout": {
        "check": "careline_cli.check:check",
        "test": "careline_cli.test:test",
        "bench": "careline_cli.bench.command:bench",
    },
}
COMMANDS = {name: place for panel in PANELS.values() for name, place in panel.items()}
_PASSES_ARGUMENTS_ON = {"test"}


class _Commands(TyperGroup):
    """Imports a command when it is asked for; all of them together would take a second."""

    def __init__(self, **attributes: Any) -> None:
        super().__init__(**attributes)
        _let_flow(self)

    def list_commands(self, ctx: Any) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        if cmd_name not in COMMANDS:
            similar = get_close_matches(cmd_name, COMMANDS)
            ctx.fail(
                f"No such command {cmd_name!r}."
                + (f" Did you mean {' or '.join(similar)}?" if similar else "")
            )
        module, _, name = COMMANDS[cmd_name].partition(":")
        command = _command(cmd_name, getattr(import_module(module), name))
        _let_flow(command)
        command.rich_help_panel = next(
            panel for panel, commands in PANELS.items() if cmd_name in commands
        )
        return command


def _let_flow(command: Any) -> None:
    """Help is broken where the terminal ends, not where a line of our source does."""
    paragraphs = (command.help or "").split("\n\n")
    command.help = "\n\n".join(" ".join(paragraph.split()) for paragraph in paragraphs)
    for each in getattr(command, "commands", {}).values():
        _let_flow(each)


def _command(name: str, found: Any) -> Any:
    if isinstance(found, typer.Typer):
        group = typer.main.get_group(found)
        group.name = name
        return group
    passes_on = name in _PASSES_ARGUMENTS_ON
    single = typer.Typer(rich_markup_mode="rich", add_completion=False)
    single.command(
        name,
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

    See it work with [bold]careline demo[/]. Start it with [bold]careline up[/], look with
    [bold]careline status[/], stop it with [bold]careline down[/]. Every command shows examples:
    [bold]careline import --help[/].

    State lies in CARELINE_HOME (default: .careline in the checkout). Exit codes: 0 done, 1 not
    done and said why, 2 a command that is not understood.
    """
