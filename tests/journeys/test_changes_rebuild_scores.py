"""What scoring promises its subscribers: the changes alone, by any client, give the present state.

A foreign consumer reads tier, tag and risk changes, puts each customer's in order of version, and
has what the compacted scores say: for everybody on this stack, whatever other journeys did.
"""

import json
import uuid
from collections import defaultdict
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from confluent_kafka import Producer

from careline_cli.replay import Pipeline
from careline_contracts.topics import RAW, RISK_CHANGES, SCORES, TAG_CHANGES, TIER_CHANGES
from tests.journeys.test_other_clients import all_of, headers_of

pytestmark = pytest.mark.stack

AT = datetime(2026, 1, 5, 9, tzinfo=UTC)
VERDICTS = {
    "careline.tier.changed.v1": "tier",
    "careline.risk.changed.v1": "risk",
}
"""The other changes name what has changed in `tag`."""

Data = dict[str, Any]


async def test_the_present_is_rebuilt_from_the_changes(pipeline: Pipeline) -> None:
    card, app = f"card-{uuid.uuid4().hex}", f"app-{uuid.uuid4().hex}"
    await two_lives_that_turn_out_to_be_one(pipeline, card, app)

    said = scores(pipeline)
    rebuilt = {number: rebuild(changes) for number, changes in changes_of_all(pipeline).items()}
    assert {number: state_in(score) for number, score in said.items()} == {
        number: rebuilt[number] for number in said
    }

    customer = await pipeline.get("profile", f"/v1/customers?identity=member_card:{card}")
    number = customer["customer"]
    asked = await pipeline.get("scoring", f"/v1/customers/{number}/score")
    assert asked["version"] == said[number]["version"]
    assert asked["total"] == said[number]["total"]
    verdicts = {**asked["tags"], "tier": asked["tier"]}
    assert {name: verdicts[name] for name in rebuilt[number][1]} == rebuilt[number][1]
    assert [score["customer"] for score in said.values() if score.get("merged_into") == number]


async def two_lives_that_turn_out_to_be_one(pipeline: Pipeline, card: str, app: str) -> None:
    """A card buys and complains, an app asks; half a year later both are known to be one."""
    by_card, by_app = {"kind": "member_card", "value": card}, {"kind": "app_user", "value": app}
    money = {"amount_minor": 2_500_000, "currency": "CNY"}
    purchase, enquiry = "careline.purchase.completed.v1", "careline.enquiry.made.v1"
    days: list[tuple[int, str, str, Data]] = [
        *((day, "store", purchase, {"identities": [by_card], **money}) for day in range(0, 20, 5)),
        (21, "store", "careline.complaint.raised.v1", {"identities": [by_card]}),
        (22, "app", enquiry, {"identities": [by_app], "product": "phone"}),
        (23, "app", enquiry, {"identities": [by_app], "product": "phone"}),
        # whatever was due meanwhile is said before this
        (200, "store", purchase, {"identities": [by_card, by_app], **money}),
    ]
    producer = Producer({"bootstrap.servers": pipeline.endpoints.kafka, "acks": "all"})
    for number, (day, channel, type, data) in enumerate(days):
        if day == 200:
            # raw topics have no order among them: both are customers before they are merged
            await pipeline.drain(timeout_seconds=60)
        headers: dict[str, str | bytes | None] = {
            "ce_specversion": "1.0",
            "ce_id": f"{card}-{number}",
            "ce_source": "/till/rebuilt",
            "ce_type": type,
            "ce_time": (AT + timedelta(days=day)).isoformat(),
            "content-type": "application/json",
        }
        producer.produce(RAW[channel].name, key=card, value=json.dumps(data), headers=headers)
        assert producer.flush(30) == 0
    await pipeline.drain(timeout_seconds=60)


def scores(pipeline: Pipeline) -> dict[str, Data]:
    """The last score of each customer: what compaction leaves, without those who were erased."""
    last: dict[str, Data] = {}
    for record in all_of(pipeline, SCORES):
        number, value = (record.key() or b"").decode(), record.value()
        if value is None:
            last.pop(number, None)
        else:
            last[number] = json.loads(value)
    return last


def changes_of_all(pipeline: Pipeline) -> dict[str, list[tuple[int, str, Any]]]:
    """Version, what changed, and into what, by customer; three topics have no order among them."""
    changes: dict[str, list[tuple[int, str, Any]]] = defaultdict(list)
    for topic in (TIER_CHANGES, TAG_CHANGES, RISK_CHANGES):
        for record in all_of(pipeline, topic):
            data = json.loads(record.value() or b"{}")
            name = VERDICTS.get(headers_of(record)["ce_type"].decode()) or data["tag"]
            changes[data["customer"]].append((data["version"], name, data["to"]))
    return changes


def rebuild(changes: list[tuple[int, str, Any]]) -> tuple[int, dict[str, Any]]:
    """The last version, and what then holds; a tag without values is not carried."""
    versions = [version for version, _, _ in sorted(changes)]
    assert versions == list(range(1, len(changes) + 1)), "no gap, and nothing twice"
    state = {name: to for _, name, to in sorted(changes)}
    return versions[-1], {name: to for name, to in state.items() if to != []}


def state_in(score: Data) -> tuple[int, dict[str, Any]]:
    verdicts = {name: score[name] for name in ("tier", "value", "need", "risk")}
    return score["version"], verdicts | score["tags"]
