"""What happens in the demo: drain, tick, drain, from the first purchase to the last window."""

from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from careline_cli.demo.responder import Responder
from careline_cli.mapping import read_mapping
from careline_cli.outgoing import in_order_of_time
from careline_cli.replay import Pipeline
from careline_cli.rows import Rows
from careline_cli.synthetic import purchases_in, synthetic_events
from careline_cli.tally import RejectFile, Tally, touchpoints_of
from careline_cli.translation import Translation
from careline_client import CarelineClient, Event

DATA = Path(__file__).resolve().parents[1] / "demo_data"
PURCHASES = DATA / "cdnow_master.txt.gz"
MAPPING = DATA / "cdnow.yaml"
POLICIES = DATA / "policies"

BEGINS_AT = datetime(2021, 1, 1, tzinfo=ZoneInfo("Asia/Shanghai"))
ENDS_AT = datetime(2022, 7, 1, tzinfo=ZoneInfo("Asia/Shanghai"))

# What is decided doesn't depend on the step, but answers to outreach do: they take from a minute to
# three days. With them the clock rests every second day, at the end of the quiet hours, when what
# waited for the morning has just gone out: it can be answered in time. What goes out on the morning
# between is answered late, so that broken promises are to be seen, too. A day would cost 40 s more.
STEP_WITH_ANSWERS = timedelta(days=2)
STEP = timedelta(days=7)
"""Where nobody has been asked yet."""
RESTS_AT = time(9)


@dataclass
class Story:
    """The input, and how far it has been told."""

    real: Sequence[Event]
    synthetic: Sequence[Event]
    ends_at: datetime = ENDS_AT
    now: datetime = BEGINS_AT
    sent: int = 0
    verdicts: Counter[str] = field(default_factory=Counter)

    @property
    def total(self) -> int:
        return len(self.real) + len(self.synthetic)


def read_story(*, real_only: bool, seed: int) -> Story:
    """The real purchases, and made-up service contacts of the same customers."""
    tally = Tally()
    mapping = read_mapping(MAPPING)
    rows = Rows(PURCHASES, mapping.layout, needs=mapping.used_columns)
    translation = Translation(mapping, source=f"/import/{PURCHASES.name}")
    real = in_order_of_time(touchpoints_of(rows, translation, tally, RejectFile(None, tally)))
    synthetic: list[Event] = []
    if not real_only:
        synthetic = synthetic_events(
            purchases_in(real), seed=seed, since=BEGINS_AT, until=ENDS_AT - timedelta(minutes=1)
        )
    return Story(
        real=real, synthetic=synthetic, verdicts=Counter(rejected=tally.events["rejected"])
    )


async def tell(
    story: Story,
    pipeline: Pipeline,
    client: CarelineClient,
    responder: Responder | None,
    *,
    show: Callable[[Story], Awaitable[None]],
) -> None:
    """Sends everything in order of time and moves the clock along, until the last day is over."""
    events = sorted((*story.real, *story.synthetic), key=lambda event: event.occurred_at)
    place = 0
    while story.now < story.ends_at:
        step = STEP_WITH_ANSWERS if responder and responder.was_asked else STEP
        rest = datetime.combine(story.now + step, RESTS_AT, story.now.tzinfo)
        until = min(rest, story.ends_at)
        first = place
        while place < len(events) and events[place].occurred_at < until:
            place += 1
        answers = responder.due(until) if responder else []
        batch = sorted((*events[first:place], *answers), key=lambda event: event.occurred_at)
        if batch:
            story.verdicts.update(verdict.status for verdict in await client.publish_all(batch))
            story.sent += len(batch)
            await pipeline.drain()
        await pipeline.tick(until)
        if responder:
            await responder.listen()
        story.now = until
        await show(story)
