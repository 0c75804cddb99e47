"""`careline case`: the cases of playbooks, and one with its steps, deadlines and verdicts."""

from functools import partial
from typing import Annotated, Any

import typer
from rich.table import Table

from careline_cli import service_api
from careline_cli.console import AsJson, copied, local_minute, stdout
from careline_cli.customer.profile_api import number_of

app = typer.Typer(
    help="Cases of playbooks: what is done for whom, by when.\n\n"
    "[bold]Examples[/]\n\ncareline case list --status open",
    no_args_is_help=True,
    rich_markup_mode="rich",
)
ask = partial(service_api.ask, "engagement")


@app.command("list")
def list_cases(
    status: Annotated[str | None, typer.Option(help="open, saved, lost, …")] = None,
    playbook: Annotated[str | None, typer.Option(help="Only of this one.")] = None,
    customer: Annotated[
        str | None, typer.Option(help="A customer number, or an identity: phone:+86139…")
    ] = None,
    owner: Annotated[
        str | None, typer.Option(help="Whose work it is now, as account manager or deputy.")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, max=1_000)] = 100,
    as_json: AsJson = False,
) -> None:
    """List cases, newest first.

    [bold]Examples[/]

    careline case list --status open --playbook retention

    careline case list --customer C7F3K2M9QX4TB --json

    careline case list --owner li.na --status open
    """
    asked = {
        "status": status,
        "playbook": playbook,
        "customer": number_of(customer) if customer else None,
        "owner": owner,
        "limit": limit,
    }
    found = ask("GET", "/v1/cases", params={k: v for k, v in asked.items() if v is not None})
    if as_json:
        stdout.print_json(data=found)
        return
    # a case's name says of which playbook it is, and whose, unless the customer was merged
    table = Table(copied("case"), "opened", "version", "status", box=None)
    for case in found["cases"]:
        missed = sum(step["verdict"] in ("missed", "late") for step in case["steps"])
        status = case["status"] + (f", {missed} missed" if missed else "")
        if not case["case"].startswith(case["customer"]):
            status += f", now of {case['customer']}"
        table.add_row(
            case["case"],
            local_minute(case["opened_at"]),
            str(case.get("playbook_version", "")),
            status,
        )
    stdout.print(table if table.rows else "no cases")


@app.command()
def show(case: Annotated[str, typer.Argument(metavar="CASE")], as_json: AsJson = False) -> None:
    """Show a case: its steps with deadline, done, verdict.

    [bold]Examples[/]

    careline case show C7F3K2M9QX4TB-retention-12 --json
    """
    found: dict[str, Any] = ask("GET", f"/v1/cases/{case}")
    if as_json:
        stdout.print_json(data=found)
        return
    stdout.print(
        f"[bold]{found['case']}[/] of {found['customer']} ({found.get('tier', 'no tier')})"
        f"{_owner(found)}: {found['status']}, opened {local_minute(found['opened_at'])} "
        f"for {'; '.join(found['reasons'])}{_end(found)}",
        highlight=False,
        soft_wrap=True,
    )
    table = Table("step", "due", "done", "verdict", "", box=None)
    for step in found["steps"]:
        due, done = step.get("due_at"), step.get("done_at") or step.get("sent_at")
        table.add_row(
            step["step"],
            local_minute(due),
            local_minute(done),
            step["verdict"],
            step.get("detail", ""),
        )
    stdout.print(table)


def _owner(case: dict[str, Any]) -> str:
    """Whose work it is, if it is an account manager's at all."""
    return f", looked after by {case['owner']}" if "owner" in case else ""


def _end(case: dict[str, Any]) -> str:
    if "closed_at" not in case:
        return ""
    return f", closed {local_minute(case['closed_at'])}: {case['closed_reason']}"
