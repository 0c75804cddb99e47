"""How the customers that are known become what `partition` says, event by event.

What differs is said as few changes: customers split where links no longer hold them together, then
those that belong together merge, and new identities join. A number goes with the identity that it
began with; the oldest number of a customer is its own, the others are aliases.
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime

from careline_contracts.events.profile import Move
from careline_profile.model import (
    Attachment,
    Change,
    Created,
    Customer,
    Evidence,
    Graph,
    Held,
    Judged,
    Known,
    Linked,
    LinkRules,
    Merged,
    Pair,
    Part,
    Redirected,
    Ref,
    Refused,
    Split,
    Verdict,
    pair,
)
from careline_profile.rules.names import customer_number
from careline_profile.rules.partition import contradictions, partition


def attach(
    refs: Sequence[Ref], graph: Graph, rules: LinkRules, *, evidence: Evidence, at: datetime
) -> Attachment:
    """Attaches an event with these `usable` identities, and brings `graph` up to date.

    `at` is when the event was recorded. The event belongs to the customer of its first identity.
    """
    first = refs[0]
    if graph.stirred.isdisjoint(refs) or not _learn(refs, graph, rules, evidence):
        return Attachment(graph.owners[first], first, ())
    changes = tuple(_settle(refs, graph, rules, at))
    return Attachment(graph.owners[first], first, changes)


def approval(link: Pair, graph: Graph, rules: LinkRules, *, at: datetime) -> Verdict:
    """The verdict that two customers are one, in spite of what contradicts it now, no more."""
    here, there = (graph.customers[graph.owners[ref]].refs for ref in link)
    return Verdict(True, at, frozenset(contradictions(here, there, rules)))


def judge(link: Pair, verdict: Verdict, graph: Graph, rules: LinkRules) -> tuple[Change, ...]:
    """A person's verdict on a known link, and what it changes."""
    graph.add_verdict(link, verdict)
    customer = graph.customers[graph.owners[link[0]]]
    judged = Judged(
        customer.number,
        _advance(customer, graph),
        graph.owners[link[1]],
        link,
        verdict,
        link in graph.held,
    )
    return (judged, *_settle(link, graph, rules, verdict.decided_at))


def settle(
    refs: Sequence[Ref], graph: Graph, rules: LinkRules, *, at: datetime
) -> tuple[Change, ...]:
    """Makes the customers of known identities what the rules, which may have changed, say."""
    return tuple(_settle(refs, graph, rules, at))


def _learn(refs: Sequence[Ref], graph: Graph, rules: LinkRules, evidence: Evidence) -> bool:
    """Whether an event tells anything new: an identity, a link, or that a link is older."""
    first = refs[0]
    is_news = any(ref not in graph.owners for ref in refs)
    for other in refs[1:]:
        link = pair(first, other)
        known = graph.links.get(link)
        if link in graph.stirring and (known is None or evidence < known):
            graph.add_link(link, evidence)
            is_news = True
    graph.shared.update(ref for ref in refs if graph.link_count(ref) > rules.max_links_per_value)
    return is_news


def _settle(seeds: Sequence[Ref], graph: Graph, rules: LinkRules, at: datetime) -> Iterator[Change]:
    """Makes everything that hangs together with `seeds` what the rules say it is."""
    tangle = graph.tangle(seeds)
    links = graph.links_among(tangle)
    verdicts = {link: graph.verdicts[link] for link in graph.verdicts.keys() & links.keys()}
    groups, held = partition(tangle, links, verdicts, graph.shared, rules)
    for number in sorted({graph.owners[ref] for ref in tangle if ref in graph.owners}):
        yield from _split(graph.customers[number], groups, graph, at)
    # the event's own first, in its order
    in_order = {id(groups[ref]): groups[ref] for ref in (*seeds, *sorted(tangle))}
    for group in in_order.values():
        yield from _gather(group, seeds, graph, at)
    yield from _hold(held, links, seeds[0], graph)


def _split(
    customer: Customer, groups: dict[Ref, set[Ref]], graph: Graph, at: datetime
) -> Iterator[Split]:
    found = {id(groups[ref]): groups[ref] for ref in customer.refs}
    if len(found) < 2:
        return
    parts = sorted((group & customer.refs for group in found.values()), key=min)
    founders = {customer_number(ref): ref for ref in customer.refs}
    moves: list[Move] = []
    others: list[Customer] = []
    for part in parts:
        number = _number_of(part, graph)
        if number == customer.number:
            continue
        # a number of its own again, or for the first time
        other = graph.customers.get(number) or Customer(number, 0, at)
        graph.customers[number] = other
        other.merged_into = None
        others.append(other)
        customer.refs -= part
        moves += _move(part, other, graph)
    aliases = {customer.number, *customer.aliases, *(other.number for other in others)}
    customer.aliases = set()
    redirected: list[Redirected] = []
    for number in sorted(aliases):
        founder = founders.get(number)
        owner = graph.customers[graph.owners[founder]] if founder else customer
        moves += _move_number(number, founder, owner, graph) if owner is not customer else ()
        if number == owner.number:
            continue
        owner.aliases.add(number)
        alias = graph.customers[number]
        if alias.merged_into != owner.number:
            alias.merged_into = owner.number
            redirected.append(Redirected(number, _advance(alias, graph), owner.number))
    everyone = (customer, *sorted(others, key=lambda other: other.number))
    yield Split(
        tuple(Part(c.number, _advance(c, graph)) for c in everyone),
        tuple(redirected),
        tuple(moves),
    )


