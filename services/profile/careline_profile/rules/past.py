"""Who was one customer, as far as it was known at an instant (REC-5).

An identity belongs to whom its latest move that was known then says. Moves are only added, and none
becomes known at an instant that somebody has asked about (docs/decisions/0015): so an answer stays.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import NamedTuple

from careline_profile.model import Ref
from careline_profile.rules.names import customer_number


class Moved(NamedTuple):
    """An identity went from one customer to another; `move` counts."""

    move: int
    customer: str
    previous: str
    known_at: datetime


class Membership(NamedTuple):
    """All that is known of whose an identity is and was."""

    ref: Ref
    customer: str
    """Now."""
    since: datetime
    """When it was first recorded."""
    known_at: datetime
    """When that was known."""
    moves: Sequence[Moved] = ()
    """In order."""

    def customer_at(self, known_at: datetime) -> str | None:
        """Whose it was, as far as was known; None if it wasn't."""
        customers = self.customers_until(known_at)
        return customers[-1] if customers else None

    def customers_until(self, known_at: datetime) -> list[str]:
        """All whose it had been, as far as was known."""
        if self.known_at > known_at:
            return []
        first = self.moves[0].previous if self.moves else self.customer
        return [first, *(moved.customer for moved in self.moves if moved.known_at <= known_at)]


class Past(NamedTuple):
    """A customer as it was known."""

    number: str
    aliases: list[str]
    members: list[Membership]


def owner_of(number: str, memberships: Iterable[Membership], known_at: datetime) -> str | None:
    """To whom a number led, as far as was known: to whom the identity belonged that it began with.

    None if nobody had the number yet.
    """
    for membership in memberships:
        if customer_number(membership.ref) == number:
            customers = membership.customers_until(known_at)
            return customers[-1] if number in customers else None
    return None


def as_known(number: str, memberships: Iterable[Membership], known_at: datetime) -> Past:
    """The customer with this number: who belonged to it, and by which other numbers it went."""
    members = [m for m in memberships if m.customer_at(known_at) == number]
    numbers = {customer_number(m.ref): m.customers_until(known_at) for m in members}
    aliases = [alias for alias, customers in numbers.items() if alias in customers]
    return Past(number, sorted({*aliases} - {number}), members)
