"""What was merged by mistake and split again has the cases that it would have had alone."""

from collections.abc import Sequence
from itertools import permutations
from typing import Any

import pytest
from aiokafka import ConsumerRecord
from sqlalchemy import text

from careline_contracts.envelope import from_headers
from careline_contracts.events.engagement import CaseClosed, CaseRevised
from careline_contracts.events.profile import Move
from tests.engagement.by_hand import Engagement, after, fresh_engagement

pytestmark = pytest.mark.stack

EVER_AFTER = after(24 * 100)
PLAYBOOKS = ("retention", "pre-sale", "account-call")


def moves(customer: str, count: int) -> list[Move]:
    """Bob's identity and number lead there; that is their move number `count`."""
    return [Move(name=name, customer=customer, move=count) for name in ("phone:C2", "C2")]


def before(stage: Engagement) -> list[ConsumerRecord]:
    """Both are warned about, and have a case each; of two in one, Ann's, the older, stays."""
    told = [stage.tier(person, 0, "core") for person in ("C1", "C2")]
    return [*told, stage.risk("C1", 1, "high"), stage.risk("C2", 2, "high")]


def merged(stage: Engagement) -> list[ConsumerRecord]:
    return [stage.merge("C1", "C2", hours=6, moves=moves("C1", 1))]


def middle(stage: Engagement, bob: str) -> list[ConsumerRecord]:
    """Bob is called, asks about a product, wants no messages, buys; Ann says why she would go."""
    as_bob: dict[str, Any] = {"customer": bob, "identity": "phone:C2"}
    return [
        stage.touchpoint(hours=8, type="call.completed", direction="outbound", **as_bob),
        stage.touchpoint(hours=9, type="enquiry.made", enquiry="e1", **as_bob),
        stage.touchpoint(hours=10, type="sms.opted-out", purpose="care", **as_bob),
        stage.answer("C1", 11, "delivered", request="C1-retention-2-risk-outreach", cause="price"),
        stage.answer(bob, 12, "delivered", request="C2-retention-2-risk-outreach", cause="service"),
        stage.touchpoint(hours=14, type="purchase.completed", **as_bob),
    ]


def parted(stage: Engagement) -> list[ConsumerRecord]:
    return [stage.split("C1", "C2", hours=16, moves=moves("C2", 2))]


def later(stage: Engagement) -> list[ConsumerRecord]:
    return [
        stage.touchpoint("C1", 40, "call.completed", direction="inbound"),
        stage.touchpoint("C2", 41, "enquiry.made", enquiry="e2"),
        stage.touchpoint("C1", 60, "purchase.completed"),
    ]


async def kept(stage: Engagement) -> dict[str, Sequence[Any]]:
    """What is known of both in the end, apart from how often it was said and under which case."""
    queries = {
        "cases": """SELECT number, playbook, trigger, status, opened_at, closed_at, closed_reason,
            steps, is_breached FROM cases ORDER BY number, playbook, opened_at""",
        "facts": "SELECT number, at, kind, detail FROM facts ORDER BY at, kind, number",
        "consents": "SELECT number, at, channel, purpose FROM consents ORDER BY at",
        "contacts": "SELECT number, playbook, step, at FROM contacts ORDER BY at, number",
        "aliases": "SELECT absorbed FROM aliases",
    }
    async with stage.engine.connect() as connection:
        return {
            name: [tuple(row) for row in await connection.execute(text(query))]
            for name, query in queries.items()
        }


async def lived(stage: Engagement, records: Sequence[ConsumerRecord], *, ticks: bool) -> Any:
    """What comes of all this, heard in this order; each decided at its instant, or all at last."""
    for record in records:
        await stage.hear(stage.again([record]))
        if ticks:
            await stage.tick(from_headers(record.headers).occurred_at)
    await stage.tick(EVER_AFTER)
    return await kept(stage)


