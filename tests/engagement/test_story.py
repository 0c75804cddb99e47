"""Twenty-four hours of a retention case, as those who live it would tell them (RET-1)."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from prometheus_client import REGISTRY

from careline_contracts.topics import CASE_CHANGES, OUTREACH_REQUESTS, REMINDERS
from tests.engagement.by_hand import Engagement, after

pytestmark = pytest.mark.stack


class Diary:
    """What engagement said since one looked last, in a few words each."""

    def __init__(self, engagement: Engagement) -> None:
        self._engagement = engagement
        self._read = 0

    async def since_then(self) -> list[str]:
        said = await self._engagement.said()
        fresh, self._read = said[self._read :], len(said)
        return [words for s in fresh if (words := _words(s.topic, json.loads(s.value)))]


class Counted:
    """How much each metric of the retention playbook has grown since this was made."""

    def __init__(self) -> None:
        self._before = dict(self._samples())

    def __call__(self, name: str, **labels: str) -> float:
        key = name, frozenset({"playbook": "retention", **labels}.items())
        return dict(self._samples()).get(key, 0) - self._before.get(key, 0)

    @staticmethod
    def _samples() -> Iterator[tuple[tuple[str, frozenset[tuple[str, str]]], float]]:
        for metric in REGISTRY.collect():
            for sample in metric.samples:
                yield (sample.name, frozenset(sample.labels.items())), sample.value


def _words(topic: str, data: dict[str, Any]) -> str:
    if topic == OUTREACH_REQUESTS.name:
        return f"please {data['channel']} {data['customer']} by {data['due_at'][:16]}"
    if topic == REMINDERS.name:
        return f"{data['to']}: {data['reason']}"
    if topic == CASE_CHANGES.name:
        found = f" ({data['detail']})" if "detail" in data else ""
        return str(data.get("step") or data.get("status") or "case opened") + found
    return ""


async def test_ms_li_is_called_back_in_time_and_stays(engagement: Engagement) -> None:
    diary, counted = Diary(engagement), Counted()
    # a core customer complains for the second time on Monday morning
    await engagement.hear(
        [engagement.tier("Li", -2000, "core"), engagement.risk("Li", 0, "high", "2 complaints")]
    )
    await engagement.tick(after(0))
    assert await diary.since_then() == [
        "case opened",
        "please phone Li by 2026-03-03T09:00",
        "supervisor: core 客户 / a core customer: risk/high; 2 complaints",
    ]
    # the call centre takes it on within the hour, reaches her in the afternoon, and makes an offer
    await engagement.hear([engagement.answer("Li", 1, "delivered")])
    await engagement.tick(after(1))
    assert await diary.since_then() == ["supervisor"]
    await engagement.hear(
        [
            engagement.answer(
                "Li", 7, "replied", cause="late delivery", offer="free express for a year"
            )
        ]
    )
    await engagement.tick(after(7))
    assert await diary.since_then() == [
        "contact",
        "cause (late delivery)",
        "offer (free express for a year)",
    ]
    # the day ends without a missed deadline; on Friday she orders again
    await engagement.tick(after(25))
    assert await diary.since_then() == []
    await engagement.hear([engagement.touchpoint("Li", 100, "order.placed")])
    await engagement.tick(after(100))
    assert await diary.since_then() == ["saved"]
    assert await engagement.next_due() is None

    opened = {"trigger": "risk/high", "outcome": "opened"}
    assert counted("careline_playbook_entries_total", **opened) == 1
    for step in ("supervisor", "contact", "cause", "offer"):
        assert counted("careline_case_steps_total", step=step, verdict="done") == 1
        assert counted("careline_case_steps_total", step=step, verdict="breached") == 0
    first_contact = "careline_case_step_seconds"
    assert counted(f"{first_contact}_count", step="contact") == 1
    assert counted(f"{first_contact}_sum", step="contact") == 7 * 3600
    in_four, in_eight_hours = (
        counted(f"{first_contact}_bucket", step="contact", le=le) for le in ("14400.0", "28800.0")
    )
    assert (in_four, in_eight_hours) == (0, 1)
    assert counted("careline_cases_closed_total", status="saved") == 1
    assert counted("careline_contacts_total", verdict="sent", reason="") == 1


async def test_nobody_calls_mr_wang_and_it_does_not_go_unnoticed(engagement: Engagement) -> None:
    diary, counted = Diary(engagement), Counted()
    # a potential customer has been silent for three months
    await engagement.hear(
        [engagement.tier("Wang", -2160, "potential"), engagement.need("Wang", 0, "dormant")]
    )
    await engagement.tick(after(0))
    assert (await diary.since_then())[0] == "case opened"
    # nobody takes the case: the supervisor hears of it after two hours, and again after a day
    await engagement.tick(after(2))
    assert await diary.since_then() == [
        "supervisor",
        "supervisor: 步骤 supervisor 未按时完成 / step supervisor was not done by its deadline",
    ]
    await engagement.tick(after(24))
    assert await diary.since_then() == [
        "contact",
        "supervisor: 步骤 contact 未按时完成 / step contact was not done by its deadline",
        "cause",
        "supervisor: 步骤 cause 未按时完成 / step cause was not done by its deadline",
        "offer",
        "supervisor: 步骤 offer 未按时完成 / step offer was not done by its deadline",
    ]
    # he calls himself on the third day, but buys nothing within the month
    await engagement.hear([engagement.touchpoint("Wang", 70, "call.completed")])
    await engagement.tick(after(24 * 29))
    assert await diary.since_then() == ["contact"]
    await engagement.tick(after(24 * 30))
    assert await diary.since_then() == ["lost"]
    # a week later his spending counts as fallen: he is left in peace
    await engagement.hear([engagement.risk("Wang", 24 * 37, "high")])
    await engagement.tick(after(24 * 365))
    assert await diary.since_then() == []

    opened = {"trigger": "need/dormant", "outcome": "opened"}
    assert counted("careline_playbook_entries_total", **opened) == 1
    for verdict, count in (("breached", 1), ("late", 1), ("done", 0)):
        found = counted("careline_case_steps_total", step="contact", verdict=verdict)
        assert found == count, f"contacted, but not in time: {verdict}"
    assert counted("careline_case_step_seconds_sum", step="contact") == 70 * 3600
    assert counted("careline_cases_closed_total", status="lost") == 1
    assert counted("careline_cases_closed_total", status="saved") == 0
    left_in_peace = {"trigger": "risk/high", "outcome": "cool_down"}
    assert counted("careline_playbook_entries_total", **left_in_peace) == 1
