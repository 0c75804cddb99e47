"""Another policy takes effect: at its instant for everyone, whatever comes by first, and once."""

import json
from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import pytest
from aiokafka import ConsumerRecord
from sqlalchemy import text

from careline_contracts.topics import SCORES, TIER_CHANGES
from careline_runtime.policy import Loaded, parse_policy
from careline_scoring import rescoring
from careline_scoring.policy import ScoringPolicy
from careline_scoring.rules.succession import forbids
from tests.runtime.by_hand import Said
from tests.scoring.by_hand import Scoring, fresh_scoring, midnight, noon, on, shipped_policy

pytestmark = pytest.mark.stack

CUSTOMERS = [f"C-{n:02}" for n in range(11)]
TURN = 10
"""The day at whose noon the generous policy takes effect."""


def changed(*replacements: tuple[str, str], version: str) -> Loaded[ScoringPolicy]:
    """The shipped policy with other numbers."""
    policy = shipped_policy().text.replace("version: handbook-1", f"version: {version}")
    for old, new in replacements:
        assert policy.count(old) == 1, old
        policy = policy.replace(old, new)
    return parse_policy(ScoringPolicy, policy, path=f"{version}.yaml")


def generous() -> Loaded[ScoringPolicy]:
    """Who spent 200 yuan is of middle value, who spent 300 of high; lamps are enquiries."""
    return changed(
        ("high_at_least_minor: 10_000_000", "high_at_least_minor: 30_000"),
        ("mid_at_least_minor: 2_000_000", "mid_at_least_minor: 20_000"),
        ("enquiry: [enquiry.made,", "enquiry: [store.visited, enquiry.made,"),
        version="generous-1",
    )


def strict() -> Loaded[ScoringPolicy]:
    return changed(("      high_percent: 50", "      high_percent: 30"), version="strict-1")


async def changes(scoring: Scoring) -> dict[str, list[Said]]:
    """What was said about each customer, in order."""
    found: defaultdict[str, list[Said]] = defaultdict(list)
    for said in await scoring.said():
        found[said.key].append(said)
    return dict(found)


async def rescorings(scoring: Scoring) -> list[tuple[Any, ...]]:
    query = "SELECT effective_at, customers, rescored, is_done FROM rescorings ORDER BY 1"
    async with scoring.engine.connect() as connection:
        return [tuple(row) for row in await connection.execute(text(query))]


def scores(said: Sequence[Said]) -> list[dict[str, Any]]:
    return [json.loads(each.value) for each in said if each.topic == SCORES.name]


@pytest.fixture(autouse=True)
def small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rescoring, "CUSTOMERS_A_UNIT", 4)


def purchases(scoring: Scoring) -> list[ConsumerRecord]:
    return [scoring.purchase(number, 300, day=0) for number in CUSTOMERS]


async def test_everyone_is_decided_about_as_of_the_instant_by_the_new_policy(
    scoring: Scoring,
) -> None:
    await scoring.hear(purchases(scoring))
    await scoring.hear([scoring.policy(generous(), day=TURN)])
    await scoring.tick(noon(TURN - 1))
    assert {len(scores(said)) for said in (await changes(scoring)).values()} == {1}

    await scoring.tick(noon(TURN))

    for said in (await changes(scoring)).values():
        tier = [json.loads(each.value) for each in said if each.topic == TIER_CHANGES.name][-1]
        assert (tier["from"], tier["to"]) == ("edge", "potential")
        assert tier["policy_version"] == generous().version
        assert datetime.fromisoformat(tier["as_of"]) == noon(TURN)
        assert scores(said)[-1]["policy_version"] == generous().version
        assert datetime.fromisoformat(scores(said)[-1]["as_of"]) == noon(TURN)
    assert await rescorings(scoring) == [(noon(TURN), 11, 11, True)]
    assert await scoring.next_due() == midnight(90), "the customers' own, and no other timer"


