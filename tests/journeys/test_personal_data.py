"""What names a customer goes in everywhere and is found nowhere: in no table, topic, log or metric.

Every kind of identity goes in, with a text that quotes it, over HTTP and over Kafka: in events that
are accepted, sent twice, and refused. Then everything that the product keeps or says is searched.
"""

import json

import httpx
import pytest

from careline_cli.replay import Pipeline
from careline_contracts.envelope import Record
from careline_contracts.topics import DEAD_LETTERS, RAW
from careline_localstack import LocalStack
from careline_runtime.identities import normalise
from careline_runtime.keyring import Keyring
from careline_runtime.sealed_letter import open_dead_letter
from tests.journeys.canaries import IDENTITIES, WAYS, Event, an_event, good, secrets
from tests.journeys.places import Place, all_places, content, open_in
from tests.reading import records_on

pytestmark = pytest.mark.stack


def refused(way: str) -> list[Event]:
    """Each with a value in it that a careless answer, log line or dead letter would repeat."""
    of = {kind: values[WAYS.index(way)] for kind, values in IDENTITIES.items()}
    return [
        an_event(f"{way}-bad-phone", "phone", f"canary-phone-{way}"),
        an_event(f"{way}-bad-id", "id_number", "110105194912310021"),
        an_event(f"{way}-bad-account", "bank_account", f"canary account {way}"),
        an_event(f"{way}-bad-kind", f"canary-kind-{way}", of["phone"]),
        an_event(f"{way}-bad-time", "email", of["email"], time="2999-01-01T00:00:00Z"),
        an_event(f"{way}-bad-type", "phone", of["phone"], type="careline.no.v1"),
        an_event(f"{way}-bad-field", "phone", of["phone"], data={"text": f"canary-field-{way}"}),
    ]


async def send_over_http(pipeline: Pipeline) -> list[Place]:
    """Accepted, sent twice, refused; returns the answers, which are searched, too."""
    url = f"{pipeline.endpoints.services['ingest']}/v1/touchpoints"
    is_one, is_batch = "application/cloudevents+json", "application/cloudevents-batch+json"
    bodies = [(json.dumps(event).encode(), is_one) for event in refused("http")]
    bodies += [(json.dumps(good("http")).encode(), is_batch)] * 2
    bodies += [(b'{"text": "canary-broken-http', is_one)]
    answers = []
    async with httpx.AsyncClient() as http:
        for body, content_type in bodies:
            headers = {"content-type": content_type, "x-customer": "canary-header-http"}
            answer = await http.post(url, content=body, headers=headers)
            answers.append((answer.status_code, ("answer", answer.content)))
    statuses = [status for status, _ in answers]
    assert statuses == [422] * len(refused("http")) + [202, 202, 400]
    return [place for _, place in answers]


async def send_over_kafka(pipeline: Pipeline) -> int:
    """The same; returns how many are to become dead letters."""
    headers = [("content-type", b"application/json"), ("x-customer", b"canary-header-kafka")]
    records = [
        Record(
            RAW["chat"].name,
            event["data"].get("identities", [{"value": "139-7261-0442"}])[0]["value"],
            [
                *(
                    (f"ce_{name}", str(text).encode())
                    for name, text in event.items()
                    if name != "data"
                ),
                *headers,
            ],
            json.dumps(event["data"]).encode(),
        )
        for event in (*good("kafka"), *good("kafka"), *refused("kafka"))
    ]
    broken = records[0]._replace(value=b'{"text": "canary-broken-kafka')
    await pipeline.publish([*records, broken])
    return len(refused("kafka")) + 1


async def test_no_clear_value_that_goes_in_is_kept_or_said_anywhere(
    running_services: LocalStack, pipeline: Pipeline
) -> None:
    answered = await send_over_http(pipeline)
    expected_letters = await send_over_kafka(pipeline)
    statuses = await pipeline.drain()
    assert statuses["profile"]["outbox"] == 0

    places = [*answered, *await all_places(running_services)]
    assert open_in(places, secrets("http") | secrets("kafka")) == set()

    # the same search finds them where they are: before the edge, and in letters that are opened
    kafka = running_services.endpoints.kafka
    before = [("raw", content(r)) async for r in records_on(kafka, list(RAW.values()))]
    sent = {secret for _, secret in open_in(before, secrets("kafka"))}
    assert secrets("kafka") - sent <= {normalise(k, v[1]) for k, v in IDENTITIES.items()} | {
        "13972610442"
    }
    keyring = Keyring.load(running_services.home.keyring_file)
    sealed = [r async for r in records_on(kafka, [DEAD_LETTERS["ingest"]])]
    letters = [("letter", content(open_dead_letter(record, keyring))) for record in sealed]
    own = [letter for letter in letters if b"/personal-data" in letter[1]]
    assert len(own) == expected_letters
    kept = {secret for _, secret in open_in(own, secrets("kafka"))}
    assert {
        f"canary-{what}-kafka" for what in ("phone", "kind", "field", "broken", "header")
    } <= kept
