"""A dry run says what would have been sent: the same as what the service sends."""

import random

import pytest

from careline_engagement.rehearsal import Rehearsal
from careline_runtime.batch import Heard, read
from tests.engagement.by_hand import a_book, after, fresh_engagement, shipped_with

pytestmark = pytest.mark.stack

PLAYBOOKS = ("retention", "account-call", "after-sales", "birthday")


async def test_a_rehearsal_says_what_the_service_would(admin_url: str) -> None:
    async with fresh_engagement(admin_url, *PLAYBOOKS) as engagement:
        draw = random.Random(11)
        events = [engagement.customer("A", 0, birthday="--03-09")]
        for person in "ABCD":
            events.append(engagement.tier(person, 0, draw.choice(["core", "potential"])))
            for hours in sorted(draw.sample(range(1, 24 * 20), 12)):
                kind = draw.choice(["order.placed", "call.completed", "sms.replied"])
                events.append(engagement.touchpoint(person, hours, kind))
            events.append(engagement.risk(person, 24 * 10, "high"))
        events.append(engagement.merge("A", "D", hours=200))
        await engagement.hear(events)
        await engagement.tick(after(24 * 30))
        said = {s.envelope.id for s in await engagement.said() if "requested" in s.envelope.type}

        hears = {h.topic.name: h for h in engagement.hears}
        rehearsal = Rehearsal(a_book(shipped_with(*PLAYBOOKS)))
        draw.shuffle(events)
        rehearsal.hear([item for item in read(events, hears) if isinstance(item, Heard)])
        news = list(rehearsal.run(after(24 * 30)))
        sent = {f"{n.case.id}-{n.move.subject}" for n in news if n.move.kind == "sent"}
        assert sent == said
        assert len(sent) > 4
