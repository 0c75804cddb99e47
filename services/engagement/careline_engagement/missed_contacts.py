"""What engagement says when nobody contacted a customer in time (CARE-2)."""

from collections.abc import Iterable
from datetime import UTC

from careline_contracts.events.engagement import ContactMissed, ReminderRaised
from careline_contracts.topics import REMINDERS
from careline_engagement import metrics
from careline_engagement.rules import Book
from careline_engagement.rules.moments import Missed
from careline_runtime.unit_of_work import Unit


def announce_missed(unit: Unit, missed: Iterable[Missed], book: Book) -> None:
    """Says that nobody contacted customers in time; for whom somebody answers, it is escalated."""
    for gap in missed:
        id = f"{gap.customer}-contact-missed-{gap.at.astimezone(UTC):%Y%m%dT%H%M%S}"
        said = ContactMissed(
            customer=gap.customer,
            tier=gap.tier,
            as_of=gap.at,
            due_at=gap.due_at,
            last_contact_at=gap.last_contact_at,
            owner=gap.owner,
            policy_version=book.at(gap.at).version,
        )
        unit.say(REMINDERS, said, key=gap.customer, id=id, recorded_at=gap.at)
        if gap.owner:
            reminder = ReminderRaised(
                customer=gap.customer,
                to="supervisor",
                about=f"customer {gap.customer}",
                reason=f"{gap.owner} 未按时联系 {gap.tier} 客户 / "
                f"{gap.owner} did not contact a {gap.tier} customer in time",
                due_at=gap.due_at,
            )
            unit.say(REMINDERS, reminder, key=gap.customer, id=f"{id}-reminder", recorded_at=gap.at)
        unit.after_commit(metrics.contacts_missed.labels(gap.tier or "none").inc)
