"""What the demo came to: one object for scripts, one page for people."""

from collections.abc import Mapping
from typing import Any

from rich.console import Console
from rich.table import Table

from careline_cli.demo.story import Story
from careline_cli.replay import Status
from careline_contracts.topics import SERVICES

_TIER_WORDS = {
    "core": "spend much and come back often",
    "potential": "one of the two, or both nearly",
    "basic": "a little of either",
    "edge": "bought little and did not come back",
}


def summarise(
    story: Story,
    summaries: Mapping[str, Any],
    statuses: Mapping[str, Status],
    *,
    seconds: float,
) -> dict[str, Any]:
    """The demo in figures; all but the last two are the same on every run of the same input."""
    services = {
        name: {short: statuses[name]["events"][short] for short in ("in", "out", "dead_letters")}
        for name in SERVICES
    }
    scoring = summaries["scoring"]
    return {
        "input": {
            "real": len(story.real),
            "synthetic": len(story.synthetic),
            "synthetic_answers": story.sent - story.total,
        },
        "touchpoints": {
            status: story.verdicts[status] for status in ("accepted", "rejected", "duplicate")
        },
        "customers": summaries["profile"]["customers"],
        "merged": summaries["profile"]["merged"],
        "reviews": summaries["profile"]["reviews"],
        "tiers": scoring["tiers"],
        "value": scoring["value"],
        "need": scoring["need"],
        "risk": scoring["risk"],
        "cases": summaries["engagement"]["cases"],
        "tickets": summaries["ticketing"]["tickets"],
        "services": services,
        "dead_letters": sum(service["dead_letters"] for service in services.values()),
        "policy_version": statuses["scoring"]["policy_version"],
        "seconds": round(seconds, 1),
        "events_per_second": round(story.sent / seconds),
    }


def customers_line(summaries: Mapping[str, Any]) -> str:
    """The customers by tier, in one line."""
    tiers = summaries["scoring"]["tiers"]
    parts = ", ".join(f"{count:,} {name}" for name, count in tiers.items())
    return f"{summaries['profile']['customers']:,} customers: {parts}"


def work_line(summaries: Mapping[str, Any]) -> str:
    """The open work, in one line."""
    cases, tickets = summaries["engagement"]["cases"], summaries["ticketing"]["tickets"]
    return (
        f"cases: {cases['open']:,} open of {cases['opened']:,}, {cases['saved']:,} saved · "
        f"tickets: {tickets['open']:,} open of {tickets['opened']:,}"
    )


def print_summary(summary: Mapping[str, Any], console: Console) -> None:
    """A page for a person."""
    given, taken = summary["input"], summary["touchpoints"]
    made_up = given["synthetic"] + given["synthetic_answers"]
    console.rule("[bold]Eighteen months of a music shop (CDNOW), replayed")
    console.print(
        f"[bold]Input[/]      {given['real']:,} real purchases"
        + (
            f" and {made_up:,} synthetic contacts (made up, from a seed: calls, chats, app use, "
            "SMS, posts, answers to outreach)"
            if made_up
            else "; nothing synthetic"
        ),
        highlight=False,
        soft_wrap=True,
    )
    console.print(
        f"[bold]Edge[/]       {taken['accepted']:,} accepted, {taken['rejected']:,} rejected, "
        f"{taken['duplicate']:,} duplicate; {summary['dead_letters']:,} dead letters",
        highlight=False,
        soft_wrap=True,
    )
    merged = f" ({summary['merged']:,} were found to be one with another)" * bool(summary["merged"])
    console.print(f"[bold]Customers[/]  {summary['customers']:,}{merged}", highlight=False)
    for tier, count in summary["tiers"].items():
        share = 100 * count / max(1, summary["customers"])
        words = _TIER_WORDS[tier]
        console.print(f"{'':12}{tier:<10}{count:>7,}{share:>6.1f} %  {words}", highlight=False)
    for title, tag in (("Value", "value"), ("Need", "need"), ("Risk", "risk")):
        parts = ", ".join(f"{count:,} {name}" for name, count in summary[tag].items())
        console.print(f"[bold]{title:<10}[/] {parts}", highlight=False, soft_wrap=True)
    cases = summary["cases"]
    console.print(
        f"[bold]Care[/]       {cases['opened']:,} retention cases: {cases['saved']:,} saved, "
        f"{cases['lost']:,} lost, {cases['open']:,} open; in {cases['breached']:,} a step was late",
        highlight=False,
        soft_wrap=True,
    )
    tickets = summary["tickets"]
    console.print(
        f"[bold]Tickets[/]    {tickets['opened']:,}: {tickets['resolved']:,} resolved, "
        f"{tickets['open']:,} open; {tickets['breached']:,} broke a promise",
        highlight=False,
        soft_wrap=True,
    )
    services = Table("", "events in", "events out", "dead letters", box=None)
    for name, counts in summary["services"].items():
        services.add_row(
            name, f"{counts['in']:,}", f"{counts['out']:,}", f"{counts['dead_letters']:,}"
        )
    console.print(services, highlight=False)
    console.print(
        f"[bold]Policy[/]     {summary['policy_version']}\n"
        f"[bold]Time[/]       {summary['seconds']:.0f} s, "
        f"{summary['events_per_second']:,} touchpoints/s through all five services",
        highlight=False,
        soft_wrap=True,
    )
