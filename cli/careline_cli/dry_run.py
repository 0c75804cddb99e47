"""`careline import --dry-run`: what an import would do, told without sending anything.

Events are judged by the edge's own rules, so that what is refused here would be refused there in
the same words. Two things only a running ingest can say: whether it knows an event already, and
what a key allows.
"""

import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, cast

from rich.markup import escape
from rich.table import Table

from careline_cli.console import stdout
from careline_cli.meter import Meter
from careline_cli.outgoing import Outgoing, in_order_of_time
from careline_cli.rows import Rows
from careline_cli.tally import Kind, RejectFile, Tally, touchpoints_of
from careline_cli.translation import Translation
from careline_client import Verdict
from careline_contracts.envelope import to_text
from careline_contracts.events.touchpoints import IdentityKind
from careline_ingest.cloudevents import from_json
from careline_ingest.edge import Edge
from careline_ingest.policy import IngestPolicy
from careline_ingest.rules import Rejected, SealedIdentity
from careline_runtime.clock import SystemClock
from careline_runtime.identities import normalise
from careline_runtime.policy import load_policy
from careline_runtime.settings import ServiceSettings

EVENTS_A_LOOK = 1_000
LONGEST_TEXT = 100


@dataclass
class Preview:
    """What would be sent: the first events whole, of the others how many and from when to when."""

    show: int
    first_events: list[Outgoing] = field(default_factory=list)
    types: Counter[str] = field(default_factory=Counter)
    earliest: datetime | None = None
    latest: datetime | None = None

    def add(self, event: Outgoing) -> None:
        """An event that ingest would take."""
        if len(self.first_events) < self.show:
            self.first_events.append(event)
        self.types[event.type] += 1
        at = event.occurred_at
        self.earliest = at if self.earliest is None else min(self.earliest, at)
        self.latest = at if self.latest is None else max(self.latest, at)


def rehearse(
    rows: Rows,
    translation: Translation,
    tally: Tally,
    rejects: RejectFile,
    *,
    show: int,
    is_replay: bool,
) -> Preview:
    """Goes through the file as the import would, up to the point where events are sent."""
    edge = _edge(is_replay=is_replay)
    preview = Preview(show)
    events: Iterable[Outgoing] = touchpoints_of(rows, translation, tally, rejects)
    if is_replay:
        events = in_order_of_time(events)
    with Meter(rows.path.name, rows.total_bytes) as meter:
        for number, event in enumerate(events):
            if number % EVENTS_A_LOOK == 0:
                meter.show(rows.read_bytes, f"{tally.rows:,} rows")
            verdict = edge.judge(from_json(event.to_json()))
            if isinstance(verdict, Rejected):
                flaw = Verdict("rejected", verdict.code, verdict.pointer, verdict.detail)
                rejects.add_event(event, flaw)
            else:
                tally.events["accepted"] += 1
                preview.add(event)
    return preview


@dataclass(frozen=True)
class _OneInstant:
    """The clock of a rehearsal: all events are judged as of the same moment."""

    instant: datetime
    is_replay: bool

    def now(self) -> datetime:
        return self.instant

    def recorded_at(self, occurred_at: datetime) -> datetime:
        return occurred_at


class _NothingSealed:
    """Checks identities as ingest does, without a key and so without a token."""

    def identity(self, kind: str, value: str) -> SealedIdentity:
        return SealedIdentity(f"{kind}:{normalise(cast(IdentityKind, kind), value)}", b"{}")

    def text(self, field: str, text: str) -> str:
        return text


def _edge(*, is_replay: bool) -> Edge:
    settings = ServiceSettings.for_service("ingest")
    return Edge(
        sealer=_NothingSealed(),
        policy=load_policy(IngestPolicy, package="careline_ingest", settings=settings).policy,
        clock=_OneInstant(SystemClock().now(), is_replay),
    )


def report(preview: Preview, tally: Tally, rows: Rows, *, as_json: bool) -> None:
    """Prints the rehearsal."""
    if as_json:
        stdout.print_json(data=_as_json(preview, tally, rows))
        return
    for event in preview.first_events:
        stdout.print_json(event.to_json().decode())
    stdout.print(_summary(preview, tally, rows))
    for kind in _most_frequent(tally):
        line, code, reason, text = kind.first
        words = (
            f"{kind.count:,} × {code}, first in line {line}: {reason}\n    {text[:LONGEST_TEXT]}"
        )
        stdout.print(words, markup=False, highlight=False, soft_wrap=True)


def _as_json(preview: Preview, tally: Tally, rows: Rows) -> dict[str, Any]:
    counts = tally.as_json()
    return {
        "dry_run": True,
        "touchpoints": counts["touchpoints"],
        "types": dict(preview.types.most_common()),
        "earliest": preview.earliest and to_text(preview.earliest),
        "latest": preview.latest and to_text(preview.latest),
        **{name: counts[name] for name in ("rows", "skipped_rows", "rejected_rows")},
        "columns_in_no_row": sorted(rows.unseen),
        "rejections": [
            {"count": kind.count, **kind.first._asdict()} for kind in _most_frequent(tally)
        ],
        "events": [json.loads(event.to_json()) for event in preview.first_events],
    }


def _summary(preview: Preview, tally: Tally, rows: Rows) -> Table:
    title = f"{escape(rows.path.name)}: nothing was sent"
    table = Table(box=None, show_header=False, title=title, title_justify="left")
    table.add_row("rows", f"{tally.rows:,}")
    table.add_row("of them without an event", f"{tally.skipped_rows:,}")
    table.add_row("of them rejected", f"{len(tally.rejected_lines):,}")
    table.add_row("events to send", f"{preview.types.total():,}")
    for type, count in preview.types.most_common():
        table.add_row(f"  {type}", f"{count:,}")
    if preview.earliest and preview.latest:
        table.add_row("from", to_text(preview.earliest))
        table.add_row("to", to_text(preview.latest))
    if rows.unseen:
        table.add_row("columns in no row", escape(", ".join(sorted(rows.unseen))))
    return table


def _most_frequent(tally: Tally) -> list[Kind]:
    return sorted(tally.kinds.values(), key=lambda kind: -kind.count)
