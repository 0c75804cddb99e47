"""Both clients: the same answers to the same script, nothing lost, and who they say they are."""

import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from careline_client import (
    CarelineClient,
    Event,
    NotLetIn,
    NotSent,
    Refused,
    Unavailable,
    Verdict,
)
from careline_client.sync import CarelineClient as SyncClient
from careline_contracts.signature import (
    ID_HEADER,
    NAME_HEADER,
    SIGNATURE_HEADER,
    TIMESTAMP_HEADER,
    is_signed,
)
from tests.client.script import (
    Line,
    Script,
    Told,
    a_reply,
    both_clients,
    publish,
    publish_blocking,
)

Publish = Callable[..., Awaitable[Told]]

ACCEPTED = Verdict("accepted")
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


@both_clients
async def test_every_event_gets_its_verdict_in_order(publish: Publish) -> None:
    refusal = {"code": "time_too_old", "pointer": "/time", "detail": "older than ten years"}
    answers = [
        {"id": "0", "status": "accepted", "code": None, "pointer": None, "detail": None},
        {"id": "1", "status": "rejected", **refusal},
        {"id": "2", "status": "duplicate"},
    ]
    script = Script(httpx.Response(207, json=answers))

    told = await publish(script, [a_reply(n) for n in range(3)])

    assert told.verdicts == [
        ACCEPTED,
        Verdict("rejected", "time_too_old", "/time", "older than ten years"),
        Verdict("duplicate"),
    ]


@both_clients
async def test_many_events_go_in_batches_one_after_the_other(publish: Publish) -> None:
    script = Script()

    told = await publish(script, [a_reply(n) for n in range(2_500)])

    assert [len(json.loads(request.content)) for request in script.requests] == [1_000, 1_000, 500]
    assert script.taken == [str(n) for n in range(2_500)]
    assert told.verdicts == [ACCEPTED] * 2_500


@both_clients
async def test_what_was_not_answered_is_sent_again_to_the_byte(publish: Publish) -> None:
    script = Script(httpx.ReadTimeout("slow"), httpx.Response(503), httpx.ReadError("reset"))

    told = await publish(script, [a_reply(1), a_reply(2)])

    assert told.verdicts == [ACCEPTED, ACCEPTED]
    assert len(told.naps) == len(told.words) == 3
    assert len(script.requests) == 4
    assert len({request.content for request in script.requests}) == 1


@both_clients
async def test_a_batch_that_is_too_large_is_halved_down_to_the_event(publish: Publish) -> None:
    script = Script(max_events=3)

    told = await publish(script, [a_reply(n) for n in range(40)])

    assert told.verdicts == [ACCEPTED] * 40
    assert script.taken == [str(n) for n in range(40)]


@both_clients
async def test_one_event_that_is_too_large_is_rejected(publish: Publish) -> None:
    told = await publish(Script(max_events=0), [a_reply(1)])

    assert [(one.status, one.code) for one in told.verdicts] == [("rejected", "too_large")]


PROBLEM = {"title": "not let in", "detail": "the key is unknown", "code": "invalid_key"}


@both_clients
@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (401, NotLetIn),
        (403, NotLetIn),
        (400, Refused),
        (404, Refused),
        (415, Refused),
        (301, Refused),
    ],
)
async def test_an_answer_that_waiting_cannot_heal_ends_at_once(
    publish: Publish, status: int, kind: type[NotSent]
) -> None:
    events = [a_reply(1), a_reply(2)]

    told = await publish(Script(httpx.Response(status, json=PROBLEM)), events)

    assert type(told.failure) is kind
    assert told.failure.problem == (status, *PROBLEM.values())
    assert told.failure.unsent == events
    assert told.naps == []


@both_clients
@pytest.mark.parametrize(
    "answer",
    [
        pytest.param("<html>welcome", id="a page"),
        pytest.param('{"status": "ok"}', id="an object"),
        pytest.param("[1, 2]", id="numbers"),
        pytest.param('[{"status": "fine"}, {"status": "fine"}]', id="another status"),
        pytest.param('[{"status": "accepted"}]', id="one for two"),
    ],
)
async def test_what_is_no_list_of_verdicts_is_no_success(publish: Publish, answer: str) -> None:
    events = [a_reply(1), a_reply(2)]

    told = await publish(Script(httpx.Response(202, text=answer)), events)

    assert isinstance(told.failure, Refused)
    assert told.failure.unsent == events


@both_clients
async def test_when_patience_ends_the_error_has_what_was_not_sent(publish: Publish) -> None:
    events = [a_reply(n) for n in range(3_000)]
    answered = [{"status": "accepted"}] * 500
    script = Script(
        httpx.Response(413),
        httpx.Response(202, json=answered),
        httpx.Response(504),
    )

    told = await publish(script, iter(events), patience_seconds=0.0)

    assert isinstance(told.failure, Unavailable)
    assert told.failure.verdicts == [ACCEPTED] * 500
    assert told.failure.unsent == events[500:1_000], "what is behind them is with the caller still"
    assert told.failure.problem is not None
    assert told.failure.problem.status == 504


