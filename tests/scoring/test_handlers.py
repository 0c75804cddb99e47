"""Activities, records, answers, timers: what is said, in any order and repetition."""

import json
import random
from collections import Counter
from collections.abc import Sequence

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from careline_contracts.envelope import Envelope
from careline_contracts.events.profile import Activity
from careline_contracts.topics import (
    ACTIVITIES,
    RISK_CHANGES,
    SCORE_CHANGES,
    SCORES,
    TAG_CHANGES,
    TIER_CHANGES,
)
from careline_runtime.policy import parse_policy
from careline_runtime.tables import metadata as runtime_metadata
from careline_scoring.policy import ScoringPolicy
from careline_scoring.tables import metadata
from tests.scoring.by_hand import (
    Scoring,
    fresh_scoring,
    midnight,
    noon,
    on,
    shipped_policy,
    timeline_of,
)
from tests.scoring.life import ANN, BOB, CARL, instant, kept, renumbered, some_events

pytestmark = pytest.mark.stack


async def test_a_first_purchase_says_every_verdict_and_the_score(scoring: Scoring) -> None:
    await scoring.hear([scoring.purchase(ANN, 300, day=0)])
    [decision] = await scoring.said_on(SCORE_CHANGES)
    [score] = await scoring.said_on(SCORES)
    changes = decision["changes"]
    assert {name: change["to"] for name, change in changes.items()} == {
        "tier": "edge",
        "value": "normal",
        "need": "none",
        "risk": "low",
        "life_cycle": ["active"],
    }
    assert "from" not in changes["tier"]
    assert changes["life_cycle"]["from"] == []
    assert changes["tier"]["reasons"] == [
        "低价值：365 天内消费 300.00 CNY / low value: spend 300.00 CNY in 365 days",
        "低粘性：365 天内复购 0 次 / low stickiness: 0 repurchases in 365 days",
    ]
    assert decision["version"] == score["version"] == 1
    assert score["tags"] == {"life_cycle": ["active"]}
    assert score["total"] == "18.50"  # 2 for an order; 10, 3, 1 and 2.5 for what is missing
    assert score["dimensions"] == {
        "spending": "2.00",
        "interaction": "13.00",
        "stability": "3.50",
        "referral": "0.00",
    }
    assert score["policy_version"] == shipped_policy().version
    assert instant(score["as_of"]) == noon(0)
    # a quarter of tenure brings two points, and the fall of spend is high risk, on the 90th day
    assert instant(score["next_change_at"]) == midnight(90)


async def test_time_alone_makes_a_customer_dormant_exactly_when_due(scoring: Scoring) -> None:
    await scoring.hear([scoring.activity(ANN, day=0)])
    assert await scoring.next_due() == midnight(90)
    await scoring.tick(noon(89))
    assert len(await scoring.said_on(SCORE_CHANGES)) == 1
    await scoring.tick(noon(400))
    *_, said = await scoring.said_on(SCORE_CHANGES)
    assert instant(said["as_of"]) == midnight(90)
    assert said["changes"]["need"] == {
        "from": "none",
        "to": "dormant",
        "reasons": ["90 天没有互动 / no contact for 90 days"],
    }


async def test_it_does_not_show_whether_the_clock_or_an_event_came_first(admin_url: str) -> None:
    async with fresh_scoring(admin_url) as ticked, fresh_scoring(admin_url) as silent:
        for scoring in (ticked, silent):
            await scoring.hear([scoring.purchase(ANN, 30_000, day=0)])
        for day in range(1, 500, 7):
            await ticked.tick(noon(day))
        for scoring in (ticked, silent):
            await scoring.hear([scoring.purchase(ANN, 50, day=500)])
        assert await ticked.said() == await silent.said()
        assert len(await silent.said_on(SCORES)) > 5
        assert await kept(ticked) == await kept(silent)


@pytest.mark.parametrize("batch", [1, 7, 250])
async def test_batches_and_repetition_do_not_show(admin_url: str, batch: int) -> None:
    async with fresh_scoring(admin_url) as expected, fresh_scoring(admin_url) as scoring:
        await expected.hear(some_events(expected, seed=5))
        events = some_events(scoring, seed=5)
        await scoring.hear(events, batch=batch)
        await scoring.hear([*events, *some_events(on(scoring.engine), seed=5)], batch=batch)
        assert await scoring.said() == await expected.said()
        assert await kept(scoring) == await kept(expected)


async def test_the_order_of_events_does_not_matter_in_the_end(admin_url: str) -> None:
    async with fresh_scoring(admin_url) as expected, fresh_scoring(admin_url) as scoring:
        await expected.hear(some_events(expected, seed=6))
        events = some_events(scoring, seed=6)
        random.Random(7).shuffle(events)
        await scoring.hear(renumbered(events), batch=40)
        for stage in (expected, scoring):
            await stage.tick(noon(1500))
        assert await kept(scoring) == await kept(expected)


