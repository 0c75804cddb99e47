"""What an identity, a customer and a link are called, and which identities of an event count."""

from collections.abc import Iterable
from hashlib import blake2b

from careline_profile.model import LinkRules, Pair, Ref

CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
NUMBER_CHARACTERS = 12
"""60 bits: two of a hundred million customers share a number with a chance of 0.4 %, and the
second is then refused by the database, not mixed with the first."""

TOKEN_LENGTH = 32


def kind_of(ref: Ref) -> str:
    """The kind of identity that `ref` names."""
    return ref[: ref.index(":")]


def token_of(ref: Ref) -> str:
    """The token that stands for the value of an identity: no other has it, of no kind."""
    return ref[-TOKEN_LENGTH:]


def customer_number(ref: Ref) -> str:
    """The number of the customer that begins with this identity: the same in every replay."""
    return "C" + _short(ref)


def link_name(link: Pair) -> str:
    """What people call the link of two identities, in the review queue and to cut it."""
    return "L" + _short("\x00".join(link))


def usable(refs: Iterable[Ref], rules: LinkRules) -> tuple[Ref, ...]:
    """The identities that an event is attached and linked by.

    Placeholders are none. Weak and shared ones count only where there is no other, and then only
    the first: two people who share a device stay two.
    """
    named = tuple(dict.fromkeys(ref for ref in refs if ref not in rules.blocked))
    if len(named) < 2:
        return named
    strong = tuple(ref for ref in named if is_strong(ref, rules))
    return strong or named[:1]


def is_strong(ref: Ref, rules: LinkRules) -> bool:
    """Whether an identity may tell who somebody is."""
    return (
        kind_of(ref) not in rules.weak_kinds
        and ref not in rules.shared
        and ref not in rules.blocked
    )


def _short(text: str) -> str:
    hashed = int.from_bytes(blake2b(text.encode(), digest_size=8).digest())
    return "".join(
        CROCKFORD[hashed >> 5 * place & 31] for place in reversed(range(NUMBER_CHARACTERS))
    )
