"""The words that playbooks are written in: what may be evidence, what may begin a case."""

from typing import Annotated, get_args

from pydantic import AfterValidator, BaseModel, ConfigDict, StringConstraints

from careline_contracts.events.engagement import FollowUpRecorded
from careline_contracts.events.scoring import Need, Risk, TagName, Tier, Value
from careline_contracts.events.touchpoints import (
    CHANNEL_EVENTS,
    ContractChanged,
    OutreachAnswered,
)
from careline_contracts.payload import short_type

OUTREACH = "outreach.answered"
UNDELIVERED = f"{OUTREACH}/failed"
"""The kind of fact that an outreach reached nobody."""
ELSEWHERE = f"{OUTREACH}/elsewhere"
"""Evidence that the customer answered an outreach by what its step is `replied_by`."""
_RESULTS: tuple[str, ...] = get_args(OutreachAnswered.model_fields["result"].annotation)

CONTRACT = short_type(ContractChanged.type)
"""Evidence that something became of a contract, and `/` with its change, of what."""
_CHANGES: tuple[str, ...] = get_args(ContractChanged.model_fields["change"].annotation)

TOUCHPOINTS = {short_type(event.type): event.type for event in CHANNEL_EVENTS}
"""CloudEvents type by the name that policies use."""

VERDICTS: dict[str, tuple[str, ...]] = {
    "tier": get_args(Tier),
    "value": get_args(Value),
    "need": get_args(Need),
    "risk": get_args(Risk),
}
"""What scoring says of a customer, and the values of each."""

TAGS: frozenset[str] = frozenset(get_args(TagName))
"""What else it says, in values that nobody lists: regions, products, whom the record calls vip."""

FOLLOW_UP = "follow-up"
_FOLLOW_UPS: tuple[str, ...] = get_args(FollowUpRecorded.model_fields["result"].annotation)
_EVIDENCE = {
    *TOUCHPOINTS,
    *(f"{OUTREACH}/{name}" for name in (*_RESULTS, "cause", "offer")),
    ELSEWHERE,
    *(f"{CONTRACT}/{change}" for change in _CHANGES),
    *(f"{FOLLOW_UP}/{name}" for name in _FOLLOW_UPS),
}
TICKETS = ("ticket.opened", "ticket.resolved", "ticket.breached")
"""What may happen to a ticket, as a trigger; its number is the key `ticket`."""
MOMENT = "moment"
MOMENTS = ("birthday", "anniversary", "contract_end", "contact_due")
"""Instants that come by themselves, beside the dates that a policy names."""
_TRIGGERS = {
    *TOUCHPOINTS,
    *TICKETS,
    *(f"{name}/{to}" for name, all_ in VERDICTS.items() for to in all_),
}


def _known_evidence(kind: str) -> str:
    if kind not in _EVIDENCE:
        raise ValueError(
            f"{kind!r} is no touchpoint, answer to an outreach or result of a follow-up"
        )
    return kind


def _known_touchpoint(kind: str) -> str:
    if kind not in TOUCHPOINTS:
        raise ValueError(f"{kind!r} is no touchpoint")
    return kind


def _known_trigger(trigger: str) -> str:
    kind, _, value = trigger.partition("/")
    if trigger in _TRIGGERS or kind == MOMENT or (kind in TAGS and value):
        return trigger
    raise ValueError(
        f"{trigger!r} is no touchpoint, verdict or tag of scoring, change of a ticket or moment"
    )


Evidence = frozenset[Annotated[str, AfterValidator(_known_evidence)]]
Touchpoints = frozenset[Annotated[str, AfterValidator(_known_touchpoint)]]
Trigger = Annotated[str, AfterValidator(_known_trigger)]
Name = Annotated[str, StringConstraints(min_length=1, max_length=100, pattern=r"^[^/\s]+$")]
Text = Annotated[str, StringConstraints(min_length=1, max_length=200)]


class Part(BaseModel):
    """Frozen, and a misspelt name is refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)


class Flaw(ValueError):
    """Something wrong further down than where it was noticed: `at` leads to its line."""

    def __init__(self, text: str, *at: str | int) -> None:
        super().__init__(text)
        self.at = at
