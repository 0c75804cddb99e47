"""What becomes of an offer: a small one is the agent's own to make, a larger one a supervisor's.

Each offer that may not be made is said, and so is each refusal: whoever offers something else then
begins anew. A supervisor's word is about the last offer that was made before it.
"""

from collections.abc import Iterable
from datetime import datetime

from careline_contracts.events.scoring import Tier
from careline_engagement.model import Case, Fact, Move, MoveKind, Step
from careline_engagement.policy.steps import OfferStep

APPROVED = "offer.approved"
REFUSED = "offer.refused"
"""The kinds of fact by which a supervisor lets an offer pass, or not."""

NEEDS_APPROVAL = "needs_approval"
ABOVE_LIMIT = "above_limit"
"""What stands against an offer. Above the limit nobody may let it pass."""


def offered(
    step: OfferStep, said: Step | None, at: datetime, case: Case, evidence: Iterable[Fact]
) -> tuple[list[Move], Fact | None]:
    """What isn't said yet of offers that may not be made, and the first one that may."""
    moves: list[Move] = []
    held: Fact | None = None
    done: Fact | None = None
    reason = ""
    for fact in evidence:
        if fact.happened_at <= at:
            continue
        if fact.kind in step.done_by:
            held, reason = fact, _against(step, fact.amount_minor, case.tier)
            if not reason:
                done = fact
                break
            moves.append(_move("offer_held", step, fact, f"{reason} {fact.amount_minor}"))
        elif held is None or fact.request != case.id:
            continue
        elif fact.kind == REFUSED:
            moves.append(_move("offer_refused", step, fact, f"refused {held.amount_minor}"))
            held = None
        elif fact.kind == APPROVED and reason == NEEDS_APPROVAL:
            done = fact._replace(detail=held.detail)
            break
    told_at = said.held_until if said else None
    return [move for move in moves if told_at is None or move.at > told_at], done


def waiting_for(case: Case) -> str | None:
    """What stands against an offer of a case that is neither made nor refused; None: no such."""
    reasons = (step.detail.split()[0] for step in case.steps.values() if _is_held(step))
    return next(reasons, None) if case.is_open else None


def _is_held(step: Step) -> bool:
    """Whether it is an offer of which it is open whether it may be made."""
    is_offer = step.due_at is not None and step.sent_at is None and step.held_until is not None
    return is_offer and step.done_at is None and not step.detail.startswith("refused")


def _against(step: OfferStep, amount_minor: int, tier: Tier | None) -> str:
    limit = step.limit_minor.get(tier, 0) if tier else 0
    if amount_minor > limit:
        return ABOVE_LIMIT
    return NEEDS_APPROVAL if amount_minor > step.approval_above_minor else ""


def _move(kind: MoveKind, step: OfferStep, fact: Fact, detail: str) -> Move:
    return Move(fact.at, kind, step.step, detail, fact.event_id, until=fact.at)
