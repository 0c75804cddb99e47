"""A customer pays at a till and chats from home: two systems, two ways in, one customer."""

import json
import uuid

import pytest
from confluent_kafka import Producer

from careline_cli.replay import Pipeline
from careline_client import CarelineClient, event
from careline_contracts.events.touchpoints import ChatMessageReceived, Identity
from careline_contracts.topics import RAW
from tests.journeys.conftest import Careline, next_monday

pytestmark = pytest.mark.stack


async def test_a_till_over_kafka_and_a_chat_over_http_are_of_one_customer(
    pipeline: Pipeline, careline: Careline
) -> None:
    card, phone = f"card-{uuid.uuid4().hex}", f"+86138{uuid.uuid4().int % 10**8:08}"

    monday = await next_monday(pipeline)
    till = Producer({"bootstrap.servers": pipeline.endpoints.kafka, "acks": "all"})
    sale = {
        "identities": [
            {"kind": "member_card", "value": card},
            {"kind": "phone", "value": phone},
        ],
        "amount_minor": 12_900,
        "currency": "CNY",
    }
    till.produce(
        RAW["store"].name,
        key=card,
        value=json.dumps(sale),
        headers={
            "ce_specversion": "1.0",
            "ce_id": f"sale-{card}",
            "ce_source": "/store/hangzhou-2",
            "ce_type": "careline.purchase.completed.v1",
            "ce_time": monday.isoformat(),
            "content-type": "application/json",
        },
    )
    assert till.flush(30) == 0
    await pipeline.drain()

    chat = careline("channel", "create", f"chat-{uuid.uuid4().hex[:8]}", "--channel=chat", "--json")
    said = ChatMessageReceived(
        identities=(
            Identity(kind="chat_open_id", value=f"wx-{card}"),
            Identity(kind="phone", value=phone),
        ),
        session="s1",
        text="能开发票吗？",
    )
    ingest = pipeline.endpoints.services["ingest"]
    async with CarelineClient(ingest, key=chat["key"]) as client:
        sent = event(said, id=f"chat-{card}", source=chat["source"], occurred_at=monday)
        assert (await client.publish(sent)).status == "accepted"
    await pipeline.drain()

    views = [
        await pipeline.get("profile", f"/v1/customers?identity={identity}")
        for identity in (f"member_card:{card}", f"chat_open_id:wx-{card}")
    ]
    assert views[0]["customer"] == views[1]["customer"]
    assert views[0]["touchpoints"] == {"chat": 1, "store": 1}
