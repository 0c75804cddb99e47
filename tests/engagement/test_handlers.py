"""Five topics on a real database: what is said and kept, in any order, batch and repetition."""

import asyncio
import json
from dataclasses import replace
from datetime import timedelta

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from careline_contracts.topics import (
    CASE_CHANGES,
    CASES,
    OUTREACH_BY_CHANNEL,
    OUTREACH_REQUESTS,
    REMINDERS,
)
from careline_engagement import store
from careline_engagement.tables import metadata
from careline_runtime import timers
from careline_runtime.tables import metadata as runtime_metadata
from careline_runtime.unit_of_work import Unit
from tests.engagement.by_hand import Engagement, after, fresh_engagement, shipped_policy
from tests.waiting import until_somebody_waits

pytestmark = pytest.mark.stack

POLICY = shipped_policy()
WINDOW = 24 * POLICY.policy.by_name["retention"].window_days
EVER_AFTER = after(24 * 365)


async def moves(engagement: Engagement) -> list[tuple[str, str, str]]:
    """Case, kind and subject of every case change, in the order in which they were said."""
    return [
        (
            said.envelope.subject,
            said.envelope.type.removeprefix("careline.").removesuffix(".v1"),
            data.get("step") or data.get("status") or "",
        )
        for said in await engagement.said()
        if said.topic == CASE_CHANGES.name
        for data in [json.loads(said.value)]
    ]


async def test_high_risk_opens_a_case_and_asks_for_outreach(engagement: Engagement) -> None:
    await engagement.hear(
        [engagement.tier("A", 0, "core"), engagement.risk("A", 0, "high", "2 complaints")]
    )
    assert await engagement.said() == [], "its instant has not come on the clock"
    await engagement.tick(after(0))
    [opened] = await engagement.said_on(CASE_CHANGES)
    assert opened == {
        "case": "A-retention-2-risk",
        "customer": "A",
        "version": 1,
        "as_of": "2026-03-02T09:00:00Z",
        "policy_version": POLICY.version,
        "playbook": "retention",
        "reasons": ["risk/high", "2 complaints"],
    }
    [request] = await engagement.said_on(OUTREACH_REQUESTS)
    assert request == {
        "customer": "A",
        "case": "A-retention-2-risk",
        "purpose": "retention",
        "channel": "phone",
        "script": "retention-24h",
        "due_at": "2026-03-03T09:00:00Z",
        "policy_version": POLICY.version,
        "playbook": "retention",
        "step": "outreach",
        "language": "zh",
        "subject": "我们想听听您的意见",
        "body": request["body"],
        "expires_at": "2026-03-03T09:00:00Z",
        "handling": [],
    }
    assert request["body"].startswith("$name您好")
    assert await engagement.said_on(OUTREACH_BY_CHANNEL["phone"]) == [request]
    assert await engagement.said_on(OUTREACH_BY_CHANNEL["sms"]) == []
    [reminder] = await engagement.said_on(REMINDERS)
    assert (reminder["to"], reminder["about"]) == ("supervisor", "case A-retention-2-risk")
    assert reminder["due_at"] == "2026-03-02T11:00:00Z"
    [state] = await engagement.said_on(CASES)
    assert (state["status"], state["version"]) == ("open", 1)
    assert state["steps"]["offer"] == {"due_at": "2026-03-03T09:00:00Z"}
    assert await engagement.next_due() == after(2)


async def test_what_is_said_carries_instant_key_and_cause(engagement: Engagement) -> None:
    await engagement.hear([engagement.tier("A", 0, "basic"), engagement.risk("A", 0, "high")])
    await engagement.tick(after(2))
    said = await engagement.said()
    ids = [s.envelope.id for s in said]
    assert ids == [
        "A-retention-2-risk-1",
        "A-retention-2-risk-outreach",
        "A-retention-2-risk-outreach",
        "A-retention-2-risk-supervisor-reminder",
        "A-retention-2-risk-1-11-state",
        "A-retention-2-risk-2",
        "A-retention-2-risk-2-reminder",
        "A-retention-2-risk-2-12-state",
    ]
    case = "A-retention-2-risk"
    assert [s.key for s in said] == ["A", "A", "A", "A", case, "A", "A", case]
    assert said[0].envelope.causation_id == "e2"
    assert {s.envelope.causation_id for s in said[1:]} == {""}, "time was the cause"
    assert [s.envelope.recorded_at for s in said] == [after(0)] * 5 + [after(2)] * 3


async def test_a_case_stays_in_the_trace_of_its_warning(engagement: Engagement) -> None:
    trace = f"00-{'a' * 32}-{'b' * 16}-01"
    before, warning = engagement.tier("A", 0, "core"), engagement.risk("A", 0, "high")
    warning.headers = (*warning.headers, ("traceparent", trace.encode()))
    await engagement.hear([before])
    await engagement.hear([warning])
    await engagement.hear([engagement.touchpoint("A", 3, "purchase.completed")])
    await engagement.tick(after(3))
    said = await engagement.said()
    assert {s.envelope.type for s in said} >= {
        "careline.case.opened.v1",
        "careline.outreach.requested.v1",
        "careline.case-step.breached.v1",
        "careline.case.closed.v1",
    }
    assert {s.envelope.traceparent for s in said} == {trace}, "whatever moved it, and time too"


