"""The commands: check, show, dry-run, publish, cases."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from contextlib import nullcontext
from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated, Any

import typer
import yaml
from rich.padding import Padding
from rich.table import Table

from careline_cli.case import list_cases
from careline_cli.console import AsJson, CommandError, local_minute, progress, show_yaml, stdout
from careline_cli.endpoints import running_servers
from careline_cli.playbook.log import records
from careline_cli.policy import models, published
from careline_cli.policy.checking import answered_as_json, holds
from careline_cli.policy.command import publish as publish_policy
from careline_contracts.envelope import to_text
from careline_engagement.handlers import Handlers
from careline_engagement.model import ALWAYS
from careline_engagement.policy import EngagementPolicy, Playbook
from careline_engagement.rehearsal import Rehearsal
from careline_engagement.rules import Book, Edition, News
from careline_runtime.batch import Heard, read
from careline_runtime.policy import Loaded

app = typer.Typer(
    help="Playbooks: checked, shown, rehearsed on the real log, published.\n\n"
    "[bold]Examples[/]\n\ncareline playbook show retention",
    no_args_is_help=True,
    rich_markup_mode="rich",
)

SHOWN = 20
File = Annotated[
    Path, typer.Argument(metavar="FILE", exists=True, dir_okay=False, help="An engagement policy.")
]


@app.command()
def check(file: File, as_json: AsJson = False) -> None:
    """Check the playbooks of a policy file; a flaw is told with its line and reason.

    [bold]Examples[/]

    careline playbook check services/engagement/careline_engagement/policy.yaml
    """
    with answered_as_json("engagement") if as_json else nullcontext():
        loaded = _loaded(file)
    found = [_described(playbook) for playbook in loaded.policy.playbooks]
    if as_json:
        stdout.print_json(data=holds("engagement", loaded.version) | {"playbooks": found})
        return
    stdout.print(f"{file}: [bold]{loaded.version}[/], {len(found)} playbooks", highlight=False)
    _list(found)


@app.command()
def show(
    name: Annotated[str | None, typer.Argument(metavar="PLAYBOOK", help="One of them.")] = None,
    as_json: AsJson = False,
) -> None:
    """Show the playbooks in force, or one of them whole.

    [bold]Examples[/]

    careline playbook show

    careline playbook show retention --json
    """
    described = published.in_force("engagement")
    loaded = models.parsed("engagement", described["text"], path=described["path"])
    playbooks = loaded.policy.by_name
    if name is None:
        found = [_described(playbook) for playbook in playbooks.values()]
        if as_json:
            stdout.print_json(data={"version": loaded.version, "playbooks": found})
        else:
            _list(found)
        return
    if name not in playbooks:
        raise CommandError(
            f"There is no playbook {name!r}.", fix=f"There are {', '.join(playbooks)}."
        )
    if as_json:
        stdout.print_json(playbooks[name].model_dump_json())
        return
    show_yaml(_wording(described["text"], name))


@app.command("dry-run")
def dry_run(
    file: File,
    days: Annotated[
        int, typer.Option(help="Report what would have happened in so many days.")
    ] = 28,
    as_json: AsJson = False,
) -> None:
    """Rehearse playbooks on the real log: who would have been contacted, when, by what.

    Reads the topics that engagement hears; nothing is sent and nothing is kept.

    [bold]Examples[/]

    careline playbook dry-run services/engagement/careline_engagement/policy.yaml --days 7 --json
    """
    loaded = _loaded(file)
    endpoints = running_servers()
    now = published.clock("engagement")
    book = Book([Edition(ALWAYS, loaded.policy, loaded.version)])
    news = asyncio.run(_rehearsed(endpoints.kafka, book, now))
    report = _report(news, since=now - timedelta(days=days), until=now)
    if as_json:
        stdout.print_json(data={"version": loaded.version, "days": days, **report})
        return
    _print(report)


@app.command()
def publish(
    file: File,
    note: Annotated[str, typer.Option(help="Why, for those who read the history.")] = "",
    as_json: AsJson = False,
) -> None:
    """Put the playbooks of a policy file in force; running cases finish on theirs.

    [bold]Examples[/]

    careline playbook publish services/engagement/careline_engagement/policy.yaml
    """
    publish_policy(file, service="engagement", effective_at=None, note=note, as_json=as_json)


@app.command()
def cases(
    name: Annotated[str, typer.Argument(metavar="PLAYBOOK")],
    status: Annotated[str | None, typer.Option(help="open, reached, ended, …")] = None,
    limit: Annotated[int, typer.Option(min=1, max=1_000)] = 100,
    as_json: AsJson = False,
) -> None:
    """List the cases of a playbook, newest first, with the version that each runs on.

    [bold]Examples[/]

    careline playbook cases retention --status open
    """
    list_cases(status=status, playbook=name, customer=None, limit=limit, as_json=as_json)


async def _rehearsed(kafka: str, book: Book, now: datetime) -> list[News]:
    hears = {h.topic.name: h for h in Handlers(lambda: book).hears}
    rehearsal = Rehearsal(book)
    async for batch in records(kafka, list(hears)):
        rehearsal.hear([item for item in read(batch, hears) if isinstance(item, Heard)])
    return list(rehearsal.run(now))


def _report(news: Sequence[News], *, since: datetime, until: datetime) -> dict[str, Any]:
    """What would have happened to whom, in a stretch of time."""
    recent = [one for one in news if since <= one.move.at <= until and not one.case.held_out]
    contacts = [
        {
            "at": to_text(one.move.at),
            "customer": one.holder,
            "playbook": one.case.playbook,
            "step": one.move.subject,
            "verdict": one.move.kind,
            **_why(one),
        }
        for one in sorted(recent, key=lambda one: (one.move.at, one.case.id))
        if one.move.kind in ("sent", "held", "suppressed")
    ]
    opened = Counter(one.case.playbook for one in recent if one.move.kind == "opened")
    missed = Counter(one.case.playbook for one in recent if one.move.kind == "breached")
    verdicts = Counter((c["playbook"], c["verdict"]) for c in contacts)
    names = sorted({*opened, *missed, *(name for name, _ in verdicts)})
    return {
        "since": to_text(since),
        "until": to_text(until),
        "customers_contacted": len({c["customer"] for c in contacts if c["verdict"] == "sent"}),
        "playbooks": {
            name: {
                "cases": opened[name],
                "sent": verdicts[name, "sent"],
                "held": verdicts[name, "held"],
                "suppressed": verdicts[name, "suppressed"],
                "steps_missed": missed[name],
            }
            for name in names
        },
        "contacts": contacts,
    }


def _why(news: News) -> dict[str, Any]:
    move = news.move
    if move.kind == "sent":
        return {"channel": move.detail}
    return {"reason": move.detail, "earliest_at": to_text(move.until) if move.until else None}


def _print(report: dict[str, Any]) -> None:
    table = Table("playbook", "cases", "sent", "held", "suppressed", "steps missed", box=None)
    for name, counts in report["playbooks"].items():
        table.add_row(name, *(f"{count:,}" for count in counts.values()))
    stdout.print(table)
    for contact in report["contacts"][:SHOWN]:
        why = contact.get("channel") or contact["reason"]
        stdout.print(
            f"{local_minute(contact['at'])} {contact['customer']} {contact['playbook']}: "
            f"{contact['verdict']} ({why})",
            highlight=False,
        )
    more = len(report["contacts"]) - SHOWN
    progress(f"{more:,} more: --json" if more > 0 else "Nothing was sent.")


def _loaded(file: Path) -> Loaded[EngagementPolicy]:
    return models.parsed("engagement", file.read_text("utf-8"), path=str(file))


def _described(playbook: Playbook) -> dict[str, Any]:
    return {
        "playbook": playbook.playbook,
        "version": playbook.version,
        "purpose": playbook.purpose,
        "priority": playbook.priority,
        "begins_on": [entry.trigger for entry in playbook.enter],
        "steps": [step.step for step in playbook.steps],
        "window_days": playbook.window_days,
        "holdout_percent": playbook.holdout_percent,
    }


def _list(playbooks: Sequence[dict[str, Any]]) -> None:
    """The most urgent first: what begins each, and its steps below."""
    for one in sorted(playbooks, key=lambda one: -one["priority"]):
        begins_on = ", ".join(dict.fromkeys(one["begins_on"]))
        held_out = f", {one['holdout_percent']} % held out" if one["holdout_percent"] else ""
        stdout.print(
            f"[bold]{one['playbook']}[/] v. {one['version']}, priority {one['priority']}"
            f"{held_out}: {begins_on}",
            highlight=False,
        )
        stdout.print(Padding(" → ".join(one["steps"]), (0, 0, 0, 4)), highlight=False)


def _wording(text: str, name: str) -> str:
    """The lines of one playbook, with its reasons and what is said above it."""
    playbooks = _keys(yaml.compose(text))["playbooks"].value
    place = next(node for node in playbooks if _keys(node)["playbook"].value == name)
    lines = text.splitlines()
    first, after = place.start_mark.line, place.end_mark.line
    while lines[first - 1].lstrip().startswith("#"):
        first -= 1
    # what stands below it is said above the next
    while not lines[after - 1].strip() or lines[after - 1].lstrip().startswith("#"):
        after -= 1
    return "\n".join(lines[first:after])


def _keys(mapping: Any) -> dict[str, Any]:
    return {key.value: value for key, value in mapping.value}
