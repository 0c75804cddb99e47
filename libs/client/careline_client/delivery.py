"""What both clients do with a batch: post it, read the answer, wait and post again, halve it.

A delivery yields what it wants done, a post or a pause, and does neither itself: so it is the same
for a client that awaits and for one that blocks.
"""

import random
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any, NamedTuple

import httpx

from careline_client.batches import Batch, E
from careline_client.credentials import credentials
from careline_client.verdicts import (
    TOO_LARGE,
    NotSent,
    Problem,
    Refused,
    Unavailable,
    Verdict,
    verdicts_in,
)

PATH = "/v1/touchpoints"

PATIENCE_SECONDS = 300.0
FIRST_ANSWER_SECONDS = 10.0
"""Before ingest has ever answered, it is more likely not running than restarting."""
FIRST_WAIT_SECONDS = 0.2
LONGEST_WAIT_SECONDS = 30.0
REQUEST_SECONDS = 60.0

PASSING = {408, 429, 500, 502, 503, 504}
"""Statuses that the same request may not get again."""
LASTING = (httpx.UnsupportedProtocol, httpx.LocalProtocolError)
"""Errors that it gets again: the address or a header is wrong."""

Answer = httpx.Response | httpx.RequestError


@dataclass
class Post:
    """Wants a request with this body, and the answer put here."""

    body: bytes
    answer: Answer | None = None


class Pause(NamedTuple):
    """Wants a wait; the reason is for people."""

    seconds: float
    reason: str


Settled = list[tuple[E, Verdict]]
"""Events with their verdicts."""


class Delivery:
    """Brings batches to ingest; remembers whether ingest has ever answered."""

    def __init__(
        self,
        patience_seconds: float,
        *,
        monotonic: Callable[[], float] = time.monotonic,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._patience_seconds = patience_seconds
        self._monotonic = monotonic
        self._chance = chance
        self._has_answered = False

    def deliver(self, batch: Batch[E]) -> Iterator[Post | Pause | Settled[E]]:
        """Has the batch taken, in order, in as many pieces as ingest wants; raises `NotSent`."""
        done = 0
        pieces = [batch.encoded]
        try:
            while pieces:
                piece = pieces.pop()
                answer = yield from self._answer_to(piece)
                is_too_large = answer.status_code == httpx.codes.REQUEST_ENTITY_TOO_LARGE
                if is_too_large and len(piece) > 1:
                    middle = len(piece) // 2
                    pieces += [piece[middle:], piece[:middle]]
                    continue
                verdicts = [TOO_LARGE] if is_too_large else verdicts_in(answer, len(piece))
                first, done = done, done + len(piece)
                yield list(zip(batch.events[first:done], verdicts, strict=True))
        except NotSent as error:
            error.unsent = [*batch.events[done:], *batch.following]
            raise

    def _answer_to(self, piece: Sequence[bytes]) -> Generator[Post | Pause, None, httpx.Response]:
        """The answer, once it is one that lasts; raises `Unavailable` when patience ends."""
        post = Post(b"[" + b",".join(piece) + b"]")
        started = self._monotonic()
        wait = FIRST_WAIT_SECONDS
        while True:
            yield post
            answer = post.answer
            if isinstance(answer, httpx.Response):
                self._has_answered = True
                if answer.status_code not in PASSING:
                    return answer
            flaw, problem = _flaw_of(answer)
            waited = self._monotonic() - started
            left, asked = self._patience() - waited, _retry_after(answer)
            if left <= 0 or asked > left:
                more = f"; it asks for {asked:.0f} s more" if asked else ""
                words = f"ingest has taken nothing for {waited:.0f} s: {flaw}{more}"
                raise Unavailable(words, problem)
            # up to half as long again, by chance: clients sent away together come back apart
            seconds = min(max(wait, asked) * (1 + self._chance() / 2), left)
            words = f"ingest cannot take events now ({flaw}); trying again in {seconds:.1f} s"
            yield Pause(seconds, words)
            wait = min(wait * 2, LONGEST_WAIT_SECONDS)

    def _patience(self) -> float:
        if self._has_answered:
            return self._patience_seconds
        return min(self._patience_seconds, FIRST_ANSWER_SECONDS)


def connection(ingest_url: str, key: str, signing: tuple[str, str] | None) -> dict[str, Any]:
    """What both clients tell httpx."""
    return {
        "base_url": ingest_url,
        "auth": credentials(key, signing),
        "headers": {"content-type": "application/cloudevents-batch+json"},
        "timeout": REQUEST_SECONDS,
    }


def _flaw_of(answer: Answer | None) -> tuple[str, Problem | None]:
    """What is wrong, in words; raises `Refused` for what trying again can't heal."""
    if isinstance(answer, httpx.Response):
        problem = Problem.of(answer)
        return str(problem), problem
    flaw = f"{type(answer).__name__}: {answer}"
    if isinstance(answer, LASTING):
        raise Refused(flaw)
    return flaw, None


def _retry_after(answer: Answer | None) -> float:
    """The wait that the answer asks for, by seconds or by date; 0 if it names none."""
    asked = answer.headers.get("retry-after", "") if isinstance(answer, httpx.Response) else ""
    if asked.isascii() and asked.isdecimal():
        return float(asked)
    try:
        return max(0.0, parsedate_to_datetime(asked).timestamp() - time.time())
    except ValueError:
        return 0.0