async def never_merged(admin_url: str) -> Any:
    async with fresh_engagement(admin_url, *PLAYBOOKS) as twin:
        records = [*before(twin), *middle(twin, "C2"), *later(twin)]
        return await lived(twin, records, ticks=True)


async def test_nobody_can_tell_that_two_were_merged_and_split(admin_url: str) -> None:
    """Even though what was thought of both meanwhile had been decided and said."""
    async with fresh_engagement(admin_url, *PLAYBOOKS) as stage:
        history = [*before(stage), *merged(stage), *middle(stage, "C1"), *parted(stage)]
        assert await lived(stage, [*history, *later(stage)], ticks=True) == await never_merged(
            admin_url
        )


async def test_in_whatever_order_a_merge_its_split_and_what_was_between_are_heard(
    admin_url: str,
) -> None:
    expected = await never_merged(admin_url)
    for order in permutations((merged, middle, parted)):
        async with fresh_engagement(admin_url, *PLAYBOOKS) as stage:
            # what is an answer to an outreach comes after it
            await stage.hear(before(stage))
            await stage.tick(after(2))
            told: list[ConsumerRecord] = []
            for part in order:
                told += part(stage, "C1") if part is middle else part(stage)  # type: ignore[operator]
            assert await lived(stage, [*told, *later(stage)], ticks=False) == expected, order


async def test_a_case_that_was_withdrawn_for_another_customers_is_taken_up_again(
    admin_url: str,
) -> None:
    async with fresh_engagement(admin_url, "retention") as stage:
        await lived(stage, [*before(stage), *merged(stage), *parted(stage)], ticks=True)
        said = [s.envelope for s in await stage.said() if s.topic == "careline.case-changes.v1"]
    of_bob = [e.type for e in said if e.subject == "C2-retention-2-risk"]
    assert of_bob.index(CaseClosed.type) < of_bob.index(CaseRevised.type)
    assert of_bob[-1] == CaseClosed.type, "in the end it is lost, as it would have been"
    assert not [
        e for e in said if e.subject == "C1-retention-2-risk" and e.type == CaseRevised.type
    ]


async def test_what_was_said_of_both_is_no_case_of_one(admin_url: str) -> None:
    """Together they were a risk; alone, says scoring at the split, neither is."""
    async with fresh_engagement(admin_url, "retention") as stage:
        told = [stage.tier(person, 0, "core") for person in ("C1", "C2")]
        told += [*merged(stage), stage.risk("C1", 8, "high"), *parted(stage)]
        told.append(stage.risk("C1", 16, "low"))
        found = await lived(stage, told, ticks=False)
    [case] = found["cases"]
    assert (case[0], case[3], case[5]) == ("C1", "withdrawn", after(16))


@pytest.mark.parametrize(
    ("hours", "expected"),
    [
        pytest.param(15, ("sent", "case_closed"), id="while it would have waited: at once"),
        pytest.param(36, ("suppressed", "too_late"), id="when its patience is over: not at all"),
    ],
)
async def test_a_message_that_a_mistaken_merge_had_stopped(
    admin_url: str, hours: float, expected: tuple[str, str]
) -> None:
    """The reason of what was sent is what it had waited for: its case, withdrawn at the merge."""
    async with fresh_engagement(admin_url, "retention") as stage:
        night = 5  # 22 h in China: calls wait for the morning
        told = [stage.tier(person, 0, "core") for person in ("C1", "C2")]
        told += [stage.risk("C1", night - 3, "high"), stage.risk("C2", night, "high")]
        told.append(stage.merge("C1", "C2", hours=night + 1, moves=moves("C1", 1)))
        told.append(stage.split("C1", "C2", hours=night + hours, moves=moves("C2", 2)))
        await lived(stage, told, ticks=True)
        query = "SELECT verdict, reason, at FROM contacts WHERE number = 'C2'"
        async with stage.engine.connect() as connection:
            [(verdict, reason, at)] = await connection.execute(text(query))
    assert ((verdict, reason), at) == (expected, after(night + hours))
