"""Delivers outreach: by mail over SMTP, by anything else to a webhook. Once, in time, and answered.

A reference to copy from. It shows what Careline asks of a channel system: the request's id is the
idempotency key; what has expired is dropped and answered `failed`; `$name` is filled in here, where
the customer is known; and the answer goes back as `careline.outreach.answered.v1`.
"""

import smtplib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from email.message import EmailMessage
from pathlib import Path
from string import Template

import httpx

from careline_client import Event, event
from careline_contracts.events.engagement import OutreachRequested
from careline_contracts.events.touchpoints import OutreachAnswered

SOURCE = "/example/outreach-adapter"
WEBHOOK_SECONDS = 10.0


@dataclass(frozen=True)
class Person:
    """Whom a message is for, as the channel system knows them."""

    name: str
    email: str = ""


class Sent:
    """Which requests were delivered: one id a line, so that a restart sends nothing twice."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._ids = set(path.read_text("utf-8").split("\n")) if path.exists() else set()

    def __contains__(self, id: str) -> bool:
        return id in self._ids

    def add(self, id: str) -> None:
        self._ids.add(id)
        with self._path.open("a", encoding="utf-8") as file:
            file.write(f"{id}\n")


@dataclass(frozen=True)
class Adapter:
    """A channel system in a hundred lines."""

    person_of: Callable[[str], Person | None]
    """Who a customer number is: your own system, or profile's API with its audit."""
    smtp: tuple[str, int]
    sender: str
    webhook: str
    sent: Sent

    def deliver(self, id: str, request: OutreachRequested, now: datetime) -> Iterator[Event]:
        """Delivers a request that was not delivered yet; yields what to say of it."""
        if id in self.sent:
            return
        person = self.person_of(request.customer)
        if person is None or (request.expires_at is not None and request.expires_at <= now):
            yield _answer(id, request, "failed", now)
            return
        try:
            if request.channel == "email":
                self._mail(id, request, person)
            else:
                self._post(id, request, person)
        except (OSError, smtplib.SMTPException, httpx.HTTPError):
            yield _answer(id, request, "failed", now)
            return
        self.sent.add(id)
        yield _answer(id, request, "delivered", now)

    def _mail(self, id: str, request: OutreachRequested, person: Person) -> None:
        message = EmailMessage()
        message["From"], message["To"] = self.sender, person.email
        message["Subject"] = _filled(request.subject or request.script, person)
        message["Message-ID"] = f"<{id}@careline.example>"
        message.set_content(_filled(request.body or "", person))
        with smtplib.SMTP(*self.smtp, timeout=WEBHOOK_SECONDS) as server:
            server.send_message(message)

    def _post(self, id: str, request: OutreachRequested, person: Person) -> None:
        order = {
            "channel": request.channel,
            "customer": request.customer,
            "text": _filled(request.body or "", person),
            "expires_at": request.expires_at.isoformat() if request.expires_at else None,
        }
        headers = {"idempotency-key": id}
        answer = httpx.post(self.webhook, json=order, headers=headers, timeout=WEBHOOK_SECONDS)
        answer.raise_for_status()


def _filled(text: str, person: Person) -> str:
    return Template(text).safe_substitute(name=person.name)


def _answer(id: str, request: OutreachRequested, result: str, now: datetime) -> Event:
    answered = OutreachAnswered.model_validate(
        {"request": id, "customer": request.customer, "result": result}
    )
    return event(answered, id=f"{id}-{result}", source=SOURCE, occurred_at=now)
