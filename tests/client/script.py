"""An ingest that answers as a script says, and both clients to talk to it."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from careline_client import CarelineClient, Event, NotSent, Verdict, event
from careline_client.sync import CarelineClient as SyncClient
from careline_contracts.events.touchpoints import Identity, SmsReplied

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)

Line = httpx.Response | Exception


class Script:
    """Answers the first requests as it is told to, and takes everything after that."""

    def __init__(self, *lines: Line, max_events: int = 1_000) -> None:
        self.requests: list[httpx.Request] = []
        self.taken: list[str] = []
        self.transport = httpx.MockTransport(self._answer)
        self._lines = list(lines)
        self._max_events = max_events

    def _answer(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        if self._lines:
            line = self._lines.pop(0)
            if isinstance(line, Exception):
                raise line
            return line
        ids = [one["id"] for one in json.loads(request.content)]
        if len(ids) > self._max_events:
            return httpx.Response(413)
        self.taken += ids
        return httpx.Response(202, json=[{"id": id, "status": "accepted"} for id in ids])


@dataclass
class Told:
    """What a client makes of a script."""

    verdicts: Sequence[Verdict] = ()
    failure: NotSent | None = None
    naps: list[float] = field(default_factory=list)
    words: list[str] = field(default_factory=list)


async def publish(script: Script, events: Sequence[Event], **options: Any) -> Told:
    """By the client that awaits."""
    told = Told()

    async def nap(seconds: float) -> None:
        told.naps.append(seconds)

    options |= {"transport": script.transport, "sleep": nap, "say": told.words.append}
    async with CarelineClient("http://ingest.test", **options) as client:
        try:
            told.verdicts = await client.publish_all(events)
        except NotSent as failure:
            told.failure = failure
    return told


async def publish_blocking(script: Script, events: Sequence[Event], **options: Any) -> Told:
    """By the client that blocks."""
    told = Told()
    options |= {"transport": script.transport, "sleep": told.naps.append, "say": told.words.append}
    with SyncClient("http://ingest.test", **options) as client:
        try:
            told.verdicts = client.publish_all(events)
        except NotSent as failure:
            told.failure = failure
    return told


both_clients = pytest.mark.parametrize("publish", [publish, publish_blocking])


def a_reply(number: int, *, text: str = "yes") -> Event:
    said = SmsReplied(identities=(Identity(kind="phone", value="+8613912345678"),), text=text)
    return event(said, id=str(number), source="/sms/test", occurred_at=NOON)
