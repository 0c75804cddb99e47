"""The commands: show, check, diff, backtest, publish, history, rollback."""

from contextlib import nullcontext
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from careline_cli.console import AsJson, CommandError, progress, show_yaml, stdout, writable
from careline_cli.endpoints import running_servers
from careline_cli.policy import backtest, models, published
from careline_cli.policy.checking import answered_as_json, holds
from careline_cli.policy.differences import differences
from careline_cli.policy.page import page
from careline_cli.policy.rescoring import Rescoring, rescorings
from careline_contracts.envelope import from_text, to_text
from careline_contracts.events.operations import PolicyPublished
from careline_runtime.policy import Loaded

app = typer.Typer(
    help="Policies: checked, compared, tried on the facts, published, taken back.\n\n"
    "[bold]Examples[/]\n\ncareline policy show\n\ncareline policy history",
    no_args_is_help=True,
    rich_markup_mode="rich",
)


def _known(service: str) -> str:
    if service not in models.MODELS:
        raise typer.BadParameter(f"{service!r} is none of {', '.join(models.MODELS)}.")
    return service


def _instant(text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        return from_text(text, name="from")
    except ValueError as error:
        raise typer.BadParameter(f"{text!r} is no RFC 3339 instant.") from error


Service = Annotated[str, typer.Option(callback=_known, help="Whose policy.")]
File = Annotated[
    Path, typer.Argument(metavar="FILE", exists=True, dir_okay=False, help="The candidate.")
]
From = Annotated[
    str | None,
    typer.Option("--from", help="In force from this instant (RFC 3339); default: in 5 seconds."),
]
Note = Annotated[str, typer.Option(help="Why, for those who read the history.")]


@app.command()
def show(service: Service = "scoring", as_json: AsJson = False) -> None:
    """Show the policy in force, and what is published for later.

    [bold]Examples[/]

    careline policy show

    careline policy show --service ticketing --json
    """
    described = published.in_force(service)
    if as_json:
        stdout.print_json(data=described)
        return
    since = described["effective_at"] or "the beginning"
    progress(f"{service}: {described['version']}, in force since {since}")
    for each in described["coming"]:
        progress(f"from {each['effective_at']}: {each['version']}")
    progress(f"a copy to edit: {described['path']}")
    show_yaml(described["text"])


@app.command()
def check(file: File, service: Service = "scoring", as_json: AsJson = False) -> None:
    """Check a candidate; a flaw is told with its line and reason.

    [bold]Examples[/]

    careline policy check services/scoring/careline_scoring/policy.yaml
    """
    with answered_as_json(service) if as_json else nullcontext():
        candidate, _ = _candidate(service, file)
    if as_json:
        stdout.print_json(data=holds(service, candidate.version))
        return
    stdout.print(f"{file}: a policy of {service}, [bold]{candidate.version}[/]", highlight=False)


@app.command()
def diff(file: File, service: Service = "scoring", as_json: AsJson = False) -> None:
    """Show what a candidate says otherwise than the policy in force, with its reasons.

    [bold]Examples[/]

    careline policy diff services/scoring/careline_scoring/policy.yaml --json
    """
    candidate, former = _candidate(service, file)
    found = differences(former.text, candidate.text)
    if as_json:
        stdout.print_json(data=[difference._asdict() for difference in found], default=str)
        return
    table = Table(box=None)
    for head in ("where", former.version, candidate.version, "reason"):
        # a path is to be searched for in the file
        table.add_column(head, overflow="fold", no_wrap=head == "where")
    for each in found:
        table.add_row(each.path, _shown(each.before), _shown(each.after), each.reason)
    stdout.print(table if found else "nothing differs")


@app.command("backtest")
def try_on_the_facts(
    file: File,
    days: Annotated[int, typer.Option(min=1, max=3660, help="So many days up to now.")] = 30,
    html: Annotated[
        Path | None,
        typer.Option("--html", callback=writable, help="Write a page to read and print."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Decide about everybody by a candidate for scoring, and compare it with the policy in force.

    Nothing is changed, published or slowed down: it reads one snapshot of scoring's facts.

    [bold]Examples[/]

    careline policy backtest services/scoring/careline_scoring/policy.yaml --days 90

    careline policy backtest services/scoring/careline_scoring/policy.yaml --html backtest.html
    """
    endpoints = running_servers()
    candidate, live = _candidate("scoring", file)
    found = backtest.compare(endpoints, live, candidate, days=days)
    if html is not None:
        html.write_text(page(found), encoding="utf-8")
        progress(f"the page is {html}")
    if as_json:
        stdout.print_json(data=found)
    else:
        stdout.print(backtest.shown(found))


@app.command()
def publish(
    file: File,
    service: Service = "scoring",
    effective_at: From = None,
    note: Note = "",
    as_json: AsJson = False,
) -> None:
    """Put a policy in force, on all instances from the same instant.

    Everyone who was decided about before is decided about again as of that instant.

    [bold]Examples[/]

    careline policy publish services/scoring/careline_scoring/policy.yaml --note "yearly review"
    """
    endpoints = running_servers()
    described = published.ask(endpoints, service)
    candidate, _ = _candidate(service, file)
    last = (described["coming"] or [described])[-1]
    if last["version"] == candidate.version:
        raise CommandError(f"{candidate.version} is in force already, or about to be.")
    said = published.publish(
        endpoints, service, candidate, effective_at=_instant(effective_at), note=note
    )
    _show_published(said, as_json=as_json)


@app.command()
def history(service: Service = "scoring", as_json: AsJson = False) -> None:
    """Show every policy that was published, and how far the last ones have been applied.

    [bold]Examples[/]

    careline policy history

    careline policy history --service scoring --json
    """
    endpoints = running_servers()
    now = published.clock(service)
    records = published.history(endpoints, service)
    applied = rescorings(endpoints) if service == "scoring" else {}
    rows = [
        _described(record, state, applied.get(record.effective_at))
        for record, state in zip(records, _states(records, now), strict=True)
    ]
    if as_json:
        stdout.print_json(data=rows)
        return
    table = Table(box=None)
    for head in ("from", "version", "", "rescored", "note"):
        table.add_column(head, no_wrap=head == "from", overflow="fold")
    for row in rows:
        progressed = row["rescored"]
        words = f"{progressed['done']} of {progressed['customers']}" if progressed else ""
        note = f"restores {row['restores']} {row['note']}" if row["restores"] else row["note"]
        table.add_row(row["effective_at"], row["version"], row["state"], words, note.strip())
    stdout.print(table if rows else f"nothing was published: {service} decides by its file")


@app.command()
def rollback(
    service: Service = "scoring",
    to: Annotated[
        str | None, typer.Option(help="Version to restore; default: the one before.")
    ] = None,
    effective_at: From = None,
    note: Note = "",
    as_json: AsJson = False,
) -> None:
    """Put a former policy in force again; nothing that was said in between is taken back.

    [bold]Examples[/]

    careline policy rollback --note "too many left core"
    """
    endpoints = running_servers()
    # one that was published a moment ago is about to be in force
    soon = published.clock(service) + published.LEAD
    records = [p for p in published.history(endpoints, service) if p.effective_at <= soon]
    if not records:
        raise CommandError(f"No published policy of {service} is in force.")
    first = models.own(service)
    texts = {first.version: first.text} | {record.version: record.text for record in records}
    before = [v for v in (first.version, *(r.version for r in records)) if v != records[-1].version]
    version = to or before[-1]
    if version not in texts:
        raise CommandError(f"There is no policy {version}.", fix="careline policy history")
    former = models.parsed(service, texts[version], path=version)
    said = published.publish(
        endpoints,
        service,
        former,
        effective_at=_instant(effective_at),
        note=note,
        restores=version,
    )
    _show_published(said, as_json=as_json)


def _candidate(service: str, file: Path) -> tuple[Loaded[Any], Loaded[Any]]:
    """The candidate, which holds and may follow, and the policy in force."""
    candidate = models.parsed(service, file.read_text("utf-8"), path=str(file))
    live = published.in_force(service)
    former = models.parsed(service, live["text"], path=live["path"])
    models.refuse_unless_it_may_follow(service, former, candidate)
    return candidate, former


def _states(records: list[PolicyPublished], now: datetime) -> list[str]:
    begun = sum(record.effective_at <= now for record in records)
    return (
        ["former"] * (begun - 1) + ["in force"] * (begun > 0) + ["coming"] * (len(records) - begun)
    )


def _described(record: PolicyPublished, state: str, progressed: Rescoring | None) -> dict[str, Any]:
    return {
        "service": record.service,
        "version": record.version,
        "effective_at": to_text(record.effective_at),
        "published_at": to_text(record.published_at) if record.published_at else None,
        "note": record.note,
        "restores": record.restores,
        "state": state,
        "rescored": progressed._asdict() if progressed else None,
    }


def _show_published(said: PolicyPublished, *, as_json: bool) -> None:
    effective_at = to_text(said.effective_at)
    if as_json:
        described = {"service": said.service, "version": said.version, "note": said.note}
        stdout.print_json(data=described | {"effective_at": effective_at})
        return
    stdout.print(f"[bold]{said.version}[/] is in force from {effective_at}", highlight=False)
    progress("careline policy history shows how far it has been applied")


def _shown(value: Any) -> str:
    return "" if value is None else str(value)
