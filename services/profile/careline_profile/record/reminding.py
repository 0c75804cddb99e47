"""REC-6: what makes the account manager look at a record again."""

from careline_contracts.envelope import Envelope
from careline_contracts.events.ingest import Touchpoint
from careline_contracts.events.touchpoints import ComplaintRaised, ContractChanged
from careline_profile.model import Ref, Reminder

CAUSES = {ContractChanged.type: "contract_changed", ComplaintRaised.type: "complaint_raised"}


def reminder_of(cause: Envelope, touchpoint: Touchpoint, ref: Ref) -> Reminder | None:
    """What the touchpoint reminds of, if it is one that does."""
    word = CAUSES.get(cause.type)
    if word is None:
        return None
    reference = touchpoint.body.get("contract") or touchpoint.body.get("reference")
    return Reminder(cause.event_key, ref, word, reference, cause.occurred_at)
