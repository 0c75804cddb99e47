"""The life of a few customers, and what scoring has said and kept of it."""

import random
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from aiokafka import ConsumerRecord

from tests.scoring.by_hand import (
    Scoring,
)

ANN, BOB, CARL = "C-ann", "C-bob", "C-carl"


async def kept(scoring: Scoring) -> dict[str, list[tuple[Any, ...]]]:
    """Everything that scoring knows, apart from how often it said so."""
    return {
        "members": await scoring.rows("SELECT identity, customer FROM members ORDER BY 1"),
        "buckets": await scoring.rows("SELECT * FROM buckets ORDER BY 1, 2, 3, 4"),
        "customers": await scoring.rows(
            """SELECT number, as_of, points, value, need, risk, tier, tags, next_change_at,
            merged_into FROM customers ORDER BY number""",
        ),
        "timers": await scoring.rows("SELECT * FROM timers ORDER BY 1, 2"),
    }


def instant(text: str) -> datetime:
    return datetime.fromisoformat(text)


def some_events(scoring: Scoring, *, seed: int, count: int = 250) -> list[ConsumerRecord]:
    """Purchases and contacts of a few customers over two years, each recorded when it happened."""
    draw = random.Random(seed)
    events: list[ConsumerRecord] = []
    for day in sorted(draw.randrange(730) for _ in range(count)):
        customer = draw.choice([ANN, BOB, CARL])
        match draw.randrange(4):
            case 0 | 1:
                events.append(scoring.purchase(customer, draw.randrange(1, 40_000), day=day))
            case 2:
                type = draw.choice(["enquiry.made", "complaint.raised", "sms.delivered"])
                events.append(scoring.activity(customer, f"careline.{type}.v1", day=day))
            case _:
                device = f"device:{draw.randrange(3)}-{customer}"
                events.append(scoring.activity(customer, day=day, identity=device))
    return events


def renumbered(events: Sequence[ConsumerRecord]) -> list[ConsumerRecord]:
    """The same events at the offsets of their new order."""
    for offset, event in enumerate(events, start=1):
        event.offset = offset
    return list(events)