async def test_a_missed_deadline_is_escalated_exactly_when_due(engagement: Engagement) -> None:
    await engagement.hear([engagement.tier("A", 0, "core"), engagement.risk("A", 0, "high")])
    await engagement.tick(after(2 - 1 / 3600))
    assert [kind for _, kind, _ in await moves(engagement)] == ["case.opened"]
    await engagement.tick(after(2))
    assert (await moves(engagement))[-1] == (
        "A-retention-2-risk",
        "case-step.breached",
        "supervisor",
    )
    *_, reminder = await engagement.said_on(REMINDERS)
    assert reminder["reason"].endswith(" / step supervisor was not done by its deadline")
    assert await engagement.next_due() == after(24)


async def test_what_is_heard_while_another_instance_opens_a_case_moves_it(
    engagement: Engagement,
) -> None:
    await engagement.hear([engagement.tier("A", 0, "core"), engagement.risk("A", 0, "high")])
    purchase = engagement.touchpoint("A", 1, "purchase.completed")
    async with engagement.engine.connect() as other_instance:
        unit = Unit(other_instance, service="engagement", passed=after(0))
        await engagement.handlers.fire(
            unit, await timers.take_due(other_instance, after(0), limit=1)
        )
        hearing = asyncio.create_task(engagement.hear([purchase]))
        await until_somebody_waits(engagement.engine.url)
        await unit.save()
        await other_instance.commit()
    await hearing
    assert await engagement.next_due() == after(1), "not the deadline an hour later"


async def test_a_purchase_heard_before_the_warning_it_follows_still_saves(
    engagement: Engagement,
) -> None:
    warning = [engagement.tier("A", 0, "core"), engagement.risk("A", 0, "high")]
    await engagement.hear([engagement.touchpoint("A", 30, "purchase.completed")])
    await engagement.tick(after(31))
    await engagement.hear(warning)
    await engagement.tick(after(31))
    assert await moves(engagement) == [
        ("A-retention-2-risk", "case.opened", ""),
        ("A-retention-2-risk", "case-step.breached", "supervisor"),
        ("A-retention-2-risk", "case-step.breached", "contact"),
        ("A-retention-2-risk", "case-step.breached", "cause"),
        ("A-retention-2-risk", "case-step.breached", "offer"),
        ("A-retention-2-risk", "case-step.done", "contact"),
        ("A-retention-2-risk", "case.closed", "saved"),
    ]


async def test_each_result_of_an_outreach_does_what_it_should(engagement: Engagement) -> None:
    results = ("delivered", "read", "replied", "failed", "opted_out")
    for result in results:
        await engagement.hear(
            [engagement.tier(result, 0, "core"), engagement.risk(result, 0, "high")]
        )
    await engagement.tick(after(0))
    asked = {request["customer"] for request in await engagement.said_on(OUTREACH_REQUESTS)}
    assert asked == set(results)
    await engagement.hear(
        [
            engagement.answer(result, 1, result, request=f"{result}-retention-2-risk-outreach")
            for result in results
        ]
    )
    await engagement.tick(after(24))
    happened: dict[str, list[str]] = {result: [] for result in results}
    for case, kind, subject in await moves(engagement):
        if kind != "case.opened":
            happened[case.removesuffix("-retention-2-risk")] += [f"{kind} {subject}"]
    contact, *rest = (f"case-step.breached {step}" for step in ("contact", "cause", "offer"))
    taken_on = "case-step.done supervisor"
    assert happened == {
        "delivered": [taken_on, contact, *rest],
        "read": [taken_on, contact, *rest],
        "replied": ["case-step.done contact", taken_on, *rest],
        "failed": ["case-step.breached supervisor", contact, *rest],
        "opted_out": ["case.closed withdrawn"],
    }
    # who opted out is not asked again, over whatever channel
    assert await engagement.rows("SELECT number, channel, granted FROM consents") == [
        ("opted_out", "any", False)
    ]


async def test_a_contact_recorded_late_counts_from_when_it_was_recorded(
    engagement: Engagement,
) -> None:
    await engagement.hear(
        [
            engagement.tier("A", 0, "core"),
            engagement.risk("A", 0, "high"),
            engagement.touchpoint("A", 23, "call.completed", recorded_hours=26),
        ]
    )
    await engagement.tick(after(26))
    about_contact = [move for move in await moves(engagement) if move[2] == "contact"]
    assert [kind for _, kind, _ in about_contact] == ["case-step.breached", "case-step.done"]