async def test_versions_of_decisions_have_no_gap_and_scores_carry_the_last(
    scoring: Scoring,
) -> None:
    await scoring.hear(some_events(scoring, seed=8))
    await scoring.tick(noon(1500))
    last: Counter[str] = Counter()
    for said in await scoring.said():
        event = json.loads(said.value)
        customer, version = event["customer"], event["version"]
        if said.topic == SCORE_CHANGES.name:
            assert version == last[customer] + 1
            assert said.envelope.subject == ",".join(event["changes"])
            last[customer] = version
        else:
            assert version == last[customer]
    assert min(last[customer] for customer in (ANN, BOB, CARL)) > 3
    ids = [said.envelope.id for said in await scoring.said()]
    assert len(set(ids)) == len(ids)


async def test_the_parts_of_decisions_say_what_the_decisions_say_each_with_the_one_before(
    scoring: Scoring,
) -> None:
    await scoring.hear(some_events(scoring, seed=8))
    await scoring.tick(noon(1500))
    whole = {
        (decision["customer"], decision["version"], name): change
        for decision in await scoring.said_on(SCORE_CHANGES)
        for name, change in decision["changes"].items()
    }
    for topic, kind in ((TIER_CHANGES, "tier"), (TAG_CHANGES, "tags"), (RISK_CHANGES, "risk")):
        last: Counter[str] = Counter()
        for part in await scoring.said_on(topic):
            customer, version = part["customer"], part["version"]
            assert part["previous_version"] == last[customer]
            last[customer] = version
            for name, change in part.get("changes", {kind: part}).items():
                said = whole.pop((customer, version, name))
                assert said == {field: change[field] for field in said}
    assert whole == {}


async def test_a_change_names_what_caused_it(scoring: Scoring) -> None:
    await scoring.hear([scoring.purchase(ANN, 300, day=0, id="till-1")])
    await scoring.tick(noon(90))
    said = await scoring.said()
    assert {s.envelope.causation_id for s in said if s.envelope.recorded_at == noon(0)} == {
        "till-1"
    }
    timed = [s for s in said if s.envelope.recorded_at == midnight(90)]
    assert timed
    assert {s.envelope.causation_id for s in timed} == {""}


async def test_a_late_event_counts_on_its_own_day_and_is_decided_now(scoring: Scoring) -> None:
    await scoring.hear(
        [
            scoring.activity(ANN, day=100),
            scoring.purchase(ANN, 25_000, day=10, recorded_day=101),
        ]
    )
    score = (await scoring.said_on(SCORES))[-1]
    assert instant(score["as_of"]) == noon(101)
    assert score["tier"] == "basic"  # mid value
    assert score["risk"] == "high"  # bought in the quarter before, nothing in this one
    assert await scoring.rows(
        "SELECT CAST(day AS text), amount_minor FROM buckets WHERE currency <> ''"
    ) == [("2024-01-11", 2_500_000)]


async def test_what_somebody_prefers_is_said_when_it_begins_and_when_it_ends(
    scoring: Scoring,
) -> None:
    await scoring.hear([scoring.activity(ANN, day=day) for day in (0, 10, 20)])
    await scoring.tick(noon(400))
    assert [
        (instant(said["as_of"]), said["changes"]["channel"])
        for said in await scoring.said_on(TAG_CHANGES)
        if "channel" in said["changes"]
    ] == [
        (
            noon(20),
            {
                "from": [],
                "to": ["app"],
                "reasons": ["app：180 天内 3 次 / app: 3 times in 180 days"],
            },
        ),
        (
            midnight(180),
            {
                "from": ["app"],
                "to": [],
                "reasons": ["180 天内没有足够频繁的行为 / nothing often enough in 180 days"],
            },
        ),
    ]


async def test_an_answer_to_an_outreach_is_evidence_and_makes_nobody_up(scoring: Scoring) -> None:
    await scoring.hear(
        [
            scoring.activity(ANN, day=0),
            scoring.answer(ANN, "delivered", day=5),
            scoring.answer(ANN, "replied", day=6),
            scoring.answer("C-nobody", "replied", day=6),
        ]
    )
    await scoring.tick(noon(6))
    scores = await scoring.said_on(SCORES)
    assert {score["customer"] for score in scores} == {ANN}
    assert scores[-1]["dimensions"]["interaction"] == "15.00"  # nobody complained; a quick reply
    assert await scoring.rows("SELECT kind FROM buckets WHERE identity = 'C-ann'") == [
        ("outreach.answered/delivered",),
        ("outreach.answered/replied",),
    ]