async def story(
    scoring: Scoring, *, is_known_first: bool, sweeps: bool, batch: int
) -> dict[str, list[Said]]:
    """Purchases and visits before and after two policies took effect; a merge in between."""
    policies = [scoring.policy(generous(), day=TURN), scoring.policy(strict(), day=2 * TURN)]
    known = scoring.timeline
    if not is_known_first:
        scoring.timeline = known.__class__(known.editions[:1])
    before = [
        *purchases(scoring),
        *(scoring.activity(n, "careline.store.visited.v1", day=3) for n in CUSTOMERS[::2]),
    ]
    after = [
        *(scoring.purchase(n, 20, day=TURN + 2) for n in CUSTOMERS[::3]),
        scoring.merge(CUSTOMERS[0], CUSTOMERS[1], CUSTOMERS[7], day=TURN + 3),
        *(scoring.activity(n, day=2 * TURN + 1) for n in CUSTOMERS[::4]),
        *(scoring.purchase(n, 1, day=4, recorded_day=2 * TURN + 2) for n in CUSTOMERS[::5]),
    ]
    if is_known_first:
        await scoring.hear(policies)
        await scoring.tick(noon(1))
    await scoring.hear(before, batch=batch)
    if not is_known_first:
        scoring.timeline = known
        await scoring.hear(policies)
    if sweeps:
        await scoring.tick(noon(TURN + 1))
    await scoring.hear(after, batch=batch)
    await scoring.tick(noon(400))
    return await changes(scoring)


async def test_it_does_not_show_what_came_by_first_nor_where_a_batch_ended(
    admin_url: str,
) -> None:
    async with fresh_scoring(admin_url) as scoring:
        expected = await story(scoring, is_known_first=False, sweeps=False, batch=1)
    for is_known_first, sweeps in ((True, False), (True, True), (False, True)):
        async with fresh_scoring(admin_url) as scoring:
            found = await story(scoring, is_known_first=is_known_first, sweeps=sweeps, batch=1_000)
        assert found.keys() == expected.keys()
        for number, said in expected.items():
            assert found[number] == said, (number, is_known_first, sweeps)
    versions = {score["policy_version"] for said in expected.values() for score in scores(said)}
    assert versions == {shipped_policy().version, generous().version, strict().version}


async def test_rescoring_goes_on_where_it_was_after_a_restart(scoring: Scoring) -> None:
    await scoring.hear(purchases(scoring))
    await scoring.hear([scoring.policy(generous(), day=TURN)])
    assert await scoring.stage.fire_due(noon(TURN)), "the others are due as well"
    assert await rescorings(scoring) == [(noon(TURN), 11, 4, False)]

    second_life = on(scoring.engine, scoring.timeline)
    await second_life.tick(noon(TURN))

    assert await rescorings(scoring) == [(noon(TURN), 11, 11, True)]
    assert {len(scores(said)) for said in (await changes(scoring)).values()} == {2}


async def test_who_was_decided_before_the_policy_was_heard_is_put_right(scoring: Scoring) -> None:
    late = on(scoring.engine)
    late._named = 1_000
    await scoring.hear(purchases(scoring))
    await scoring.hear([scoring.policy(generous(), day=TURN)])
    late._offset = scoring._offset
    await late.hear([late.activity(CUSTOMERS[3], day=TURN + 1)])
    await scoring.tick(noon(TURN + 2))

    last = scores((await changes(scoring))[CUSTOMERS[3]])[-1]
    assert last["policy_version"] == generous().version
    assert datetime.fromisoformat(last["as_of"]) == noon(TURN + 1), "time does not run back"


async def test_a_policy_that_is_not_known_here_holds_nothing_else_up(scoring: Scoring) -> None:
    known = scoring.timeline
    await scoring.hear(purchases(scoring))
    await scoring.hear([scoring.policy(generous(), day=TURN)])
    both, scoring.timeline = scoring.timeline, known
    await scoring.tick(noon(TURN))
    assert await rescorings(scoring) == []

    scoring.timeline = both
    await scoring.tick(noon(TURN + 1))
    assert [done for *_, done in await rescorings(scoring)] == [True]


def test_days_cannot_change_while_facts_are_kept_by_them() -> None:
    moved = changed(("time_zone: Asia/Shanghai", "time_zone: Europe/Berlin"), version="moved")

    assert "Asia/Shanghai" in forbids(shipped_policy().policy, moved.policy)
    assert forbids(shipped_policy().policy, generous().policy) == ""