async def test_a_decision_is_heard_whole_and_each_verdict_may_begin_a_case(
    engagement: Engagement,
) -> None:
    """`need` alone would open nothing for this tier; `risk`, of the same decision, does."""
    await engagement.hear([engagement.decision("A", 0, tier="basic", need="dormant", risk="high")])
    await engagement.tick(after(1))
    assert await moves(engagement) == [("A-retention-1-risk", "case.opened", "")]
    assert await engagement.rows("SELECT name, outcome FROM entries ORDER BY name") == [
        ("1-need", "condition_unmet"),
        ("1-risk", "opened"),
    ]
    assert await engagement.rows("SELECT kind FROM timers") == [("care",)]


async def test_a_warning_that_opens_nothing_is_kept_with_the_reason(engagement: Engagement) -> None:
    await engagement.hear(
        [
            engagement.tier("A", 0, "basic"),
            engagement.need("A", 0, "dormant"),
            engagement.risk("A", 1, "high"),
            engagement.risk("A", 2, "low"),
            engagement.risk("A", 3, "high"),
        ]
    )
    await engagement.tick(after(3))
    assert await engagement.rows("SELECT version, outcome FROM entries ORDER BY version") == [
        (2, "condition_unmet"),
        (3, "opened"),
        (5, "case_open"),
    ]


async def test_a_warning_about_somebody_whom_no_playbook_is_for_sets_no_timer(
    engagement: Engagement,
) -> None:
    await engagement.hear([engagement.tier("A", 0, "edge"), engagement.need("A", 1, "dormant")])
    assert await engagement.rows("SELECT outcome FROM entries") == [("condition_unmet",)]
    assert await engagement.rows("SELECT kind, key FROM timers") == []


async def test_merged_customers_keep_the_older_case(engagement: Engagement) -> None:
    await engagement.hear(
        [
            *(engagement.tier("A", 0, "core"), engagement.tier("B", 0, "core")),
            *(engagement.risk("A", 5, "high"), engagement.risk("B", 1, "high")),
        ]
    )
    await engagement.tick(after(6))
    await engagement.hear([engagement.merge("A", "B", hours=6.5)])
    await engagement.tick(after(6.5))
    *_, closed = await engagement.said_on(CASE_CHANGES)
    assert (closed["case"], closed["status"]) == ("A-retention-2-risk", "withdrawn")
    await engagement.hear([engagement.touchpoint("A", 10, "order.placed")])
    await engagement.tick(after(10))
    *_, closed = await engagement.said_on(CASE_CHANGES)
    assert (closed["case"], closed["customer"], closed["status"]) == (
        "B-retention-2-risk",
        "A",
        "saved",
    )
    assert await engagement.rows("SELECT * FROM timers") == []


async def test_an_event_in_flight_that_names_an_absorbed_number_reaches_the_case(
    engagement: Engagement,
) -> None:
    await engagement.hear(
        [
            engagement.tier("A", 0, "core"),
            engagement.risk("A", 1, "high"),
            engagement.merge("B", "A", hours=2),
            engagement.touchpoint("A", 3, "purchase.completed"),
        ]
    )
    await engagement.tick(after(3))
    assert (await moves(engagement))[-1] == ("A-retention-2-risk", "case.closed", "saved")


async def test_old_facts_are_dropped(engagement: Engagement) -> None:
    kept_days = POLICY.policy.facts_kept.days
    hours = [0, 1, 24 * kept_days, 24 * kept_days + 1]
    await engagement.hear([engagement.touchpoint("A", h, "purchase.completed") for h in hours])
    assert await engagement.rows("SELECT at FROM facts ORDER BY at") == [
        (after(h),) for h in hours[1:]
    ]


async def test_what_is_no_evidence_is_not_even_read(engagement: Engagement) -> None:
    unreadable = replace(engagement.touchpoint("A", 0, "feature.used"), value=b"not JSON")
    await engagement.hear([unreadable])
    assert await engagement.records() == []


async def test_a_look_is_decided_by_how_the_cases_of_any_playbook_ended(admin_url: str) -> None:
    async with fresh_engagement(admin_url, "account-call") as stage:
        await stage.hear([stage.tier("A", 0, "core")])
        await stage.tick(after(24 * 29))
        async with stage.engine.connect() as connection:
            [family] = await store.load_families(
                connection, {"A"}, until=EVER_AFTER, kept=timedelta(days=60)
            )
    assert [entry.playbook for entry in family.entries] == [""]
    assert sorted(case.is_open for case in family.cases) == [False, True]


async def test_the_schema_is_what_tables_says(engagement: Engagement) -> None:
    async with engagement.engine.connect() as connection:
        differences = await connection.run_sync(
            lambda sync: compare_metadata(
                MigrationContext.configure(sync, opts={"compare_type": True}),
                [metadata, runtime_metadata],  # type: ignore[arg-type]
            )
        )
    assert [d for d in differences if d[0] != "add_table_comment"] == []
