"""REC-4: what is measured of the records, and which customers are proposed as one."""

import random
from collections import Counter
from collections.abc import AsyncIterator
from datetime import timedelta
from uuid import UUID

import httpx
import pytest

from careline_profile import metrics
from careline_profile.quality import queries
from careline_profile.quality.model import Check, Report, Share
from careline_profile.quality.page import page
from careline_profile.quality.rules import Agreed, Counts, Namesake, Told, check, duplicates
from careline_profile.record import store as record_store
from careline_profile.record.model import Fact, Slot
from careline_profile.record.policy import FieldPolicy
from careline_profile.record.rules.fold import FieldRules, fold
from careline_profile.rules import customer_number
from tests.profile.by_hand import MONDAY, Profile, ref
from tests.runtime.signed_in import signed_in

FIELDS = {
    "name": FieldPolicy(expected_of="everyone"),
    "industry": FieldPolicy(expected_of="company"),
    "address": FieldPolicy(fresh_days=30),
}


def share(good: int, of: int) -> Share:
    return Share(good=good, of=of)


# -- what counts come to


def counted(customers: int = 10) -> Check:
    counts = Counts(
        at=MONDAY,
        customers=customers,
        parties={"individual": 6, "company": 3},
        having={("name", "individual"): 5, ("name", ""): 2, ("industry", "company"): 2},
        fresh={"address": share(1, 4)},
        told=[
            Told("name", "/crm", 8, 7),
            Told("name", "/app", 2, 2),
            Told("address", "/app", 4, 4),
        ],
        agreed=[Agreed("name", "/app", 2, 1), Agreed("address", "/app", 3, 3)],
        in_duplicates=2,
    )
    return check(counts, FIELDS)


def test_each_field_is_measured_among_those_of_whom_it_is_expected() -> None:
    by_field = {one.field: one for one in counted().fields}
    assert by_field["name"].completeness == share(7, 10)
    assert by_field["industry"].completeness == share(2, 3)
    assert by_field["address"].completeness == share(0, 0)
    assert by_field["name"].validity == share(9, 10)
    assert by_field["address"].freshness == share(1, 4)
    assert by_field["name"].accuracy == share(1, 2)


def test_sources_are_measured_apart_and_everything_together() -> None:
    found = counted()
    assert [(one.source, one.validity, one.accuracy) for one in found.sources] == [
        ("/app", share(6, 6), share(4, 5)),
        ("/crm", share(7, 8), share(0, 0)),
    ]
    assert found.uniqueness == share(8, 10)
    assert found.accuracy == share(4, 5)
    assert found.accuracy.ratio == 0.8


def test_where_there_is_nothing_to_measure_there_is_no_figure() -> None:
    assert share(0, 0).ratio is None


# -- duplicates


def namesake(customer: str, *phones: str, region: str | None = None) -> Namesake:
    return Namesake(customer, region, {"phone": phones} if phones else {})


@pytest.mark.parametrize(
    ("one", "other", "proposed"),
    [
        pytest.param(
            namesake("C1", "+8613911112222"), namesake("C2", "+8613911112223"), True, id="one digit"
        ),
        pytest.param(
            namesake("C1", "+8613911112222"), namesake("C2", "+8618633334444"), False, id="unlike"
        ),
        pytest.param(
            namesake("C1", "+8613911112222", region="SG"),
            namesake("C2", "+8613911112223", region="GB"),
            False,
            id="another region",
        ),
        pytest.param(
            namesake("C1", "+8613911112222", region="SG"),
            namesake("C2", "+8613911112223"),
            True,
            id="a region that isn't known",
        ),
        pytest.param(namesake("C1"), namesake("C2"), False, id="a name alone is nothing"),
    ],
)
def test_a_name_a_region_and_a_contact_that_is_nearly_the_same(
    one: Namesake, other: Namesake, proposed: bool
) -> None:
    found = duplicates([other, one], least_similarity=90)
    assert [(pair.a, pair.b) for pair in found] == ([("C1", "C2")] if proposed else [])


# -- the page


def test_the_page_is_whole_by_itself_and_escapes_what_sources_are_called() -> None:
    found = counted()
    found.sources[0].source = "<script>"
    html = page(
        Report(month="2026-03", accuracy_target=0.98, check=found, weeks=[], open_duplicates=1)
    )
    assert "数据质量月报" in html and "Data quality" in html
    assert "<script" not in html and "&lt;script&gt;" in html
    assert "http" not in html
    assert 'class="low">80.0% <small>4 / 5</small>' in html


def test_a_month_without_a_check_says_so() -> None:
    report = Report(month="2026-03", accuracy_target=0.98, check=None, weeks=[], open_duplicates=0)
    assert "There was no check" in page(report)


# -- on real records

ANN, ANNS_OTHER, BOB = "phone:13911112222", "phone:13911112223", "phone:18633334444"


