"""Events and verdicts folded one after another, as a handler would, without a database."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import count

from careline_profile.model import (
    Change,
    Evidence,
    Graph,
    Held,
    LinkRules,
    Pair,
    Ref,
    Verdict,
    pair,
)
from careline_profile.rules import approval, attach, judge, usable

MONDAY = datetime(2026, 3, 2, 9, tzinfo=UTC)
BLOCKED = "phone:13800000000"
RULES = LinkRules(
    weak_kinds=frozenset({"device"}),
    single_valued_kinds=frozenset({"crm_number", "member_card"}),
    blocked=frozenset({BLOCKED, "device:0"}),
    shared=frozenset({"phone:switchboard"}),
    max_identities=6,
    max_links_per_value=12,
    max_tangle=1_000,
)


class History:
    """A graph that is told events and verdicts, in whatever order."""

    def __init__(self, rules: LinkRules = RULES) -> None:
        self.rules = rules
        self.graph = Graph()
        self.changes: list[Change] = []
        self._minutes = count()

    def hear(self, *refs: Ref, at: datetime | None = None, key: str = "") -> str | None:
        """The customer of an event with these identities, None when it has none.

        It happened and was recorded at that instant, or a minute after the last one.
        """
        named = usable(refs, self.rules)
        if not named:
            return None
        at = at or MONDAY + timedelta(minutes=next(self._minutes))
        graph = self.graph
        graph.stirring = {pair(named[0], other) for other in named[1:]}
        graph.stirred = set(named)
        attachment = attach(named, graph, self.rules, evidence=Evidence(at, key), at=at)
        assert attachment.identity == named[0]
        assert attachment.customer == graph.owners[named[0]]
        self.changes += attachment.changes
        return attachment.customer

    def judge(self, one: Ref, other: Ref, *, is_one: bool, at: datetime | None = None) -> None:
        """A person says that two identities are one customer, or that they never are."""
        at = at or MONDAY + timedelta(minutes=next(self._minutes))
        link = pair(one, other)
        verdict = approval(link, self.graph, self.rules, at=at) if is_one else Verdict(False, at)
        self.apply(link, verdict)

    def apply(self, link: Pair, verdict: Verdict) -> None:
        """A verdict as it was recorded."""
        self.changes += judge(link, verdict, self.graph, self.rules)

    @property
    def partition(self) -> set[frozenset[Ref]]:
        """Which identities are one customer."""
        groups: dict[str, set[Ref]] = {}
        for ref, number in self.graph.owners.items():
            groups.setdefault(number, set()).add(ref)
        return {frozenset(group) for group in groups.values()}

    @property
    def held(self) -> dict[Pair, Held]:
        return self.graph.held

    @property
    def words(self) -> list[str]:
        return [type(change).__name__.lower() for change in self.changes]


def history(*events: Sequence[Ref], rules: LinkRules = RULES) -> History:
    """The events, a minute apart."""
    result = History(rules)
    for refs in events:
        result.hear(*refs)
    return result
