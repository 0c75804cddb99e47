"""Events to ingest over HTTP, in order and without loss: what was not answered is sent again.

Repeating is safe, because ingest knows an event by its source and id. Batches go one after the
other, so that a customer's events arrive in the order in which they were given.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from types import TracebackType
from typing import Any, Literal, NamedTuple, Self

import httpx

from careline_cli.outgoing import Outgoing

MAX_BATCH_EVENTS = 1_000
MAX_BATCH_BYTES = 4_000_000
"""Ingest takes 1,000 events and 5 MB at a time."""

FIRST_ANSWER_SECONDS = 10.0
"""Before ingest has ever answered, it is more likely not running than restarting."""
PATIENCE_SECONDS = 300.0
LONGEST_WAIT_SECONDS = 30.0
REQUEST_SECONDS = 60.0

Status = Literal["accepted", "duplicate", "rejected"]


class Verdict(NamedTuple):
    """What ingest says about one event."""

    status: Status
    code: str = ""
    pointer: str = ""
    detail: str = ""


class NotSent(Exception):
    """Ingest does not answer, or answers what cannot be worked with; the text says which."""


class Sender:
    """A connection to ingest that waits out restarts and back-pressure."""

    def __init__(
        self,
        ingest_url: str,
        *,
        patience_seconds: float = PATIENCE_SECONDS,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        say: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._http = httpx.AsyncClient(base_url=ingest_url, timeout=REQUEST_SECONDS)
        self._patience_seconds = patience_seconds
        self._sleep = sleep
        self._say = say
        self._has_answered = False

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._http.aclose()

    async def send(self, events: Sequence[Outgoing]) -> list[Verdict]:
        """A verdict for each event, in order; raises `NotSent` when patience ends."""
        verdicts: list[Verdict] = []
        for batch in batches(events):
            verdicts += await self._send_batch(batch)
        return verdicts

    async def _send_batch(self, batch: Sequence[bytes]) -> list[Verdict]:
        body = b"[" + b",".join(batch) + b"]"
        deadline = time.monotonic() + self._patience()
        wait = 0.2
        while True:
            answer, flaw = await self._post(body)
            if answer is not None and answer.status_code in {200, 202, 207}:
                self._has_answered = True
                return _verdicts(answer, len(batch))
            if answer is not None and answer.status_code == 413:
                return await self._in_halves(batch)
            if answer is not None and answer.status_code not in {408, 429, 500, 502, 503, 504}:
                raise NotSent(f"ingest refuses the batch: {flaw}")
            if time.monotonic() > deadline:
                raise NotSent(f"ingest has taken nothing for {self._patience():.0f} s: {flaw}")
            pause = max(wait, _retry_after(answer))
            self._say(f"ingest cannot take events now ({flaw}); trying again in {pause:.1f} s")
            await self._sleep(pause)
            wait = min(wait * 2, LONGEST_WAIT_SECONDS)

    async def _post(self, body: bytes) -> tuple[httpx.Response | None, str]:
        """The answer, and what is wrong in words where it is no success."""
        try:
            answer = await self._http.post(
                "/v1/touchpoints",
                content=body,
                headers={"content-type": "application/cloudevents-batch+json"},
            )
        except httpx.TransportError as error:
            return None, f"{type(error).__name__}: {error}"
        return answer, f"{answer.status_code} {_problem(answer)}".strip()

    async def _in_halves(self, batch: Sequence[bytes]) -> list[Verdict]:
        if len(batch) == 1:
            return [Verdict("rejected", "too_large", "", "larger than ingest takes")]
        middle = len(batch) // 2
        first = await self._send_batch(batch[:middle])
        return first + await self._send_batch(batch[middle:])

    def _patience(self) -> float:
        if self._has_answered:
            return self._patience_seconds
        return min(self._patience_seconds, FIRST_ANSWER_SECONDS)


def batches(events: Sequence[Outgoing]) -> list[list[bytes]]:
    """The events in JSON, in batches that ingest takes."""
    found: list[list[bytes]] = []
    size = 0
    for event in events:
        encoded = event.to_json()
        is_full = found and (
            len(found[-1]) == MAX_BATCH_EVENTS or size + len(encoded) > MAX_BATCH_BYTES
        )
        if not found or is_full:
            found.append([])
            size = 0
        found[-1].append(encoded)
        size += len(encoded) + 1
    return found


def _verdicts(answer: httpx.Response, count: int) -> list[Verdict]:
    try:
        items = answer.json()
        verdicts = [_verdict(item) for item in items]
    except (ValueError, TypeError, KeyError):
        raise NotSent("ingest's answer is not a list of verdicts: is it a careline?") from None
    if len(verdicts) != count:
        raise NotSent(f"ingest gave {len(verdicts)} verdicts for {count} events")
    return verdicts


def _verdict(item: dict[str, Any]) -> Verdict:
    return Verdict(
        item["status"],
        item.get("code") or "",
        item.get("pointer") or "",
        item.get("detail") or "",
    )


def _retry_after(answer: httpx.Response | None) -> float:
    """The wait that ingest asks for, in seconds; bounded, and 0 if it names none."""
    asked = answer.headers.get("retry-after", "") if answer is not None else ""
    return min(float(asked), LONGEST_WAIT_SECONDS) if asked.isdecimal() else 0.0


def _problem(answer: httpx.Response) -> str:
    """RFC 9457 in one line."""
    try:
        problem = answer.json()
        return str(problem.get("detail") or problem.get("title") or "")
    except (ValueError, AttributeError):
        return ""