@pytest.mark.parametrize("order", [(0, 1, 2), (1, 0, 2), (2, 1, 0), (1, 2, 0)])
async def test_the_tags_of_the_record_are_the_newest_whatever_comes_first(
    admin_url: str, order: Sequence[int]
) -> None:
    async with fresh_scoring(admin_url) as scoring:
        events = [
            scoring.activity(ANN, day=1),
            scoring.state(ANN, 1, day=1, party="company"),
            scoring.state(ANN, 2, day=1, party="company", special_care=("vip", "elderly")),
        ]
        await scoring.hear(renumbered([events[place] for place in order]), batch=1)
        await scoring.tick(noon(1))
        [*_, score] = await scoring.said_on(SCORES)
        assert score["tags"] == {
            "life_cycle": ["prospect"],
            "party": ["company"],
            "care": ["elderly", "vip"],
            "handling": ["person_at_once", "priority_lane", "slow_script"],
        }
        versions = [decision["version"] for decision in await scoring.said_on(SCORE_CHANGES)]
        assert versions == list(range(1, score["version"] + 1))


async def test_a_record_that_says_nothing_new_of_a_customer_is_not_decided_about(
    scoring: Scoring,
) -> None:
    await scoring.hear([scoring.activity(ANN, day=0), scoring.state(ANN, 1, day=0, region="east")])
    await scoring.tick(noon(0))
    before = await scoring.said()
    await scoring.hear([scoring.state(ANN, 2, day=1, region="east", language="zh")])
    await scoring.tick(noon(1))
    assert await scoring.said() == before
    await scoring.hear([scoring.state(ANN, 3, day=2)])
    await scoring.tick(noon(2))
    [*_, gone] = await scoring.said_on(TAG_CHANGES)
    assert gone["changes"]["region"]["from"] == ["east"]
    assert gone["changes"]["region"]["to"] == []


async def test_an_unknown_currency_counts_as_an_order_without_money(scoring: Scoring) -> None:
    await scoring.hear([scoring.purchase(ANN, 1_000_000, day=0, currency="KRW")])
    [score] = await scoring.said_on(SCORES)
    assert score["tier"] == "edge"
    assert score["dimensions"]["spending"] == "2.00"  # one order


async def test_an_amount_that_is_no_number_is_put_aside_and_the_rest_goes_on(
    scoring: Scoring,
) -> None:
    bad = scoring.activity(ANN, "careline.purchase.completed.v1", day=0, amount_minor="many")
    await scoring.hear([bad, scoring.purchase(BOB, 100, day=0)])
    letters = [r for r in await scoring.records() if r.topic.endswith("dead-letters.v1")]
    assert len(letters) == 1
    assert {score["customer"] for score in await scoring.said_on(SCORES)} == {BOB}


async def test_a_new_policy_takes_effect_with_the_next_event(scoring: Scoring) -> None:
    await scoring.hear([scoring.purchase(ANN, 300, day=0)])
    changed = (
        shipped_policy()
        .text.replace("high_at_least_minor: 10_000_000", "high_at_least_minor: 30_000")
        .replace("mid_at_least_minor: 2_000_000", "mid_at_least_minor: 20_000")
    )
    loaded = parse_policy(ScoringPolicy, changed, path="changed.yaml")
    later = on(scoring.engine, timeline_of(loaded))
    later._offset = scoring._offset
    later._named = 100
    await later.hear([later.activity(ANN, day=1)])
    tier = (await scoring.said_on(TIER_CHANGES))[-1]
    assert (tier["from"], tier["to"]) == ("edge", "potential")
    assert tier["policy_version"] == loaded.version != shipped_policy().version


async def test_the_tables_are_what_the_migration_makes(scoring: Scoring) -> None:
    async with scoring.engine.connect() as connection:
        differences = await connection.run_sync(
            lambda sync: compare_metadata(
                MigrationContext.configure(sync, opts={"compare_type": True}),
                [metadata, runtime_metadata],  # type: ignore[arg-type]  # a sequence is allowed
            )
        )
    assert [d for d in differences if d[0] != "add_table_comment"] == []


async def test_types_without_a_rule_are_facts_all_the_same(scoring: Scoring) -> None:
    envelope = Envelope("e-new", "/x", "careline.hologram.shown.v1", noon(0), noon(0), key=ANN)
    activity = Activity(customer=ANN, identity="phone:1", channel="app", body={})
    await scoring.hear([scoring.record(ACTIVITIES.name, envelope, activity)])
    assert await scoring.rows("SELECT kind, times FROM buckets") == [("hologram.shown", 1)]
    assert [s["tier"] for s in await scoring.said_on(SCORES)] == ["edge"]
