"""What scoring promises its subscribers: the changes alone, by any client, give the present state.

A foreign consumer reads the changes of whole decisions, or those of tier, tags and risk and puts
them together by version: either way it has what the compacted scores say, for everybody on this
stack, whatever other journeys did.
"""

import json
import uuid
from collections import Counter, defaultdict
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from confluent_kafka import Producer

from careline_cli.replay import Pipeline
from careline_contracts.topics import (
    RAW,
    RISK_CHANGES,
    SCORE_CHANGES,
    SCORES,
    TAG_CHANGES,
    TIER_CHANGES,
    Topic,
)
from tests.journeys.test_other_clients import all_of

pytestmark = pytest.mark.stack

AT = datetime(2026, 1, 5, 9, tzinfo=UTC)

Data = dict[str, Any]


async def test_the_present_is_rebuilt_from_the_changes(pipeline: Pipeline) -> None:
    card, app = f"card-{uuid.uuid4().hex}", f"app-{uuid.uuid4().hex}"
    await two_lives_that_turn_out_to_be_one(pipeline, card, app)

    said = scores(pipeline)
    rebuilt = {number: rebuild(told) for number, told in decisions(pipeline).items()}
    assert {number: state_in(score) for number, score in said.items()} == {
        number: rebuilt[number] for number in said
    }
    in_parts = put_together(pipeline)
    assert {number: in_parts[number] for number in said} == {n: rebuilt[n] for n in said}

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


def decisions(pipeline: Pipeline) -> dict[str, list[Data]]:
    """What the decisions about each customer changed, in the order of the topic."""
    told: dict[str, list[Data]] = defaultdict(list)
    for data in said_on(pipeline, SCORE_CHANGES):
        told[data["customer"]].append(data)
    return told


def rebuild(told: list[Data]) -> tuple[int, Data]:
    """The last version, and what then holds; a tag without values is not carried."""
    assert [data["version"] for data in told] == list(range(1, len(told) + 1)), "gap, or twice"
    state = {name: became["to"] for data in told for name, became in data["changes"].items()}
    return len(told), {name: to for name, to in state.items() if to != []}


def put_together(pipeline: Pipeline) -> dict[str, tuple[int, Data]]:
    """The same from the topics of one kind each: that none is missing shows on each by itself."""
    states: dict[str, Data] = defaultdict(dict)
    versions: Counter[str] = Counter()
    for topic in (TIER_CHANGES, TAG_CHANGES, RISK_CHANGES):
        last: Counter[str] = Counter()
        for data in said_on(pipeline, topic):
            number, version = data["customer"], data["version"]
            assert data["previous_version"] == last[number] < version
            last[number] = version
            versions[number] = max(versions[number], version)
            parts = data.get("changes") or {topic.name.split(".")[1].split("-")[0]: data}
            states[number] |= {name: part["to"] for name, part in parts.items()}
    return {
        number: (versions[number], {name: to for name, to in state.items() if to != []})
        for number, state in states.items()
    }


def said_on(pipeline: Pipeline, topic: Topic) -> Iterator[Data]:
    """Everything on a topic; each key's in order."""
    return (json.loads(record.value() or b"{}") for record in all_of(pipeline, topic))


def state_in(score: Data) -> tuple[int, dict[str, Any]]:
    verdicts = {name: score[name] for name in ("tier", "value", "need", "risk")}
    return score["version"], verdicts | score["tags"]