def _number_of(part: Iterable[Ref], graph: Graph) -> str:
    """The oldest number that began with one of these, or the one that the oldest gives."""
    numbers = (customer_number(ref) for ref in part)
    given = [graph.customers[number] for number in numbers if number in graph.customers]
    if given:
        return min(given, key=_age).number
    return customer_number(min(part, key=lambda ref: (graph.known[ref].since, ref)))


def _gather(
    group: set[Ref], seeds: Sequence[Ref], graph: Graph, at: datetime
) -> Iterator[Created | Linked | Merged]:
    """Makes one customer of a group."""
    found = {graph.owners[ref] for ref in group if ref in graph.owners}
    new = [ref for ref in dict.fromkeys(seeds) if ref in group and ref not in graph.owners]
    customers = sorted((graph.customers[number] for number in found), key=_age)
    if not customers:
        first, *new = new
        yield _create(first, graph, at)
        customers = [graph.customers[graph.owners[first]]]
    survivor, *absorbed = customers
    for customer in absorbed:
        yield _merge(survivor, customer, graph)
    for ref in new:
        yield _join(ref, survivor, graph, at)


def _age(customer: Customer) -> tuple[datetime, str]:
    """The oldest stays: the number that most people, tickets and letters already name."""
    return customer.created_at, customer.number


def _create(ref: Ref, graph: Graph, at: datetime) -> Created:
    number = customer_number(ref)
    graph.customers[number] = customer = Customer(number, 0, at, {ref})
    graph.owners[ref], graph.known[ref] = number, Known(at)
    return Created(number, _advance(customer, graph), ref)


def _join(ref: Ref, customer: Customer, graph: Graph, at: datetime) -> Linked:
    customer.refs.add(ref)
    graph.owners[ref], graph.known[ref] = customer.number, Known(at)
    return Linked(customer.number, _advance(customer, graph), ref)


def _merge(survivor: Customer, absorbed: Customer, graph: Graph) -> Merged:
    numbers = (absorbed.number, *sorted(absorbed.aliases))
    founders = {customer_number(ref): ref for ref in absorbed.refs}
    moves = _move(absorbed.refs, survivor, graph)
    for number in numbers:
        graph.customers[number].merged_into = survivor.number
        graph.changed.add(number)
        moves += _move_number(number, founders.get(number), survivor, graph)
    survivor.aliases.update(numbers)
    absorbed.refs, absorbed.aliases = set(), set()
    return Merged(
        survivor.number,
        _advance(survivor, graph),
        numbers,
        _advance(absorbed, graph),
        tuple(moves),
    )


def _move(refs: Iterable[Ref], customer: Customer, graph: Graph) -> list[Move]:
    moves = []
    for ref in sorted(refs):
        known = graph.known[ref]
        known.moves += 1
        graph.owners[ref] = customer.number
        customer.refs.add(ref)
        moves.append(Move(name=ref, customer=customer.number, move=known.moves))
    return moves


def _move_number(
    number: str, founder: Ref | None, customer: Customer, graph: Graph
) -> Iterator[Move]:
    """A number moves when its founder does, and so counts the founder's moves."""
    if founder is not None:
        yield Move(name=number, customer=customer.number, move=graph.known[founder].moves)


def _hold(
    held: dict[Pair, Held], links: Iterable[Pair], first: Ref, graph: Graph
) -> Iterator[Refused]:
    """Notes which links are held now; those that were not are said, if no person did it."""
    before = {link for link in links if link in graph.held}
    for link in before - held.keys():
        del graph.held[link]
    for link in sorted(held):
        graph.held[link] = held[link]
        if link in before or link in graph.verdicts:
            continue
        here, there = reversed(link) if link[1] == first else link
        customer = graph.customers[graph.owners[here]]
        version = _advance(customer, graph)
        yield Refused(customer.number, version, graph.owners[there], link, held[link])


def _advance(customer: Customer, graph: Graph) -> int:
    graph.changed.add(customer.number)
    customer.version += 1
    return customer.version
