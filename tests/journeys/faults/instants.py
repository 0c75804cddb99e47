"""What time alone brings about happens once, at its own instant: said as what differs."""

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

from careline_contracts.topics import CASE_CHANGES, CASES, SCORES, TICKET_CHANGES, TICKETS
from tests.journeys.faults.evidence import Evidence


def timers(evidence: Evidence) -> list[str]:
    """Every promise that was broken was said so once, when it was due and not before; so with
    scores, which change by time alone at the instant that was announced (I5)."""
    return [*_breaches(evidence), *_missed(evidence), *_scores(evidence)]


def _breaches(evidence: Evidence) -> Iterator[str]:
    times: Counter[tuple[Any, ...]] = Counter()
    for topic, whose, what in (
        (TICKET_CHANGES, "ticket", "target"),
        (CASE_CHANGES, "case", "step"),
    ):
        for id, said in evidence.said[topic.name].items():
            change = said.payload
            if not said.type.endswith(".breached.v1"):
                continue
            due, as_of = _instant(change["due_at"]), _instant(change["as_of"])
            if as_of < due or (said.is_by_time and as_of != due):
                yield f"{topic.name} {id}: due at {due}, said as of {as_of}"
            times[change[whose], change[what], due] += 1
    yield from (f"said {count} times: {breach}" for breach, count in times.items() if count > 1)


def _missed(evidence: Evidence) -> Iterator[str]:
    """Promises that are due, neither kept nor said to be broken."""
    for id, said in evidence.said[TICKETS.name].present():
        ticket = said.payload
        if ticket["status"] == "open":
            for clock in ticket["clocks"]:
                if _is_missed(clock, ("stopped_at",), evidence.clock):
                    yield f"ticket {id}: {clock}"
    for id, said in evidence.said[CASES.name].present():
        case = said.payload
        if case["status"] == "open":
            for step in case["steps"].values():
                # what we asked a channel to send is kept by asking: then its own deadline runs
                if _is_missed(step, ("done_at", "sent_at"), evidence.clock):
                    yield f"case {id}: {step}"


def _is_missed(promise: dict[str, Any], kept: Sequence[str], now: datetime) -> bool:
    is_settled = any(promise.get(name) for name in (*kept, "breached_at"))
    return not is_settled and _instant(promise["due_at"]) <= now


def _scores(evidence: Evidence) -> Iterator[str]:
    announced: dict[str, str | None] = {}
    for id, said in evidence.said[SCORES.name].items():
        score = said.payload
        expected = announced.get(said.key)
        if said.is_by_time and score["as_of"] != expected:
            yield f"score {id}: by time alone at {score['as_of']}, announced for {expected}"
        announced[said.key] = score.get("next_change_at")


def _instant(text: str) -> datetime:
    return datetime.fromisoformat(text)