@pytest.fixture
async def client(profile: Profile) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(app=profile.api)
    async with httpx.AsyncClient(transport=transport, base_url="http://profile") as client:
        yield client


async def told(profile: Profile) -> None:
    name = {"name": "Ann Example"}
    await profile.hear(
        [
            profile.details(ANN, at=1, personal=name, verified_by="document", party="individual"),
            profile.details(ANN, at=2, personal={"name": "Anna"}, region="somewhere"),
            profile.details(ANNS_OTHER, at=3, personal={"name": "ann example"}, region="SG"),
            profile.details(BOB, at=4, personal={"name": "Bob Example"}, region="SG"),
        ]
    )


@pytest.mark.stack
async def test_a_check_measures_all_records_and_proposes_duplicates(
    profile: Profile, client: httpx.AsyncClient
) -> None:
    await told(profile)
    answer = await client.post("/v1/quality/checks", headers=signed_in("agent"))
    assert answer.status_code == 200, answer.text
    found = Check.model_validate_json(answer.content)
    by_field = {one.field: one for one in found.fields}
    assert found.customers == 3
    assert by_field["name"].completeness == share(3, 3)
    assert by_field["region"].completeness == share(2, 3)
    assert by_field["region"].validity == share(2, 3)
    assert by_field["name"].accuracy == share(0, 1)
    assert found.uniqueness == share(1, 3)

    [pair] = (await client.get("/v1/duplicates")).json()["duplicates"]
    assert pair["customers"] == sorted(map(customer_number, map(ref, (ANN, ANNS_OTHER))))
    assert pair["alike"] == "phone"
    assert "1391111" not in answer.text

    path = "/v1/duplicates/{}/{}/dismissed".format(*pair["customers"])
    assert (await client.post(path, headers=signed_in("agent"))).status_code == 204
    assert (await client.post(path, headers=signed_in("agent"))).status_code == 404
    await client.post("/v1/quality/checks", headers=signed_in("agent"))
    assert (await client.get("/v1/duplicates")).json()["duplicates"] == []


@pytest.mark.stack
async def test_records_are_checked_once_a_week_and_reported_by_month(
    profile: Profile, client: httpx.AsyncClient
) -> None:
    await told(profile)
    for days in (1, 2, 8, 40):
        await profile.checker.check_weekly(MONDAY + timedelta(days=days))
    report = (await client.get("/v1/quality", params={"month": "2026-03"})).json()
    assert [week["at"] for week in report["weeks"]] == [
        "2026-03-03T09:00:00Z",
        "2026-03-10T09:00:00Z",
    ]
    assert report["accuracy_target"] == 0.98 == metrics.record_accuracy_target._value.get()
    assert report["open_duplicates"] == 1
    shown = await client.get("/v1/quality/page", params={"month": "2026-03"})
    assert "数据质量月报" in shown.text
    assert (await client.get("/v1/quality", params={"month": "March"})).status_code == 422


@pytest.mark.stack
async def test_what_is_counted_is_what_the_records_say(profile: Profile) -> None:
    """Whichever value the strategy of its field lets hold: also where that is not the latest."""
    draw = random.Random(7)
    rules = FieldRules(
        {
            "name": FieldPolicy(merge="most_trusted", fresh_days=20),
            "source": FieldPolicy(merge="earliest", fresh_days=20),
            "address": FieldPolicy(merge="latest", fresh_days=20),
            "preferences": FieldPolicy(merge="collect", fresh_days=20),
        },
        ("staff:", "/crm"),
    )
    people = [f"app_user:p{n}" for n in range(40)]
    await profile.hear([profile.touchpoint(one, minutes=n) for n, one in enumerate(people)])
    facts = [
        Fact(
            ref(draw.choice(people)),
            Slot(field, draw.choice("ab") if field == "preferences" else ""),
            UUID(int=n).hex,
            draw.choice(["x", "y", ""]),
            None,
            None,
            draw.choice(["staff:li", "/crm", "/crm/2", "/app"]),
            draw.choice([None, "document"]),
            draw.choice([None, None, "form"]),
            MONDAY - timedelta(days=draw.randrange(40)),
            MONDAY - timedelta(days=1),
        )
        for n, field in enumerate(draw.choices(list(rules.fields), k=800))
    ]
    async with profile.engine.begin() as connection:
        await record_store.save(connection, facts)
        counts = await queries.count(connection, rules, at=MONDAY)
    having: Counter[tuple[str, str]] = Counter()
    good: Counter[str] = Counter()
    of: Counter[str] = Counter()
    for one in people:
        record = fold([fact for fact in facts if fact.ref == ref(one)], rules)
        having.update({(slot.field, "") for slot in record})
        of.update(slot.field for slot in record)
        fresh_since = MONDAY - timedelta(days=20)
        good.update(slot.field for slot, f in record.items() if f.occurred_at > fresh_since)
    assert counts.having == having
    assert counts.fresh == {field: share(good[field], of[field]) for field in of}
