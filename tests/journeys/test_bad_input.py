"""Whatever a sender gets wrong is told to the sender, or kept with its reason; the rest goes on.

The same flaws come over HTTP and over Kafka to the running product, each between two good events
of one customer. `tests/ingest` knows many more; here nothing behind the edge may notice.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import NamedTuple

import httpx
import pytest

from careline_cli.replay import Pipeline
from careline_contracts.envelope import Record
from careline_contracts.topics import DEAD_LETTERS, RAW
from careline_localstack import LocalStack
from careline_runtime.keyring import Keyring
from careline_runtime.sealed_letter import open_dead_letter
from tests.reading import records_on

pytestmark = pytest.mark.stack

STORE = RAW["store"].name
IDENTITIES = b'"identities":[{"kind":"member_card","value":"BAD-INPUT-%s"}]'


class Flaw(NamedTuple):
    """One thing wrong with an otherwise good purchase: what ingest calls it, and HTTP's status."""

    code: str
    status: int
    attributes: Mapping[str, bytes] = MappingProxyType({})
    body: bytes | None = None


def purchase(way: str, rest: bytes = b'"amount_minor":10000,"currency":"CNY"') -> bytes:
    """The data of a purchase by the customer who comes this way."""
    return b"{%s,%s}" % (IDENTITIES % way.encode(), rest)


FLAWS = {
    "malformed JSON": Flaw("malformed_json", 400, body=b'{"identities":[{'),
    "no body": Flaw("malformed_json", 400, body=b""),
    "wrong type": Flaw("invalid_field", 422, body=purchase("x", b'"amount_minor":"10"')),
    "unknown type": Flaw("unknown_type", 422, {"type": b"careline.fax.received.v1"}),
    "no identity": Flaw("missing_identity", 422, body=b'{"amount_minor":1,"currency":"CNY"}'),
    "future": Flaw("time_in_future", 422, {"time": b"2999-01-01T00:00:00Z"}),
    "ancient": Flaw("time_too_old", 422, {"time": b"0001-01-01T00:00:00Z"}),
    "a time that is none": Flaw("invalid_attribute", 422, {"time": b"yesterday"}),
    "no id": Flaw("missing_attribute", 400, {"id": b""}),
    # as near to a whole megabyte as the broker takes with its headers
    "1 MB": Flaw("too_large", 413, body=purchase("x", b'"receipt":"%s"' % (b"x" * 1_045_000))),
    "wrong encoding": Flaw("bad_encoding", 400, body='{"identities":"卡"}'.encode("gb18030")),
}


def attributes(id: str) -> dict[str, bytes]:
    return {
        "specversion": b"1.0",
        "id": id.encode(),
        "source": b"/bad-input",
        "type": b"careline.purchase.completed.v1",
        "time": b"2024-01-02T03:04:05Z",
    }


def story(way: str) -> Iterator[tuple[str, dict[str, bytes], bytes, Flaw | None]]:
    """Good events with every flaw in between, and at the end the first of them once more."""
    yield "first", attributes(f"{way}-first"), purchase(way), None
    for name, flaw in FLAWS.items():
        bad = {**attributes(f"{way}-{name}"), **flaw.attributes}
        yield name, bad, purchase(way) if flaw.body is None else flaw.body, flaw
        yield f"after {name}", attributes(f"{way}-after {name}"), purchase(way), None
    yield "duplicate", attributes(f"{way}-first"), purchase(way), None


async def touchpoints(pipeline: Pipeline, way: str) -> int:
    """How many of the customer's purchases have got through to the record."""
    path = f"/v1/customers?identity=member_card:BAD-INPUT-{way}"
    return int((await pipeline.get("profile", path))["touchpoints"]["store"])


async def test_over_http_every_flaw_is_answered_and_the_rest_is_taken(pipeline: Pipeline) -> None:
    url = f"{pipeline.endpoints.services['ingest']}/v1/touchpoints"
    async with httpx.AsyncClient() as http:
        for name, sent, body, flaw in story("http"):
            headers = {f"ce-{attribute}".encode(): text for attribute, text in sent.items()}
            headers[b"content-type"] = b"application/json"
            answer = await http.post(url, content=body, headers=list(headers.items()))
            if flaw is not None:
                assert (answer.status_code, answer.json()["code"]) == (flaw.status, flaw.code), name
                assert answer.json()["detail"], name
            else:
                status = "duplicate" if name == "duplicate" else "accepted"
                assert (answer.status_code, answer.json()["status"]) == (202, status), name
    await pipeline.drain()
    assert await touchpoints(pipeline, "http") == 1 + len(FLAWS)


async def test_over_kafka_every_flaw_is_kept_with_its_reason_and_the_rest_flows(
    pipeline: Pipeline, running_services: LocalStack
) -> None:
    keyring = Keyring.load(running_services.home.keyring_file)
    before = {
        service: s["events"]["dead_letters"] for service, s in (await pipeline.drain()).items()
    }
    records = [
        Record(STORE, "kafka", [(f"ce_{name}", text) for name, text in sent.items()], body)
        for _, sent, body, _ in story("kafka")
    ]
    await pipeline.publish(records)
    statuses = await pipeline.drain()

    assert await touchpoints(pipeline, "kafka") == 1 + len(FLAWS)
    letters = {s: status["events"]["dead_letters"] - before[s] for s, status in statuses.items()}
    assert letters == {**dict.fromkeys(statuses, 0), "ingest": len(FLAWS)}
    assert await reasons(pipeline, keyring) == Counter(flaw.code for flaw in FLAWS.values())


async def reasons(pipeline: Pipeline, keyring: Keyring) -> Counter[str]:
    """Why records of this test were put aside; their bytes are kept as they came."""
    sent = {body for _, _, body, flaw in story("kafka") if flaw is not None}
    found: Counter[str] = Counter()
    async for record in records_on(pipeline.endpoints.kafka, [DEAD_LETTERS["ingest"]]):
        headers = dict(record.headers)
        if headers.get("ce_source") == b"/bad-input":
            assert open_dead_letter(record, keyring).value in sent
            found[headers["dlq_reason"].decode()] += 1
    return found
