"""What people complain about elsewhere: each is impossible here, by a test with its name.

The others stand where their rule is tested: posthog#6834 in test_order and, of records, in
test_record_rules, posthog#104939 in test_splits, mautic#5495 and posthog#5898 in test_rules.
"""

from itertools import pairwise
from typing import Any

import httpx
import pytest

from careline_profile import metrics
from careline_profile.rules import customer_number
from tests.profile.by_hand import RULES, Profile, on, ref
from tests.profile.histories import RULES as LINK_RULES
from tests.profile.histories import History

ANN, MAIL = "phone:13911112222", "email:ann@example.org"


def test_unomi_merges_more_than_fifty_profiles_and_cuts_none_off() -> None:
    """unomi's merge: from the fifty-first profile on the rest was left out, and nobody told."""
    past = History(LINK_RULES._replace(max_identities=200, max_links_per_value=200))
    refs = [f"app_user:{n}" for n in range(60)]
    for one in refs:
        past.hear(one)
    for one in refs[1:]:
        past.hear(refs[0], one)
    assert past.partition == {frozenset(refs)}
    assert {past.graph.customers[customer_number(r)].merged_into for r in refs[1:]} == {
        customer_number(refs[0])
    }


def test_unomi_limit_holds_whole_customers_and_says_so() -> None:
    """Where there is a limit, nobody is joined in part: both stay whole, and a person is asked."""
    past = History(LINK_RULES._replace(max_identities=4))
    for refs in (["phone:1", "email:1"], ["email:1", "app_user:1"], ["phone:2", "email:2"]):
        past.hear(*refs)
    before = past.partition
    past.hear("phone:1", "phone:2")
    assert past.partition == before
    assert [why.reason for why in past.held.values()] == ["component_too_large"]
    assert past.words[-1] == "refused"


@pytest.fixture
async def shown(profile: Profile) -> Any:
    """All that hangs on a customer, as the API shows it."""
    transport = httpx.ASGITransport(app=profile.api)
    async with httpx.AsyncClient(transport=transport, base_url="http://profile") as client:

        async def get(number: str) -> dict[str, Any]:
            card = (await client.get(f"/v1/customers/{number}")).json()
            history = (await client.get(f"/v1/customers/{number}/history")).json()["changes"]
            return {
                "customer": card["customer"],
                "identities": {one["identity"] for one in card["identities"]},
                "fields": set(card["record"]["fields"]),
                "reminders": {one["reference"] for one in card["reminders"]},
                "touchpoints": sum(card["touchpoints"].values()),
                "changes": {(one["field"], one["by"]["known_at"]) for one in history},
            }

        yield get


@pytest.mark.stack
async def test_mautic_16240_a_merge_drops_nothing_that_hangs_on_a_customer(
    profile: Profile, shown: Any
) -> None:
    """mautic#16240: the fields were copied, and the companies silently dropped.

    unomi's merge: for a second the events were nobody's. Here both are one commit.
    """
    told: list[tuple[str, dict[str, Any]]] = [
        (ANN, {"region": "CN"}),
        (MAIL, {"industry": "retail"}),
    ]
    for n, (name, said) in enumerate(told):
        at = 10 * n
        await profile.hear(
            [
                profile.details(name, at=at + 1, **said),
                profile.touchpoint(
                    name,
                    minutes=at + 2,
                    type="careline.complaint.raised.v1",
                    body={"category": "delivery", "reference": f"K-{n}"},
                ),
                profile.touchpoint(name, minutes=at + 3),
            ]
        )
    one, other = [await shown(customer_number(ref(name))) for name in (ANN, MAIL)]
    assert one["reminders"] == {"K-0"} and other["fields"] == {"industry"}
    await profile.hear([profile.touchpoint(ANN, MAIL, minutes=30)])
    both = await shown(customer_number(ref(MAIL)))
    assert both["customer"] == one["customer"]
    assert both["touchpoints"] == one["touchpoints"] + other["touchpoints"] + 1
    for what in ("identities", "fields", "reminders", "changes"):
        assert both[what] == one[what] | other[what], what


@pytest.mark.stack
async def test_a_tangle_that_is_too_large_is_left_as_it_is_and_alarms(profile: Profile) -> None:
    """posthog#5898: one customer with thousands of identities, which nobody noticed."""
    links = RULES.links._replace(max_tangle=3, max_identities=2)
    narrow = on(profile.engine, lambda instant: RULES._replace(links=links))
    alarms = metrics.tangles_too_large._value.get()
    people = [f"app_user:p{n}" for n in range(9)]
    await narrow.hear([narrow.touchpoint(one, minutes=n) for n, one in enumerate(people)])
    for n, (one, other) in enumerate(pairwise(people)):
        await narrow.hear([narrow.touchpoint(one, other, minutes=20 + n)])
    assert metrics.tangles_too_large._value.get() > alarms
    said = [s.envelope.type for s in await narrow.said()]
    assert said.count("careline.feature.used.v1") == 17, "every event has its customer"
    assert not narrow.failures
