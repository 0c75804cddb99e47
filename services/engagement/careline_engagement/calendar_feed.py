"""An owner's calendar as iCalendar (RFC 5545): a contact that is due, a task with its deadline.

Customers are named by number: who subscribes to a feed may pass it on.
"""

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta

from icalendar import Calendar, Event

from careline_engagement.rules.agenda import Agenda

LASTS = timedelta(minutes=30)
HIGHEST = 1
"""RFC 5545 counts down from 9."""


def written(owner: str, agendas: Iterable[Agenda], now: datetime) -> bytes:
    """What falls to an owner: their customers', and those of whom they stand in for."""
    calendar = Calendar()
    calendar.add("prodid", "-//careline//engagement//EN")
    calendar.add("version", "2.0")
    calendar.add("name", f"Careline: {owner}")
    calendar.add("x-wr-calname", f"Careline: {owner}")  # by which most programs call it
    for agenda in agendas:
        for event in _events(owner, agenda, now):
            if agenda.handling:
                event.add("categories", agenda.handling)
            if "priority_lane" in agenda.handling:
                event.add("priority", HIGHEST)
            calendar.add_component(event)
    text: bytes = calendar.to_ical()
    return text


def _events(owner: str, agenda: Agenda, now: datetime) -> Iterator[Event]:
    customer = agenda.customer
    if agenda.next_contact_at is not None and agenda.next_contact_by == owner:
        summary = f"联系客户 / Contact {customer} ({agenda.tier})"
        yield _event(f"{customer}-contact", agenda.next_contact_at, summary, now)
    for task in (task for task in agenda.open if task.owner == owner):
        summary = f"{task.what or f'{task.playbook}: {task.step}'}, {customer}"
        event = _event(f"{task.case}-{task.step}", task.due_at, summary, now)
        event.add("description", f"case {task.case}")
        yield event


def _event(uid: str, at: datetime, summary: str, now: datetime) -> Event:
    event = Event()
    event.add("uid", f"{uid}@careline")
    event.add("dtstamp", now)
    event.add("dtstart", at)
    event.add("dtend", at + LASTS)
    event.add("summary", summary)
    return event
