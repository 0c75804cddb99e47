"""Special care (TAG-4): how a customer is to be handled, as scoring had said by an instant."""

from collections.abc import Sequence
from datetime import datetime
from typing import cast

from careline_contracts.events.scoring import Handling
from careline_contracts.events.touchpoints import ContactChannel
from careline_engagement.model import Case, Family
from careline_engagement.policy.steps import OutreachStep


def handling_of(family: Family, number: str, at: datetime) -> Sequence[Handling]:
    """What scoring's tag `handling` says."""
    return cast(Sequence[Handling], family.tag(number, "handling", at))


def is_at_once(family: Family, number: str, at: datetime) -> bool:
    """Whether a person is to be there for the customer at once, and no machine."""
    return "person_at_once" in handling_of(family, number, at)


def channel_of(step: OutreachStep, case: Case, family: Family, at: datetime) -> ContactChannel:
    """Over what a case contacts its customer, by an outreach that is asked for at `at`."""
    at_once = step.person is not None and is_at_once(family, case.number, at)
    return step.channel_for(case.tier, at_once=at_once)
