"""What engagement does with what it hears: keep it, and set a timer for what it leads to.

Nothing is decided on hearing. A customer's topics have no order among each other, so a decision
waits until the clock has passed its instant: then whatever belongs before it has been heard.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime

from careline_contracts.envelope import Envelope
from careline_contracts.events.profile import Activity, CustomersMerged
from careline_contracts.events.scoring import RiskChanged, TagChanged, TagsChanged, TierChanged
from careline_contracts.events.touchpoints import OutreachAnswered
from careline_contracts.topics import (
    ACTIVITIES,
    OUTREACH_RESULTS,
    RISK_CHANGES,
    TAG_CHANGES,
    TIER_CHANGES,
)
from careline_engagement import metrics, rules, store
from careline_engagement.announcements import announce, announce_state
from careline_engagement.model import Alias, ChurnWarning, Fact, Outcome
from careline_engagement.policy import OUTREACH, EngagementPolicy
from careline_engagement.sequence import Change, Standing, Verdict, follow
from careline_runtime.batch import Heard, Hears
from careline_runtime.timers import Due
from careline_runtime.unit_of_work import Unit

RETENTION = "retention"
"""Timer of a customer: a warning is to be decided, or a case moves."""
MISSING_CHANGE = "missing_change"
"""Timer of a number: a change of scoring has been waited for long enough."""


class Handlers:
    """Engagement under one policy."""

    def __init__(self, policy: EngagementPolicy, policy_version: str) -> None:
        self._policy = policy
        self._policy_version = policy_version

    @property
    def hears(self) -> tuple[Hears, ...]:
        """Of the touchpoints only those that the policy calls evidence; others aren't even read."""
        touchpoints = dict.fromkeys(self._policy.touchpoint_types, Activity)
        return (
            Hears(ACTIVITIES, types={**touchpoints, CustomersMerged.type: CustomersMerged}),
            Hears(OUTREACH_RESULTS, types={OutreachAnswered.type: OutreachAnswered}),
            Hears(TIER_CHANGES, types={TierChanged.type: TierChanged}),
            Hears(TAG_CHANGES, types={TagChanged.type: TagChanged, TagsChanged.type: TagsChanged}),
            Hears(RISK_CHANGES, types={RiskChanged.type: RiskChanged}),
        )

    async def handle(self, unit: Unit, heard: Sequence[Heard]) -> None:
        """Keeps facts, follows changes, and sets timers for what is then to be decided."""
        aliases: list[Alias] = []
        facts: dict[Fact, str] = {}
        changes: dict[str, list[Change]] = {}
        for event in heard:
            envelope = event.envelope
            match payload := event.payload:
                case Activity():
                    fact = Fact(
                        _known_at(envelope), payload.customer, _kind(envelope.type), envelope.id
                    )
                    facts[fact] = payload.identity
                case TierChanged() | TagChanged() | TagsChanged() | RiskChanged():
                    changes.setdefault(payload.customer, []).append(_change(envelope, payload))
                case OutreachAnswered():
                    facts |= dict.fromkeys(self._answers(envelope, payload), "")
                case CustomersMerged():
                    since = _known_at(envelope)
                    aliases += [Alias(n, payload.customer, since) for n in payload.absorbed]
        if aliases:
            await store.add_aliases(unit.connection, aliases)
        if facts:
            await store.add_facts(unit.connection, facts, kept=self._policy.facts_kept)
        warnings = await self._follow(unit, changes) if changes else []
        for alias in aliases:
            unit.set_timer(RETENTION, alias.absorbed, None)
        touched = {fact.number for fact in facts} | {warning.number for warning in warnings}
        touched |= {number for alias in aliases for number in alias[:2]}
        for family in await store.load_families(unit.connection, touched):
            unit.set_timer(RETENTION, family.root, rules.next_at(family, self._policy))

    async def fire(self, unit: Unit, due: Sequence[Due]) -> None:
        """Decides and says what is due, each at its own instant."""
        missing = [timer.key for timer in due if timer.kind == MISSING_CHANGE]
        if missing:
            await self._give_up_waiting(unit, missing)
        until = {timer.key: timer.due_at for timer in due if timer.kind == RETENTION}
        progress: list[rules.Progress] = []
        for family in await store.load_families(unit.connection, {timer.key for timer in due}):
            instants = [until[number] for number in family.numbers if number in until]
            if not instants:
                unit.set_timer(RETENTION, family.root, rules.next_at(family, self._policy))
                continue
            moved = rules.advance(
                family,
                until=max(instants),
                policy=self._policy,
                policy_version=self._policy_version,
            )
            progress.append(moved)
            # a timer that fired is gone already
            if moved.next_at is not None or family.root not in until:
                unit.set_timer(RETENTION, family.root, moved.next_at)
        await self._save(unit, progress)

    async def _follow(self, unit: Unit, changes: dict[str, list[Change]]) -> list[ChurnWarning]:
        """Follows scoring's changes in their order; returns the warnings among them."""
        before = await store.lock_standings(unit.connection, changes)
        standings: list[Standing] = []
        warnings: list[ChurnWarning] = []
        for number, heard in changes.items():
            standing, found = follow(before[number], heard)
            self._wait_for_missing(unit, standing, before[number])
            standings.append(standing)
            warnings += found
        await store.save_standings(unit.connection, standings)
        if warnings:
            await store.add_warnings(unit.connection, warnings)
        return warnings

    def _wait_for_missing(self, unit: Unit, standing: Standing, before: Standing) -> None:
        if standing.early:
            due_at = standing.early[0].at + self._policy.topics_apart
            unit.set_timer(MISSING_CHANGE, standing.number, due_at)
            unit.after_commit(metrics.changes_early.inc)
        elif before.early:
            unit.set_timer(MISSING_CHANGE, standing.number, None)

    async def _give_up_waiting(self, unit: Unit, numbers: Iterable[str]) -> None:
        """Follows what came after a change that never came."""
        standings: list[Standing] = []
        warnings: list[ChurnWarning] = []
        for before in (await store.lock_standings(unit.connection, set(numbers))).values():
            standing, found = follow(before.skip_missing())
            self._wait_for_missing(unit, standing, standing)
            standings.append(standing)
            warnings += found
            unit.after_commit(metrics.changes_missing.inc)
        await store.save_standings(unit.connection, standings)
        if warnings:
            await store.add_warnings(unit.connection, warnings)

    async def _save(self, unit: Unit, progress: Sequence[rules.Progress]) -> None:
        moved: dict[str, rules.News] = {}
        decided: list[tuple[ChurnWarning, Outcome]] = []
        for family in progress:
            decided += family.decided
            for news in family.news:
                announce(unit, news, self._policy)
                moved[news.case.id] = news
        if moved:
            for news in moved.values():
                announce_state(unit, news)
            await store.save_cases(unit.connection, [news.case for news in moved.values()])
        if decided:
            await store.decide_warnings(unit.connection, decided)
            unit.after_commit(lambda: _count(decided))

    def _answers(self, envelope: Envelope, answer: OutreachAnswered) -> Iterable[Fact]:
        """What an answer is evidence of, as far as the policy looks at it."""
        found = {answer.result: "", "cause": answer.cause, "offer": answer.offer}
        for name, detail in found.items():
            kind = f"{OUTREACH}/{name}"
            if detail is not None and kind in self._policy.evidence:
                yield Fact(_known_at(envelope), answer.customer, kind, envelope.id, detail)


def _known_at(envelope: Envelope) -> datetime:
    """When it had both happened and been recorded: nothing can be decided by it earlier."""
    return max(envelope.occurred_at, envelope.recorded_at)


def _kind(type: str) -> str:
    return type.removeprefix("careline.").removesuffix(".v1")


def _change(
    envelope: Envelope, payload: TierChanged | TagChanged | TagsChanged | RiskChanged
) -> Change:
    verdict: Verdict
    match payload:
        case TierChanged():
            verdict = "tier"
        case TagChanged() | TagsChanged():
            verdict = payload.tag
        case RiskChanged():
            verdict = "risk"
    return Change(
        payload.version,
        payload.as_of,
        verdict,
        payload.to if isinstance(payload.to, str) else ", ".join(payload.to),
        payload.reasons,
        envelope.id,
        envelope.traceparent,
    )


def _count(decided: Iterable[tuple[ChurnWarning, Outcome]]) -> None:
    for warning, outcome in decided:
        metrics.warnings_decided.labels(warning.trigger, outcome).inc()
