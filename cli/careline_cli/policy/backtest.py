"""`careline policy backtest`: what a candidate would have decided about everybody."""

import time
from collections.abc import Sequence
from datetime import date
from typing import Any

from rich.console import Group
from rich.progress import Progress
from rich.table import Table

from careline_cli.console import stderr
from careline_cli.policy import models, published
from careline_localstack import Endpoints
from careline_runtime.policy import Loaded
from careline_scoring.backtest import (
    SIDES,
    Comparison,
    Entry,
    Playbook,
    Question,
    newest_decision,
    run,
)
from careline_scoring.model import TIERS
from careline_scoring.rules import Rulebook, as_points
from careline_scoring.rules.reasons import VERDICTS

Report = dict[str, Any]


def compare(
    endpoints: Endpoints, live: Loaded[Any], candidate: Loaded[Any], *, days: int
) -> Report:
    """Both policies over the last days, by the facts that scoring has now."""
    began = time.monotonic()
    database = endpoints.databases["scoring"]
    # a clock that is replayed may stand behind what was decided already
    seen = [published.clock("scoring"), newest_decision(database)]
    now = max(instant for instant in seen if instant is not None)
    last_day = Rulebook(live.policy, version=live.version).calendar.day_of(now)
    question = Question(live.text, candidate.text, last_day - days, last_day, _playbooks())
    with Progress(console=stderr, transient=True) as bar:
        task = bar.add_task("customers", total=None)
        found = run(database, question, progress=lambda done: bar.update(task, completed=done))
    return {
        "live": live.version,
        "candidate": candidate.version,
        "days": days,
        "from": date.fromordinal(question.first_day).isoformat(),
        "as_of": date.fromordinal(last_day).isoformat(),
        **report(found),
        "seconds": round(time.monotonic() - began, 1),
    }


def report(found: Comparison) -> Report:
    """The figures by name, as they are printed for scripts."""
    flows = {verdict: _nested(flow) for verdict, flow in found.flows.items()}
    return {
        "customers": found.customers,
        "moved": found.moved,
        "flow": flows["tier"],
        "tags": {verdict: flow for verdict, flow in flows.items() if verdict != "tier"},
        "distribution": {
            "then": {side: _then(found, side) for side in SIDES},
            "now": {side: {v: dict(found.now(side, v)) for v in VERDICTS} for side in SIDES},
        },
        "score": {
            "changed": found.scores_changed,
            "mean": {
                side: str(as_points(round(found.points[side] / (found.customers or 1))))
                for side in SIDES
            },
        },
        "triggered": {
            name: {side: found.triggered[side, name] for side in SIDES}
            for name in ["risk/high", *(playbook.name for playbook in found.playbooks)]
        },
        "causes": [
            {**cause._asdict(), "customers": customers}
            for cause, customers in found.causes.most_common()
        ],
        "measures": [
            {"measure": measure, "points": "more" if sign > 0 else "fewer", "customers": customers}
            for (measure, sign), customers in found.measures.most_common()
        ],
        "retagged": [
            {"tag": tag, "value": value, "customers": customers if sign > 0 else -customers}
            for (tag, value, sign), customers in found.tags.most_common()
        ],
        "samples": [
            sample._asdict()
            | {
                "live_points": str(sample.live_points),
                "candidate_points": str(sample.candidate_points),
            }
            for sample in found.samples
        ],
    }


def shown(found: Report) -> Group:
    """The report for a terminal."""
    flow = Table(f"{found['live']} ↓  {found['candidate']} →", *reversed(TIERS), box=None)
    for tier in reversed(TIERS):
        row = found["flow"].get(tier, {})
        flow.add_row(tier, *(f"{row.get(other, 0):,}" for other in reversed(TIERS)))
    triggered = Table("set off, at most", "live", "candidate", box=None)
    for name, counts in found["triggered"].items():
        triggered.add_row(name, f"{counts['live']:,}", f"{counts['candidate']:,}")
    causes = Table("why", "live", "candidate", "customers", box=None)
    for cause in found["causes"][:10]:
        customers = f"{cause['customers']:,}"
        causes.add_row(cause["kind"], cause["live"], cause["candidate"], customers)
    retagged = Table("tag", "value", "customers", box=None)
    for one in found["retagged"][:10]:
        retagged.add_row(one["tag"], one["value"], f"{one['customers']:+,}")
    words = (
        f"{found['customers']:,} customers, {found['from']} to {found['as_of']}: "
        f"{found['moved']:,} in another tier, {found['score']['changed']:,} with other points"
    )
    tables = [table for table in (flow, triggered, causes, retagged) if table.row_count]
    return Group(words, *(part for table in tables for part in ("", table)))


def _playbooks() -> Sequence[Playbook]:
    """Engagement's playbooks that scoring's verdicts begin; budget and holdout are left aside."""
    policy = models.parsed(
        "engagement", published.in_force("engagement")["text"], path="engagement"
    ).policy
    found = []
    for playbook in policy.playbooks:
        entries = [
            _entry(entry) for entry in playbook.enter if entry.trigger.partition("/")[0] in VERDICTS
        ]
        if entries:
            days_apart = playbook.window_days + playbook.again.after_days
            found.append(Playbook(playbook.playbook, entries, days_apart))
    return found


def _entry(entry: Any) -> Entry:
    verdict, _, name = entry.trigger.partition("/")
    conditions = {v: getattr(entry.when, v) for v in VERDICTS if getattr(entry.when, v) is not None}
    return Entry(verdict, name, conditions)


def _nested(flow: Any) -> dict[str, dict[str, int]]:
    found: dict[str, dict[str, int]] = {}
    for (live, candidate), customers in sorted(flow.items()):
        found.setdefault(live, {})[candidate] = customers
    return found


def _then(found: Comparison, side: Any) -> dict[str, dict[str, int]]:
    counted: dict[str, dict[str, int]] = {verdict: {} for verdict in VERDICTS}
    for (of, verdict, name), customers in sorted(found.then.items()):
        if of == side:
            counted[verdict][name] = customers
    return counted
