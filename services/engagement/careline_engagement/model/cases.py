"""A case, its steps, and the moves that it is made of."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Literal, NamedTuple

from careline_contracts.events.scoring import Tier

Outcome = Literal["opened", "held_out", "condition_unmet", "case_open", "cool_down", "superseded"]
"""What an entry led to: a case, one that is only measured, or why none."""


class Step(NamedTuple):
    """One step of a case and what has been said about it."""

    began_at: datetime
    due_at: datetime | None = None
    done_at: datetime | None = None
    breached_at: datetime | None = None
    sent_at: datetime | None = None
    held_until: datetime | None = None
    suppressed_at: datetime | None = None
    detail: str = ""

    @property
    def instants(self) -> Sequence[datetime]:
        """When something was said of it."""
        offer_at = self.held_until if self.due_at else None
        said = (self.began_at, self.done_at, self.breached_at, self.sent_at, self.suppressed_at)
        return [at for at in (*said, offer_at) if at is not None]

    @property
    def is_waiting(self) -> bool:
        """Whether it is an outreach for which there was no room yet."""
        asked = self.due_at is None and self.held_until is not None
        return asked and self.sent_at is None and self.suppressed_at is None


MoveKind = Literal[
    "opened",
    "begun",
    "passed",
    "held",
    "sent",
    "suppressed",
    "offer_held",
    "offer_refused",
    "done",
    "breached",
    "handed_over",
    "closed",
    "revised",
]
SILENT: frozenset[MoveKind] = frozenset({"begun", "passed", "sent"})
"""No change of the case for others: what they bring about is said elsewhere."""


class Move(NamedTuple):
    """One change of a case, at its instant. The future ones may still come otherwise."""

    at: datetime
    kind: MoveKind
    subject: str
    """The step; of an opening or ending, the status; of a hand-over, who has the work now."""
    detail: str = ""
    """What was found or offered; of an ending, suppression or hand-over, its reason."""
    event_id: str = ""
    """Of the event that caused it; empty when time did."""
    until: datetime | None = None
    """When the step is due; of what is held or suppressed, when there would be room; of an offer
    that may not be made, its own instant."""


class Case(NamedTuple):
    """A run of a playbook for a customer, with everything that has been said about it."""

    id: str
    number: str
    """The customer's when the case opened; `Family.holder` knows the present one."""
    playbook: str
    digest: str
    """Of the wording of the playbook that it runs on."""
    trigger: str
    key: str
    tier: Tier | None
    reasons: tuple[str, ...]
    opened_at: datetime
    ends_at: datetime
    steps: Mapping[str, Step]
    policy_version: str
    version: int = 1
    status: str = "open"
    closed_at: datetime | None = None
    closed_reason: str = ""
    traceparent: str = ""
    """Of the event that opened it."""
    held_out: bool = False
    """Left alone, to see what happens without the playbook."""
    owner: str = ""
    """Who has its open work, if it asks something of the account manager and there is one."""
    owned_since: datetime | None = None
    """Of the last hand-over."""

    @property
    def is_open(self) -> bool:
        return self.closed_at is None

    @property
    def moved_at(self) -> datetime:
        """When something was said of it last."""
        steps = self.steps.values()
        return max([self.opened_at, *(at for step in steps for at in step.instants)])

    @property
    def revision(self) -> str:
        """A name for what it is now; of moves that nobody is told of, only the steps know."""
        fields = (value for step in self.steps.values() for value in step)
        return f"{self.version}-{sum(isinstance(value, datetime) for value in fields)}"

    @property
    def is_breached(self) -> bool:
        """Whether any step was missed."""
        return any(step.breached_at for step in self.steps.values())

    def after(self, move: Move) -> "Case":
        """The case once `move` has been said."""
        version = self.version + (move.kind not in SILENT)
        match move.kind:
            case "closed":
                return self._replace(
                    version=version,
                    status=move.subject,
                    closed_at=move.at,
                    closed_reason=move.detail,
                )
            case "handed_over":
                return self._replace(version=version, owner=move.subject, owned_since=move.at)
            case _:
                moved = _moved(self.steps.get(move.subject), move)
                return self._replace(version=version, steps={**self.steps, move.subject: moved})


def _moved(step: Step | None, move: Move) -> Step:
    began_at = move.until if move.kind == "passed" and move.until else move.at
    step = step or Step(began_at, due_at=move.until if move.kind in ("begun", "sent") else None)
    match move.kind:
        case "done" | "passed":
            return step._replace(done_at=move.at, detail=move.detail)
        case "breached":
            return step._replace(breached_at=move.at)
        case "held" | "offer_held" | "offer_refused":
            return step._replace(held_until=move.until, detail=move.detail)
        case "sent":
            return step._replace(sent_at=move.at, due_at=move.until, detail="")
        case "suppressed":
            return step._replace(suppressed_at=move.at, detail=move.detail)
        case _:
            return step
