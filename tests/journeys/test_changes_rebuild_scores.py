"""What scoring promises its subscribers: the changes alone, by any client, give the present state.

A foreign consumer reads the changes of whole decisions, or those of tier, tags and risk and puts
them together by version; or it begins with any score and goes on with later versions. Each way it
has what the compacted scores say, for everybody on this stack, whatever other journeys did.
"""

import json
import uuid
from collections import Counter, defaultdict
from collections.abc import Iterator
from datetime import timedelta
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
from tests.journeys.conftest import next_monday
from tests.journeys.test_other_clients import all_of

pytestmark = pytest.mark.stack

Data = dict[str, Any]
State = tuple[int, Data]
"""A version, and the verdicts and tags that hold from it on."""


async def test_the_present_is_rebuilt_from_the_changes(pipeline: Pipeline) -> None:
    card, app = f"card-{uuid.uuid4().hex}", f"app-{uuid.uuid4().hex}"
    await two_lives_that_turn_out_to_be_one(pipeline, card, app)

    told_of = scores(pipeline)
    said = {number: told[-1] for number, told in told_of.items()}
    changes = decisions(pipeline)
    rebuilt = {number: rebuild(told) for number, told in changes.items()}
    assert {number: state_in(score) for number, score in said.items()} == {
        number: rebuilt[number] for number in said
    }
    for number, told in told_of.items():
        for score in told:
            assert go_on(state_in(score), changes[number]) == state_in(told[-1]), "came late"
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
    """A card buys and complains, an app asks; two months later both are known to be one.

    The clock stands still meanwhile: other journeys find it where they left it.
    """
    monday = await next_monday(pipeline)
    by_card, by_app = {"kind": "member_card", "value": card}, {"kind": "app_user", "value": app}
    money = {"amount_minor": 2_500_000, "currency": "CNY"}
    purchase, enquiry = "careline.purchase.completed.v1", "careline.enquiry.made.v1"
    days: list[tuple[int, str, str, Data]] = [
        *((day, "store", purchase, {"identities": [by_card], **money}) for day in range(0, 20, 5)),
        (21, "store", "careline.complaint.raised.v1", {"identities": [by_card]}),
        (22, "app", enquiry, {"identities": [by_app], "product": "phone"}),
        (23, "app", enquiry, {"identities": [by_app], "product": "phone"}),
        # the need for which the app asked has gone meanwhile, and is said to have before this
        (60, "store", purchase, {"identities": [by_card, by_app], **money}),
    ]
    producer = Producer({"bootstrap.servers": pipeline.endpoints.kafka, "acks": "all"})
    for number, (day, channel, type, data) in enumerate(days):
        if day == 60:
            # raw topics have no order among them: both are customers before they are merged
            await pipeline.drain(timeout_seconds=60)
        headers: dict[str, str | bytes | None] = {
            "ce_specversion": "1.0",
            "ce_id": f"{card}-{number}",
            "ce_source": "/till/rebuilt",
            "ce_type": type,
            "ce_time": (monday + timedelta(days=day)).isoformat(),
            "content-type": "application/json",
        }
        producer.produce(RAW[channel].name, key=card, value=json.dumps(data), headers=headers)
        assert producer.flush(30) == 0
    await pipeline.drain(timeout_seconds=60)


def scores(pipeline: Pipeline) -> dict[str, list[Data]]:
    """Each customer's scores, without those who were erased; the last is what compaction leaves."""
    told: dict[str, list[Data]] = defaultdict(list)
    for record in all_of(pipeline, SCORES):
        number, value = (record.key() or b"").decode(), record.value()
        if value is None:
            told.pop(number, None)
        else:
            told[number].append(json.loads(value))
    return told


def decisions(pipeline: Pipeline) -> dict[str, list[Data]]:
    """What the decisions about each customer changed, in the order of the topic."""
    told: dict[str, list[Data]] = defaultdict(list)
    for data in said_on(pipeline, SCORE_CHANGES):
        told[data["customer"]].append(data)
    return told


def rebuild(told: list[Data]) -> State:
    """The last version, and what then holds."""
    assert [data["version"] for data in told] == list(range(1, len(told) + 1)), "gap, or twice"
    return go_on((0, {}), told)


def go_on(state: State, told: list[Data]) -> State:
    """What holds after the changes of later versions; a tag without values is not carried."""
    version, verdicts = state
    later = [data for data in told if data["version"] > version]
    became = {name: one["to"] for data in later for name, one in data["changes"].items()}
    holds = {name: to for name, to in {**verdicts, **became}.items() if to != []}
    return (later[-1]["version"] if later else version), holds


def put_together(pipeline: Pipeline) -> dict[str, State]:
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


def state_in(score: Data) -> State:
    verdicts = {name: score[name] for name in ("tier", "value", "need", "risk")}
    return score["version"], verdicts | score["tags"]
