"""What ingest answers: a verdict for each event, or a problem with the request as a whole."""

from collections.abc import Sequence
from typing import Any, Literal, NamedTuple, Self, get_args

import httpx

from careline_client.events import Event

Status = Literal["accepted", "duplicate", "rejected"]


class Verdict(NamedTuple):
    """What ingest says about one event; code, pointer and detail say why it is rejected."""

    status: Status
    code: str = ""
    pointer: str = ""
    """A JSON pointer into the event."""
    detail: str = ""


TOO_LARGE = Verdict("rejected", "too_large", "", "larger than ingest takes")


class Problem(NamedTuple):
    """RFC 9457, as far as the answer has it."""

    status: int
    title: str = ""
    detail: str = ""
    code: str = ""

    @classmethod
    def of(cls, answer: httpx.Response) -> Self:
        """The problem that the answer tells of."""
        try:
            told = answer.json()
            words = [str(told.get(name) or "") for name in ("title", "detail", "code")]
        except (ValueError, AttributeError):
            words = []
        return cls(answer.status_code, *words)

    def __str__(self) -> str:
        return f"{self.status} {self.detail or self.title}".strip()


class NotSent(Exception):
    """Ingest has not taken everything: the kinds below say why, `unsent` has what is left."""

    def __init__(self, text: str, problem: Problem | None = None) -> None:
        super().__init__(text)
        self.problem = problem
        """Ingest's last answer, if it gave one."""
        self.unsent: Sequence[Event] = ()
        """What was taken from the caller's events and not answered, in order."""
        self.verdicts: Sequence[Verdict] = ()
        """What `publish_all` had been answered before, in order."""


class Unavailable(NotSent):
    """Patience has ended; sent again later, the same events may be taken."""


class NotLetIn(NotSent):
    """The key or signature is missing, wrong or not for this (401, 403)."""


class Refused(NotSent):
    """An answer that the same request would get again."""


def verdicts_in(answer: httpx.Response, count: int) -> list[Verdict]:
    """The verdicts on `count` events, in order; raises `NotLetIn` or `Refused`."""
    if not answer.is_success:
        problem = Problem.of(answer)
        kind = NotLetIn if answer.status_code in {401, 403} else Refused
        raise kind(f"ingest refuses the batch: {problem}", problem)
    try:
        verdicts = [_verdict(item) for item in answer.json()]
    except (ValueError, TypeError, KeyError, AttributeError):
        raise Refused("ingest's answer is not a list of verdicts: is it a careline?") from None
    if len(verdicts) != count:
        raise Refused(f"ingest gave {len(verdicts)} verdicts for {count} events")
    return verdicts


def _verdict(item: dict[str, Any]) -> Verdict:
    if item["status"] not in get_args(Status):
        raise ValueError(item["status"])
    words = (item.get(name) or "" for name in ("code", "pointer", "detail"))
    return Verdict(item["status"], *words)
