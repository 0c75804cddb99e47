"""Which customer an event belongs to, and what its identities do to customers (REC-1, REC-2).

Without conflicts the result is the connected components of all links, whatever the order: a link
is only ever a union. Where a rule keeps two customers apart, the link that came first stands and
the later one is held for a person.
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from hashlib import blake2b

from careline_profile.model import (
    Attachment,
    Change,
    Created,
    Customer,
    Graph,
    Linked,
    LinkRules,
    Merged,
    Pair,
    Reason,
    Ref,
    Refused,
    pair,
)

CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
NUMBER_CHARACTERS = 12
"""60 bits: two of a hundred million customers share a number with a chance of 0.4 %, and the
second is then refused by the database, not mixed with the first."""


def kind_of(ref: Ref) -> str:
    """The kind of identity that `ref` names."""
    return ref[: ref.index(":")]


def customer_number(ref: Ref) -> str:
    """The number of the customer that begins with this identity: the same in every replay."""
    hashed = int.from_bytes(blake2b(ref.encode(), digest_size=8).digest())
    return "C" + "".join(
        CROCKFORD[hashed >> 5 * place & 31] for place in reversed(range(NUMBER_CHARACTERS))
    )


def usable(refs: Iterable[Ref], rules: LinkRules) -> tuple[Ref, ...]:
    """The identities that an event is attached and linked by.

    Placeholders are none. Weak ones count only where there is no other, and then only the first:
    two people who share a device stay two.
    """
    named = tuple(dict.fromkeys(ref for ref in refs if ref not in rules.blocked))
    if len(named) < 2:
        return named
    strong = tuple(ref for ref in named if kind_of(ref) not in rules.weak_kinds)
    return strong or named[:1]


def attach(refs: Sequence[Ref], graph: Graph, rules: LinkRules, *, at: datetime) -> Attachment:
    """Attaches an event with these `usable` identities, and brings `graph` up to date.

    `at` is when the event was recorded. The event belongs to the customer of its first identity.
    """
    first = refs[0]
    known = graph.find(first)
    if known is not None and all(graph.find(other) == known for other in refs[1:]):
        return Attachment(known, first, ())
    changes: list[Change] = []
    # known ones first: a new identity joins them, instead of making a customer that is merged away
    for other in sorted(refs[1:], key=lambda ref: graph.find(ref) is None):
        changes += _link(first, other, graph, rules, at)
    customer = graph.find(first)
    if customer is None:
        created = _create(first, graph, at)
        changes.append(created)
        customer = created.customer
    return Attachment(customer, first, tuple(changes))


def _link(first: Ref, other: Ref, graph: Graph, rules: LinkRules, at: datetime) -> Iterator[Change]:
    here, there = graph.find(first), graph.find(other)
    link = pair(first, other)
    if (here is not None and here == there) or link in graph.held:
        return
    if apart := _why_apart(_refs(first, graph), _refs(other, graph), rules):
        for ref in (first, other):
            if graph.find(ref) is None:
                yield _create(ref, graph, at)
        yield _refuse(link, graph.customer_of(first), graph.customer_of(other), graph, *apart)
        return
    if here is None and there is None:
        yield _create(first, graph, at)
        here = graph.find(first)
    if here is None:
        yield _join(first, graph.customer_of(other), graph)
    elif there is None:
        yield _join(other, graph.customer_of(first), graph)
    else:
        yield _merge(graph.customers[here], graph.customers[there], graph)


def _why_apart(
    here: set[Ref], there: set[Ref], rules: LinkRules
) -> tuple[Reason, str | None] | None:
    """What keeps the customers of these identities from being one, if anything does."""
    both = here | there
    kinds = [kind_of(ref) for ref in both]
    for kind in sorted(rules.single_valued_kinds):
        if kinds.count(kind) > 1:
            return "single_valued_conflict", kind
    if len(both) > rules.max_identities:
        return "component_too_large", None
    return None


def _refs(ref: Ref, graph: Graph) -> set[Ref]:
    number = graph.find(ref)
    return {ref} if number is None else graph.customers[number].refs


def _create(ref: Ref, graph: Graph, at: datetime) -> Created:
    number = customer_number(ref)
    graph.customers[number] = Customer(number, version=1, created_at=at, refs={ref})
    graph.labels[ref] = number
    return Created(number, 1, ref)


def _join(ref: Ref, customer: Customer, graph: Graph) -> Linked:
    customer.refs.add(ref)
    graph.labels[ref] = customer.number
    return Linked(customer.number, _advance(customer), ref)


def _merge(one: Customer, other: Customer, graph: Graph) -> Merged:
    """The oldest stays: the number that most people, tickets and letters already name."""
    survivor, absorbed = sorted((one, other), key=lambda c: (c.created_at, c.number))
    numbers = (absorbed.number, *sorted(absorbed.aliases))
    survivor.refs |= absorbed.refs
    survivor.aliases.update(numbers)
    absorbed.merged_into = survivor.number
    absorbed.refs, absorbed.aliases = set(), set()
    _advance(absorbed)
    graph.survivors[absorbed.number] = survivor.number
    return Merged(survivor.number, _advance(survivor), numbers)


def _refuse(
    link: Pair, customer: Customer, other: Customer, graph: Graph, reason: Reason, kind: str | None
) -> Refused:
    graph.held.add(link)
    return Refused(customer.number, _advance(customer), other.number, link, reason, kind)


def _advance(customer: Customer) -> int:
    customer.version += 1
    return customer.version
