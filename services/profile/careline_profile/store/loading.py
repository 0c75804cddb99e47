"""What a batch touches, loaded and locked as far as it may change."""

from collections.abc import Collection, Iterable, Sequence
from typing import Any

import structlog
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from careline_profile import metrics
from careline_profile.model import (
    Customer,
    Evidence,
    Graph,
    Held,
    Known,
    LinkRules,
    Pair,
    Ref,
    Verdict,
    pair,
)
from careline_profile.rules import links_people
from careline_profile.store.witnesses import News
from careline_runtime.errors import TryLater

log = structlog.get_logger(__name__)

_OWNERS = text("SELECT ref, customer FROM identities WHERE ref = ANY(CAST(:refs AS text[]))")
# aliases come along: a split may give them their own customer back
_LOCK = text("""
    SELECT number, version, created_at, merged_into FROM customers
    WHERE number = ANY(CAST(:numbers AS text[])) OR merged_into = ANY(CAST(:numbers AS text[]))
    ORDER BY number FOR UPDATE
""")
_MEMBERS = text("""
    SELECT ref, customer, recorded_at, moves, is_shared FROM identities
    WHERE customer = ANY(CAST(:numbers AS text[]))
""")
# links of shared values are as many as there are people who gave them, and join nobody unless a
# person approved one
_LINKS = text("""
    WITH touching AS (
        SELECT a, b FROM links WHERE a = ANY(CAST(:linking AS text[]))
        UNION SELECT a, b FROM links WHERE b = ANY(CAST(:linking AS text[]))
        UNION SELECT a, b FROM verdicts WHERE a = ANY(CAST(:refs AS text[]))
        UNION SELECT a, b FROM verdicts WHERE b = ANY(CAST(:refs AS text[]))
    )
    SELECT a, b, first.*, verdict.*, r.reason, r.kind
    FROM touching t
    CROSS JOIN LATERAL (
        SELECT occurred_at, replace(CAST(event_key AS text), '-', '') FROM links
        WHERE (a, b) = (t.a, t.b) ORDER BY occurred_at, event_key LIMIT 1) first
    LEFT JOIN LATERAL (
        SELECT is_one, decided_at, waives FROM verdicts
        WHERE (a, b) = (t.a, t.b) ORDER BY decided_at DESC LIMIT 1) verdict ON true
    LEFT JOIN reviews r USING (a, b)
""")


async def load(
    connection: AsyncConnection,
    events: Collection[Sequence[Ref]],
    news: News,
    rules: LinkRules,
    *,
    told_about: Collection[Ref] = (),
) -> Graph:
    """What these events touch, each given by its `usable` identities.

    Only an event with an unknown identity, with news of a link, or that tells something about whom
    it names (`told_about`), can change a customer: what hangs together with those is locked and
    loaded whole, all else is known by its customer only.
    """
    graph = Graph()
    refs = sorted({ref for event in events for ref in event})
    graph.owners.update(await _owners(connection, refs))
    graph.stirring = news.links
    graph.stirred = {ref for ref in refs if ref not in graph.owners}
    graph.stirred.update(ref for link in news.links for ref in link)
    linking = [e for e in events if any(pair(e[0], other) in news.links for other in e[1:])]
    named = {ref for event in linking for ref in event}.union(told_about)
    seeds = {ref for ref in named if ref in graph.owners}
    await _explore(connection, graph, seeds, rules)
    graph.note_loaded()
    return graph


async def load_around(connection: AsyncConnection, refs: Sequence[Ref], rules: LinkRules) -> Graph:
    """Everything that a decision about these known identities may change."""
    graph = Graph()
    graph.owners.update(await _owners(connection, refs))
    await _explore(connection, graph, graph.owners.keys() & set(refs), rules)
    graph.note_loaded()
    return graph


async def _owners(connection: AsyncConnection, refs: Sequence[Ref]) -> dict[Ref, str]:
    rows = await connection.execute(_OWNERS, {"refs": list(refs)})
    return {ref: number for ref, number in rows}  # noqa: C416 (rows)


async def _explore(
    connection: AsyncConnection, graph: Graph, seeds: Collection[Ref], rules: LinkRules
) -> None:
    """Locks and loads all that hangs together with `seeds`, customer by customer.

    What is larger than `max_tangle` is explored no further: links that lead on are left as they
    are. Then, and only then, it matters what came first.
    """
    frontier = {ref: graph.owners[ref] for ref in seeds}
    while frontier:
        if len(graph.known) > rules.max_tangle:
            metrics.tangles_too_large.inc()
            log.warning("tangle.too_large", identities=len(graph.known), action="see the runbook")
            return
        members = await _load_customers(connection, graph, set(frontier.values()))
        if not graph.known.keys() >= frontier.keys():
            raise TryLater("a customer was merged or split while this unit waited for it")
        ends = await _load_links(connection, graph, members, rules)
        frontier = await _owners(connection, sorted(ends - graph.known.keys()))
        graph.owners.update(frontier)


async def _load_customers(
    connection: AsyncConnection, graph: Graph, numbers: set[str]
) -> list[Ref]:
    """The identities of these customers, who are locked, and whatever else is known of both."""
    wanted = {"numbers": sorted(numbers)}
    for number, version, created_at, merged_into in await connection.execute(_LOCK, wanted):
        customer = Customer(number, version, created_at, merged_into=merged_into)
        graph.customers[number] = customer
    for number in [n for n, c in graph.customers.items() if c.merged_into in numbers]:
        graph.customers[str(graph.customers[number].merged_into)].aliases.add(number)
    members = []
    for ref, number, since, moves, is_shared in await connection.execute(_MEMBERS, wanted):
        graph.owners[ref] = number
        graph.customers[number].refs.add(ref)
        graph.known[ref] = Known(since, moves)
        if is_shared:
            graph.shared.add(ref)
        members.append(ref)
    return members


async def _load_links(
    connection: AsyncConnection, graph: Graph, refs: Iterable[Ref], rules: LinkRules
) -> set[Ref]:
    """Adds all links of these identities; returns both ends of each."""
    wanted = sorted(refs)
    rows = await connection.execute(
        _LINKS, {"refs": wanted, "linking": [ref for ref in wanted if ref not in graph.shared]}
    )
    ends: set[Ref] = set()
    for a, b, *facts in rows:
        if links_people((a, b), rules):
            ends |= _add_link(graph, (a, b), *facts)
    return ends


def _add_link(
    graph: Graph,
    link: Pair,
    occurred_at: Any,
    event_key: str,
    is_one: bool | None,
    decided_at: Any,
    waives: list[str] | None,
    reason: Any,
    kind: str | None,
) -> set[Ref]:
    """Adds a link with all that is known of it; returns the identities that hang on it."""
    graph.add_link(link, Evidence(occurred_at, event_key))
    if reason is not None:
        graph.held[link] = Held(reason, kind)
    if is_one is None:
        return set(link)
    waived = [text.split(" ") for text in waives or ()]
    graph.add_verdict(link, Verdict(is_one, decided_at, frozenset(pair(*refs) for refs in waived)))
    return {*link, *(ref for refs in waived for ref in refs)}
