"""What begins a playbook: each kind of trigger, in a shipped playbook that waits for it."""

from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any

import pytest
from aiokafka import ConsumerRecord
from sqlalchemy import text

from careline_contracts.events.ticketing import TicketResolved
from careline_engagement.policy.words import MOMENTS, TAGS, TICKETS, TOUCHPOINTS, VERDICTS
from tests.engagement.by_hand import Engagement, after, fresh_engagement, shipped_policy

POLICY = shipped_policy().policy
DAY = 24
Events = Callable[[Engagement, str], Sequence[ConsumerRecord]]

FIRES: dict[str, tuple[str, Events]] = {
    "tier/core": ("privileges", lambda says, who: [says.tier(who, 1, "core")]),
    "value/potential": (
        "upgrade-pack",
        lambda says, who: [says.decision(who, 1, value="potential")],
    ),
    "need/dormant": (
        "wake-up",
        lambda says, who: [says.decision(who, 1, tier="edge", need="dormant")],
    ),
    "risk/high": (
        "retention",
        lambda says, who: [says.decision(who, 1, tier="basic", risk="high")],
    ),
    "product/phone": (
        "cross-sell",
        lambda says, who: [
            says.decision(who, 0, life_cycle=("active",)),
            says.decision(who, 1, product=("case", "phone")),
        ],
    ),
    "product/equipment": (
        "maintenance",
        lambda says, who: [
            says.decision(who, 0, life_cycle=("active",)),
            says.decision(who, 1, product=("equipment",)),
        ],
    ),
    "ticket.resolved": (
        "satisfaction",
        lambda says, who: [says.ticket(TicketResolved, who, 1)],
    ),
    "enquiry.made": ("pre-sale", lambda says, who: [says.touchpoint(who, 1, "enquiry.made")]),
    "order.placed": ("after-sales", lambda says, who: [says.touchpoint(who, 1, "order.placed")]),
    "referral.made": (
        "referral-thanks",
        lambda says, who: [says.touchpoint(who, 1, "referral.made", referral="R1", converted=True)],
    ),
    "moment/birthday": ("birthday", lambda says, who: [says.customer(who, 0, birthday="--03-20")]),
    "moment/anniversary": (
        "anniversary",
        lambda says, who: [says.customer(who, 0, region="杭州"), says.tier(who, 0, "core")],
    ),
    "moment/contract_end": (
        "renewal",
        lambda says, who: [
            says.touchpoint(
                who,
                1,
                "contract.changed",
                contract="K-1",
                change="signed",
                ends_at=after(DAY * 60).isoformat(),
            )
        ],
    ),
    "moment/contact_due": ("account-call", lambda says, who: [says.tier(who, 1, "core")]),
    "moment/quarter": (
        "quarterly-gift",
        lambda says, who: [
            says.customer(who, 0, region="杭州"),
            says.decision(who, 0, value="high"),
        ],
    ),
}


FIRES_LATER: dict[str, tuple[str, Events]] = {
    "life_cycle/active": (
        "cross-sell",
        lambda says, who: [
            says.decision(who, 1, life_cycle=("prospect",), product=("phone",)),
            says.decision(who, 9, before={"life_cycle": ("prospect",)}, life_cycle=("active",)),
        ],
    ),
}
"""Another trigger of a kind that is in the table: who asked about phones has bought one."""


@pytest.fixture
async def stage(admin_url: str) -> AsyncIterator[Engagement]:
    playbooks = [playbook.playbook for playbook in POLICY.playbooks]
    async with fresh_engagement(admin_url, *playbooks) as engagement:
        yield engagement


@pytest.mark.stack
async def test_every_kind_of_trigger_begins_its_playbook(stage: Engagement) -> None:
    fires = FIRES | FIRES_LATER
    who = {trigger: f"C-{n}" for n, trigger in enumerate(fires)}
    for trigger, (_, events) in fires.items():
        await stage.hear(events(stage, who[trigger]))
    await stage.tick(after(DAY * 370))
    async with stage.engine.connect() as connection:
        cases = await connection.execute(text("SELECT number, playbook, trigger FROM cases"))
    begun = {tuple(row) for row in cases}
    missing = {
        (who[trigger], playbook, trigger) for trigger, (playbook, _) in fires.items()
    } - begun
    assert not missing


def test_each_trigger_of_the_table_is_one_of_the_shipped_playbooks() -> None:
    for trigger, (playbook, _) in FIRES.items():
        assert playbook in {one.playbook for one in POLICY.triggers[trigger]}


def test_no_kind_of_trigger_is_left_out_of_the_table() -> None:
    kinds = {_kind(trigger) for trigger in FIRES}
    assert kinds == {*VERDICTS, "tag", "ticket", "touchpoint", *MOMENTS, "date"}


def _kind(trigger: str) -> str:
    head, _, value = trigger.partition("/")
    known: dict[str, Any] = {
        "tag": TAGS,
        "ticket": TICKETS,
        "touchpoint": TOUCHPOINTS,
        "date": {f"moment/{name}" for name in POLICY.dates},
    }
    for kind, names in known.items():
        if head in names or trigger in names:
            return kind
    return value if head == "moment" else head


@pytest.mark.stack
async def test_a_tag_begins_a_playbook_when_it_is_gained_and_only_then(stage: Engagement) -> None:
    active = ("active",)
    await stage.hear(
        [
            stage.decision("A", 1, life_cycle=active, product=("phone",)),
            # phones are still preferred a month and a half later, and cases besides
            stage.decision(
                "A", DAY * 45, before={"product": ("phone",)}, product=("case", "phone")
            ),
            # both at once: an entry for each
            stage.decision("B", 1, life_cycle=active, product=("equipment", "phone")),
        ]
    )
    await stage.tick(after(DAY * 100))
    async with stage.engine.connect() as connection:
        entries = await connection.execute(
            text(
                "SELECT number, playbook FROM entries WHERE trigger LIKE 'product/%' ORDER BY 1, 2"
            )
        )
    assert [tuple(row) for row in entries] == [
        ("A", "cross-sell"),
        ("B", "cross-sell"),
        ("B", "maintenance"),
    ]
