"""`careline calendar`: what is planned for a customer, and what working calendars hold."""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any

import typer
import yaml
from typer.core import TyperGroup

from careline_calendar.definition import Calendar
from careline_calendar.icalendar_file import NotICalendar, years_of
from careline_cli import service_api
from careline_cli.console import AsJson, CommandError, local_minute, stderr, stdout
from careline_cli.customer.profile_api import number_of
from careline_runtime.checked_yaml import read_checked
from careline_runtime.errors import Misconfigured


class _CustomerFirst(TyperGroup):
    """What is no command is a customer, whose calendar is shown."""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        if args and not args[0].startswith("-") and args[0] not in self.commands:
            args = ["show", *args]
        return super().resolve_command(ctx, args)


app = typer.Typer(
    cls=_CustomerFirst,
    help="Calendars: a customer's, and the working calendars of policies.\n\n"
    "[bold]Examples[/]\n\n"
    "careline calendar check services/ticketing/careline_ticketing/policy.yaml\n\n"
    "careline calendar import holidays.ics",
    no_args_is_help=True,
    rich_markup_mode="rich",
)

WARN_BEFORE = timedelta(days=60)
"""China's list for the next year comes out in November."""
YEARS_AHEAD = 3

YamlFile = Annotated[Path, typer.Argument(exists=True, dir_okay=False, metavar="FILE")]


@app.command()
def show(
    customer: Annotated[
        str,
        typer.Argument(metavar="CUSTOMER", help="A customer number, or an identity: phone:+86139…"),
    ],
    as_json: AsJson = False,
) -> None:
    """Show when a customer is to be contacted next, and what is planned.

    `show` may be left out.

    [bold]Examples[/]

    careline calendar C7F3K2M9QX4TB

    careline calendar show C7F3K2M9QX4TB --json
    """
    found = service_api.ask("engagement", "GET", f"/v1/customers/{number_of(customer)}/calendar")
    if as_json:
        stdout.print_json(data=found)
        return
    last, due = found.get("last_contact_at"), found.get("next_contact_at")
    overdue = " [red]overdue[/]" if found["is_overdue"] else ""
    stdout.print(
        f"[bold]{found['customer']}[/] ({found.get('tier', 'no tier')}), "
        f"looked after by {found.get('owner', 'nobody')}, "
        f"last contact {local_minute(last) if last else 'never'}, "
        f"next {local_minute(due) if due else 'nobody has to'}{overdue}",
        highlight=False,
        soft_wrap=True,
    )
    if found["handling"]:
        stdout.print(f"    special care: {', '.join(found['handling'])}", highlight=False)
    for task in found["open"]:
        stdout.print(
            f"    {local_minute(task['due_at'])} {task['playbook']}: {task['step']}",
            highlight=False,
        )
    for coming in found["coming"]:
        stdout.print(
            f"    {local_minute(coming['at'])} {coming['playbook']} begins", highlight=False
        )


@app.command()
def check(file: YamlFile, as_json: AsJson = False) -> None:
    """Check the calendars of a policy file, or of a file that is one calendar.

    Exit code 1 if one does not hold. A year whose list of make-up days is missing is a warning.

    [bold]Examples[/]

    careline calendar check services/ticketing/careline_ticketing/policy.yaml

    careline calendar check --json services/ticketing/careline_ticketing/policy.yaml
    """
    today = datetime.now(UTC).date()
    reports = [_report(name, one, today) for name, one in calendars_of(file).items()]
    if as_json:
        stdout.print_json(data={"calendars": reports})
        return
    for report in reports:
        stdout.print(f"[green]✓[/] {report['calendar']}: {report['time_zone']}", highlight=False)
        for day in report["exceptional_days"]:
            stdout.print(f"    {day['date']} {day['kind']}", highlight=False)
        if report["warning"]:
            stderr.print(f"[yellow]![/] {report['warning']}")


@app.command("import")
def import_days(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, metavar="FILE.ics")],
    year: Annotated[
        int | None, typer.Option("--year", help="Only this year; else this one and three more.")
    ] = None,
) -> None:
    """Print the days that an iCalendar file closes, or makes working days, as YAML to paste.

    [bold]Examples[/]

    careline calendar import holidays.ics

    careline calendar import --year 2027 holidays.ics
    """
    first = year or datetime.now(UTC).year
    try:
        years = years_of(file.read_text("utf-8"), first=first, last=year or first + YEARS_AHEAD)
    except NotICalendar as error:
        raise CommandError(f"{file} is no iCalendar file.", why=str(error)) from error
    found = {
        number: {"closed": sorted(days.closed), "make_up": sorted(days.make_up)}
        for number, days in years.items()
    }
    stdout.print(yaml.safe_dump({"years": found}, default_flow_style=None).rstrip(), markup=False)


def calendars_of(file: Path) -> dict[str, Calendar]:
    """The calendars in a file, by name; raises `CommandError` with file, line and reason."""
    text = file.read_text("utf-8")
    try:
        document = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise CommandError(f"{file} is not YAML.", why=str(error)) from error
    written: dict[str, Any] = {}
    if isinstance(document, dict):
        written = document.get("calendars") or {"calendar": document.get("calendar", document)}
    if not written:
        raise CommandError(f"{file} has no calendar.")
    return {name: _checked(file, name, one) for name, one in written.items()}


def _checked(file: Path, name: str, written: Any) -> Calendar:
    try:
        return read_checked(Calendar, yaml.safe_dump(written), path=f"{file} ({name})")
    except Misconfigured as error:
        raise CommandError(f"The calendar {name!r} does not hold.", why=str(error)) from error


def _report(name: str, calendar: Calendar, today: date) -> dict[str, Any]:
    known = calendar.holidays.known_through
    soon = today + WARN_BEFORE
    missing = known is not None and known < soon.year
    days = [
        {"date": str(day), "kind": "make_up" if day in table.make_up else "closed"}
        for table in map(calendar.holidays.of, (today.year, today.year + 1))
        for day in sorted(table.closed | table.make_up)
        if day >= today
    ]
    return {
        "calendar": name,
        "time_zone": calendar.time_zone,
        "weeks_from": [str(week.since) for week in calendar.weeks],
        "known_through": known,
        "exceptional_days": days,
        "warning": f"no list of make-up days for {soon.year}: write it into `years`"
        if missing
        else None,
    }
