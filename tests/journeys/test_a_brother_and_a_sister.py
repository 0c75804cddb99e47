"""Two people are taken for one, and are two again: as if nobody had ever confused them."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from careline_cli.replay import Pipeline
from careline_client import CarelineClient, event
from careline_contracts.events.touchpoints import (
    CallCompleted,
    ChannelEvent,
    ComplaintRaised,
    EnquiryMade,
    Identity,
    PurchaseCompleted,
)

pytestmark = pytest.mark.stack

MONDAY = datetime(2023, 11, 6, 10, tzinfo=ZoneInfo("Asia/Shanghai"))  # before all other journeys
TUESDAY = MONDAY + timedelta(days=1)


def phone(last: int) -> Identity:
    return Identity(kind="phone", value=f"+86139123477{last:02}")


ANN, BOB = phone(1), phone(2)
TWINS = {ANN: phone(3), BOB: phone(4)}
"""They live the same life, and nobody ever confuses them."""


def bought(who: Identity, amount_minor: int) -> PurchaseCompleted:
    return PurchaseCompleted(identities=(who,), amount_minor=amount_minor, currency="CNY")


def complaint(who: Identity, category: str) -> ComplaintRaised:
    return ComplaintRaised(identities=(who,), category=category, via="phone")


def called(who: Identity) -> CallCompleted:
    return CallCompleted(identities=(who,), direction="outbound", duration_seconds=300)


async def happens(
    pipeline: Pipeline, at: datetime, touchpoint: ChannelEvent, twin: ChannelEvent | None = None
) -> None:
    """It happens to one of them and to the twin: to both at one instant, with all its effects."""
    twin = twin or touchpoint.model_copy(
        update={"identities": tuple(TWINS[one] for one in touchpoint.identities)}
    )
    async with CarelineClient(pipeline.endpoints.services["ingest"]) as client:
        for name, said in (("life", touchpoint), ("twin", twin)):
            id = f"{name}-{at.isoformat()}-{said.type}"
            verdict = await client.publish(event(said, id=id, source="/split", occurred_at=at))
            assert verdict.status == "accepted"
    await pipeline.drain()
    await pipeline.tick(at)


async def shown(pipeline: Pipeline, who: Identity) -> dict[str, Any]:
    """All that is known and planned, without the names that it is known by."""
    card = await pipeline.get("profile", f"/v1/customers?identity=phone:{who.value[1:]}")
    number = card["customer"]
    score = await pipeline.get("scoring", f"/v1/customers/{number}/score")
    found = await pipeline.get("engagement", f"/v1/cases?customer={number}")
    tickets = await pipeline.get("ticketing", f"/v1/tickets?customer={number}")
    calendar = await pipeline.get("engagement", f"/v1/customers/{number}/calendar")
    # whom a playbook leaves alone is drawn by number: only playbooks without such a group compare
    cases = [c for c in found["cases"] if c["playbook"] in ("retention", "account-call")]
    return {
        "numbers": (len(card["identities"]), card["aliases"], card["merged_into"]),
        "contacts": (card["touchpoints"], card["first_contact_at"], card["last_contact_at"]),
        "record": card["record"],
        "score": (score["total"], _without_sources(score["contributions"])),
        "tags": score["tags"],
        "tier": score["tier"],
        "cases": sorted(
            (
                c["playbook"],
                c["status"],
                c["opened_at"],
                c.get("closed_at"),
                sorted(map(str, c["steps"])),
            )
            for c in cases
        ),
        "tickets": sorted(
            (t["status"], t["level"], t["opened_at"], str(_without_names(t["clocks"])))
            for t in tickets["tickets"]
        ),
        "calendar": [calendar.get(name) for name in ("tier", "last_contact_at", "next_contact_at")],
        "to do": sorted((t["playbook"], t["step"], t.get("due_at")) for t in calendar["open"]),
    }


def _without_sources(contributions: list[dict[str, Any]]) -> list[Any]:
    """Tickets and events have names of their own; what they told, and of which day, is compared."""
    for one in contributions:
        for source in (one["evidence"] or {}).get("sources", ()):
            del source["event"], source["ticket"]
    return contributions


def _without_names(clocks: list[dict[str, Any]]) -> list[Any]:
    return sorted(sorted((k, str(v)) for k, v in c.items() if "event" not in k) for c in clocks)


async def test_nobody_can_tell_that_they_were_ever_taken_for_one(
    pipeline: Pipeline, careline: Callable[..., Any]
) -> None:
    for n, who in enumerate((ANN, BOB)):
        await happens(pipeline, MONDAY + timedelta(minutes=n), bought(who, 2_500_000))
    for n, who in enumerate((ANN, BOB)):
        for m, category in enumerate(("delivery", "invoice")):
            at = TUESDAY + timedelta(minutes=10 * n + m)
            await happens(pipeline, at, complaint(who, category))

        assert [c[:2] for c in (await shown(pipeline, who))["cases"]] == [("retention", "open")]

    # Bob answers Ann's phone, and somebody notes both numbers for one enquiry.
    noon = TUESDAY + timedelta(hours=2)
    confused = EnquiryMade(identities=(ANN, BOB), product="phone")
    alone = EnquiryMade(identities=(TWINS[ANN],), product="phone")
    await happens(pipeline, noon, confused, alone)
    together = await shown(pipeline, ANN)
    assert together["numbers"][0] == 2
    assert (await shown(pipeline, BOB)) == together

    # They are one customer for a day: Bob is called, complains again, and buys.
    await happens(pipeline, noon + timedelta(hours=1), called(BOB))
    await happens(pipeline, noon + timedelta(hours=2), complaint(BOB, "delivery"))
    await happens(pipeline, noon + timedelta(hours=3), bought(BOB, 300_000))
    assert "open" not in {c[1] for c in (await shown(pipeline, ANN))["cases"]}

    # A supervisor sees it, and parts them.
    links = careline("customer", "links", f"phone:{ANN.value}", "--json")["links"]
    [edge] = [link["link"] for link in links]
    parted = careline(
        *("customer", "split", f"phone:{ANN.value}", "--edge", edge),
        *("--reason", "brother and sister", "--json"),
    )
    assert len(set(parted["customers"])) == 2
    await pipeline.drain()
    await pipeline.tick(noon + timedelta(hours=4))
    for who in (ANN, BOB):
        assert await shown(pipeline, who) == await shown(pipeline, TWINS[who])

    # Life goes on, and the phone that had been noted wrongly is noted again.
    wednesday = TUESDAY + timedelta(days=1)
    await happens(pipeline, wednesday, complaint(BOB, "warranty"))
    await happens(pipeline, wednesday + timedelta(hours=1), confused, alone)
    await happens(pipeline, wednesday + timedelta(days=5), bought(ANN, 120_000))
    await pipeline.tick(MONDAY + timedelta(days=45))
    await pipeline.drain()
    for who in (ANN, BOB):
        assert await shown(pipeline, who) == await shown(pipeline, TWINS[who])
