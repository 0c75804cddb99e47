"""What a channel system says became of outreach: on a topic of its own, as the load's events go by.

The numbers of those whom it names are known before the run: a customer's number is made of the
identity with which the customer began. So an answer is the same in every run, whoever asked.
"""

from collections.abc import Iterable, Iterator
from typing import Literal

from careline_contracts.envelope import Envelope, Record, to_headers
from careline_contracts.events.touchpoints import Identity, OutreachAnswered
from careline_contracts.topics import RAW
from careline_profile.rules import customer_number
from careline_runtime.keyring import Keyring
from tests.journeys.faults.load import ROAMS_EVERY, Loaded

EVERY = 10
"""One event of so many of a customer comes with an answer."""

SOURCE = "/load/outreach"
RESULTS: tuple[Literal["delivered", "replied", "read", "failed", "opted_out"], ...] = (
    "delivered",
    "replied",
    "read",
    "failed",
    "opted_out",
)


def answers_to(arrived: Iterable[Loaded], keyring: Keyring) -> Iterator[Record]:
    """Answers of the instants of these events, of a sender's duplicate once more.

    Customers who roam have none: with which identity they began differs from run to run.
    """
    for loaded in arrived:
        if loaded.customer < 0 or loaded.customer % ROAMS_EVERY == 0:
            continue
        place, which = divmod(int(loaded.id.partition("-")[2]), EVERY)
        if which == loaded.customer % EVERY:
            yield _answer(loaded, place, keyring)


def ref(identity: Identity, keyring: Keyring) -> str:
    """The token that stands for an identity."""
    return f"{identity.kind}:{keyring.token(identity.kind, identity.value)}"


def _answer(loaded: Loaded, place: int, keyring: Keyring) -> Record:
    number = customer_number(ref(loaded.event.identities[0], keyring))
    result = RESULTS[place % len(RESULTS)]
    answered = OutreachAnswered(request=f"asked-{loaded.id}", customer=number, result=result)
    at = loaded.occurred_at
    headers = to_headers(Envelope(f"{loaded.id}-answer", SOURCE, answered.type, at, at))
    return Record(RAW["sms"].name, number, headers, answered.to_json())