@both_clients
async def test_an_event_that_was_taken_for_the_next_batch_is_among_what_was_not_sent(
    publish: Publish,
) -> None:
    events = [a_reply(n, text="x" * 10_000) for n in range(900)]
    source = iter(events)

    told = await publish(Script(httpx.Response(401)), source)

    assert told.failure is not None
    assert [*told.failure.unsent, *source] == events


Lines = st.one_of(
    st.sampled_from([408, 413, 429, 500, 502, 503, 504]),
    st.sampled_from([400, 401, 403, 415, 301]),
    st.just(0),
)


@given(st.lists(Lines, max_size=8), st.integers(0, 5))
async def test_both_clients_do_the_same(statuses: list[int], count: int) -> None:
    def script() -> Script:
        return Script(*(_line(status) for status in statuses), max_events=2)

    def gist(script: Script, told: Told) -> Any:
        failure = told.failure
        return (
            told.verdicts,
            len(told.naps),
            [request.content for request in script.requests],
            failure and (type(failure), str(failure), failure.unsent, failure.verdicts),
        )

    events = [a_reply(n) for n in range(count)]
    one, other = script(), script()
    assert gist(one, await publish(one, events)) == gist(
        other, await publish_blocking(other, events)
    )


def _line(status: int) -> Line:
    return httpx.Response(status) if status else httpx.ConnectError("refused")


@both_clients
async def test_a_key_is_shown(publish: Publish) -> None:
    script = Script()

    await publish(script, [a_reply(1)], key="ck_1_secret\n")

    assert script.requests[0].headers["authorization"] == "Bearer ck_1_secret"


@both_clients
async def test_each_try_is_signed_anew(publish: Publish, monkeypatch: pytest.MonkeyPatch) -> None:
    seconds = iter([1_000.5, 1_400.5])
    clock = SimpleNamespace(time=lambda: next(seconds))
    monkeypatch.setattr("careline_client.credentials.time", clock)
    script = Script(httpx.ConnectError("refused"))

    await publish(script, [a_reply(1)], signing=("hotline", SECRET))

    first, again = (request.headers for request in script.requests)
    assert (first[TIMESTAMP_HEADER], again[TIMESTAMP_HEADER]) == ("1000", "1400")
    assert first[ID_HEADER] == again[ID_HEADER]
    for request in script.requests:
        assert request.headers[NAME_HEADER] == "hotline"
        assert is_signed(
            [SECRET],
            request.headers[SIGNATURE_HEADER],
            id=request.headers[ID_HEADER],
            timestamp=int(request.headers[TIMESTAMP_HEADER]),
            body=request.content,
        )


@pytest.mark.parametrize("client", [CarelineClient, SyncClient])
@pytest.mark.parametrize(
    "options",
    [
        pytest.param({"key": "k", "signing": ("n", SECRET)}, id="both"),
        pytest.param({"key": "line\nline"}, id="a key of two lines"),
        pytest.param({"key": "schlüssel"}, id="a key beyond ASCII"),
        pytest.param({"signing": ("n", "whsec_???")}, id="no secret"),
    ],
)
def test_credentials_that_cannot_be_right_are_refused_without_repeating_them(
    client: type[CarelineClient] | type[SyncClient], options: dict[str, Any]
) -> None:
    with pytest.raises(ValueError) as caught:
        client("http://ingest.test", **options)

    for secret in ("line", "schlüssel", SECRET, "???"):
        assert secret not in str(caught.value).replace("one line", "")


async def test_a_stream_is_read_as_it_is_sent() -> None:
    made = 0

    async def events() -> AsyncIterator[Event]:
        nonlocal made
        for made in range(1, 3_001):
            yield a_reply(made)

    script = Script()
    async with CarelineClient("http://ingest.test", transport=script.transport) as client:
        ahead = [made - len(script.taken) async for _ in client.stream(events())]

    assert ahead == [0] * 3_000, "no event is held that was not sent"


def test_so_is_one_that_blocks() -> None:
    made = 0

    def events() -> Iterator[Event]:
        nonlocal made
        for made in range(1, 3_001):
            yield a_reply(made)

    script = Script()
    with SyncClient("http://ingest.test", transport=script.transport) as client:
        assert [made - len(script.taken) for _ in client.stream(events())] == [0] * 3_000


async def test_what_was_answered_is_handed_out_before_the_failure() -> None:
    events = [a_reply(n) for n in range(4)]
    script = Script(
        httpx.Response(413),
        httpx.Response(202, json=[{"status": "accepted"}] * 2),
        httpx.Response(403),
    )
    handed: list[tuple[Event, Verdict]] = []

    async with CarelineClient("http://ingest.test", transport=script.transport) as client:
        with pytest.raises(NotLetIn) as caught:
            async for settled in client.stream(events):
                handed.append(settled)  # noqa: PERF401 - kept although the stream fails

    assert handed == [(event, ACCEPTED) for event in events[:2]]
    assert caught.value.unsent == events[2:]
