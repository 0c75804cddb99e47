"""Mapping files: what a row becomes, what is refused and in which words."""

import csv
import gzip
import io
import json
from collections import Counter
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from careline_cli.conversions import to_minor_units, to_seconds
from careline_cli.mapping import Mapping, read_mapping
from careline_cli.outgoing import Outgoing
from careline_cli.rows import Layout, Row, Rows, UnreadableFile
from careline_cli.translation import Refused, Translation
from careline_contracts.envelope import from_object
from careline_contracts.events.touchpoints import PurchaseCompleted
from careline_runtime.errors import Misconfigured

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "docs" / "examples" / "import"
DEMO_DATA = ROOT / "cli" / "careline_cli" / "demo_data"


def a_mapping(event: dict[str, Any], **changes: Any) -> Mapping:
    purchase = {
        "type": "careline.purchase.completed.v1",
        "time": {"column": "day", "format": "%Y%m%d", "at": "12:00"},
        "identities": [{"kind": "member_card", "column": "customer"}],
        "fields": {
            "amount_minor": {"column": "amount", "money": "USD"},
            "currency": {"constant": "USD"},
        },
    }
    return Mapping.model_validate(
        {"timezone": "Asia/Shanghai", "events": [{**purchase, **event}], **changes}
    )


def a_row(**changes: str) -> Row:
    cells = {"customer": "00001", "day": "20210101", "amount": "11.77", "cds": "1", **changes}
    return Row(7, ",".join(cells.values()), cells)


def translated(mapping: Mapping, row: Row) -> list[Outgoing | Refused]:
    return list(Translation(mapping, source="/import/till.csv").touchpoints(row))


def the_data(mapping: Mapping, row: Row) -> dict[str, Any]:
    [event] = translated(mapping, row)
    assert isinstance(event, Outgoing), event
    data: dict[str, Any] = json.loads(event.data)
    return data


def the_reason(mapping: Mapping, row: Row) -> str:
    [refused] = translated(mapping, row)
    assert isinstance(refused, Refused), refused
    return refused.reason


def imported(name: str, folder: Path = EXAMPLES) -> tuple[list[dict[str, Any]], list[Refused]]:
    mapping = read_mapping(folder / f"{name}.yaml")
    translation = Translation(mapping, source=f"/import/{name}.csv")
    rows = Rows(folder / f"{name}.csv", mapping.layout, needs=mapping.used_columns)
    found = [one for row in rows for one in translation.touchpoints(row)]
    events = [json.loads(one.to_json()) for one in found if isinstance(one, Outgoing)]
    for event in events:
        from_object(event)
    return events, [one for one in found if isinstance(one, Refused)]


def test_a_row_becomes_a_cloudevent_named_by_file_and_line() -> None:
    [event] = translated(a_mapping({}), a_row())

    assert isinstance(event, Outgoing)
    assert json.loads(event.to_json()) == {
        "specversion": "1.0",
        "id": "7",
        "source": "/import/till.csv",
        "type": "careline.purchase.completed.v1",
        "time": "2021-01-01T04:00:00Z",
        "datacontenttype": "application/json",
        "data": {
            "identities": [{"kind": "member_card", "value": "00001"}],
            "amount_minor": 1177,
            "currency": "USD",
        },
    }


def test_the_whole_cdnow_file_is_mapped() -> None:
    mapping = read_mapping(DEMO_DATA / "cdnow.yaml")
    translation = Translation(mapping, source="/import/cdnow_master.txt.gz")
    rows = Rows(DEMO_DATA / "cdnow_master.txt.gz", mapping.layout, needs=mapping.used_columns)

    found = [one for row in rows for one in translation.touchpoints(row)]

    purchases = [PurchaseCompleted.parse(one.data) for one in found if isinstance(one, Outgoing)]
    assert len(purchases) == len(found) == 69_659
    assert len({purchase.identities[0].value for purchase in purchases}) == 23_544
    assert {one.id for one in found if isinstance(one, Outgoing)} == {
        str(line) for line in range(1, 69_660)
    }
    with gzip.open(DEMO_DATA / "cdnow_master.txt.gz", "rt") as file:
        dollars = sum(Decimal(line.split()[3]) for line in file)
    assert sum(purchase.amount_minor for purchase in purchases) == dollars * 100


def test_a_call_log_gives_calls_and_ratings() -> None:
    events, refused = imported("calls")

    assert Counter(event["type"] for event in events) == {
        "careline.call.completed.v1": 3,
        "careline.call.missed.v1": 1,
        "careline.survey.answered.v1": 2,
    }
    assert [event["id"] for event in events] == ["2", "2.3", "3", "4.2", "5", "5.3"]
    assert events[0]["time"] == "2026-03-02T01:12:58Z"
    assert events[0]["data"] == {
        "identities": [{"kind": "phone", "value": "139 1234 5678"}],
        "direction": "inbound",
        "duration_seconds": 143,
        "agent": "Diane",
    }
    assert events[1]["data"]["score"] == 10
    assert {one.line for one in refused} == {6, 7}
    assert refused[0].text == "C0005,Joe,2026-03-02,10:00:29,unknown,In,Y,0:00:37,4"
    assert "no identity" in refused[0].reason
    assert "'2026-02-30 10:00:29' is not a time" in refused[-1].reason


def test_an_incident_log_gives_the_steps_of_each_incident() -> None:
    events, refused = imported("incidents")

    assert [event["id"] for event in events] == [
        "INC0000045-opened",
        "INC0000045-assigned",
        "INC0000045-resolved",
        "INC0000046-opened",
        "INC0000048-opened",
        "INC0000048-assigned",
        "INC0000048-resolved",
    ]
    assert events[0]["data"]["text"] == "Cannot log in;\ntried twice"
    assert events[3]["data"]["impact"] == "question"
    assert events[4]["data"]["impact"] == "system_down"
    # The first incident has two lines of text, so the third begins on line 5.
    assert [one.line for one in refused] == [5, 5]


@pytest.mark.parametrize(
    ("changes", "row", "words"),
    [
        pytest.param({}, a_row(amount=""), "column amount is empty", id="empty needed column"),
        pytest.param({}, a_row(amount="ten"), "'ten' is not a number", id="not a number"),
        pytest.param({}, a_row(amount="NaN"), "'NaN' is not a number", id="NaN"),
        pytest.param({}, a_row(amount="1e999999"), "is too large", id="huge exponent"),
        pytest.param({}, a_row(amount="1.005"), "more digits than USD has", id="third digit"),
        pytest.param({}, a_row(amount="-1"), "/amount_minor: Input should be", id="negative"),
        pytest.param({}, a_row(day="20210230"), "'20210230' is not a time", id="30 February"),
        pytest.param({}, a_row(day=""), "no time: column day is empty", id="no day"),
        pytest.param({}, a_row(customer=""), "no identity", id="no identity"),
        pytest.param(
            {"id": "{cds}" * 200}, a_row(cds="12"), "longer than 255", id="id made of much"
        ),
    ],
)
def test_a_row_is_refused_in_words(changes: dict[str, Any], row: Row, words: str) -> None:
    assert words in the_reason(a_mapping(changes), row)


@pytest.mark.parametrize(
    ("value", "text", "result"),
    [
        pytest.param({"column": "x", "money": "USD"}, "12.5", 1250, id="money"),
        pytest.param({"column": "x", "money": "USD"}, "12.500", 1250, id="zeros lose nothing"),
        pytest.param({"column": "x", "money": "JPY"}, "1200", 1200, id="no minor unit"),
        pytest.param({"column": "x", "money": "KWD"}, "1.234", 1234, id="three digits"),
        pytest.param(
            {"column": "x", "money": "EUR", "thousands": ".", "decimal": ",", "strip": "€ "},
            "€ 1.234,50",
            123450,
            id="as written in Germany",
        ),
        pytest.param(
            {"column": "x", "money": "USD", "absolute": True}, "-3.00", 300, id="without its sign"
        ),
        pytest.param({"column": "x", "default": 5}, "", 5, id="default"),
        pytest.param({"column": "x", "map": {"one": 1}, "default": 0}, "two", 0, id="other texts"),
    ],
)
def test_a_number_is_read_as_the_mapping_says(
    value: dict[str, Any], text: str, result: int
) -> None:
    mapping = a_mapping({"fields": {"amount_minor": value, "currency": {"constant": "USD"}}})

    assert the_data(mapping, a_row(x=text))["amount_minor"] == result


def test_a_text_that_is_not_in_the_map_is_refused() -> None:
    value = {"column": "cds", "map": {"one": 1}}
    mapping = a_mapping({"fields": {"amount_minor": value, "currency": {"constant": "USD"}}})

    assert "'1' is not in the map of amount_minor" in the_reason(mapping, a_row())


@pytest.mark.parametrize(
    ("when", "holds"),
    [
        pytest.param({"column": "cds", "is": 1}, True, id="is"),
        pytest.param({"column": "cds", "is": [2, 3]}, False, id="is none of"),
        pytest.param({"column": "cds", "is_not": "1"}, False, id="is not"),
        pytest.param({"column": "cds", "present": True}, True, id="present"),
        pytest.param({"column": "cds", "present": False}, False, id="absent"),
        pytest.param({"column": "amount", "above": 11, "below": 12}, True, id="between"),
        pytest.param({"column": "amount", "above": 11.77}, False, id="not above"),
    ],
)
def test_an_event_applies_when_its_conditions_hold(when: dict[str, Any], holds: bool) -> None:
    assert bool(translated(a_mapping({"when": [when]}), a_row())) is holds


def test_texts_that_stand_for_nothing_count_as_empty() -> None:
    mapping = a_mapping({"when": [{"column": "cds", "present": True}]}, empty=["?"])

    assert translated(mapping, a_row(cds="?")) == []


def test_instants_of_other_fields_are_read_like_the_events_time() -> None:
    mapping = a_mapping(
        {
            "type": "careline.contract.changed.v1",
            "fields": {
                "contract": {"template": "A-{customer}"},
                "change": {"constant": "renewed"},
                "ends_at": {"column": "ends"},
            },
        }
    )

    data = the_data(mapping, a_row(ends="20230101"))

    assert data["ends_at"] == "2023-01-01T04:00:00Z"
    assert data["contract"] == "A-00001"


def test_a_time_with_its_own_offset_keeps_it() -> None:
    mapping = a_mapping({"time": {"column": "day", "format": "iso"}})

    [event] = translated(mapping, a_row(day="2026-03-01T10:00:00-05:00"))

    assert isinstance(event, Outgoing)
    assert event.occurred_at == datetime(2026, 3, 1, 15, tzinfo=UTC)


MAPPING = """\
timezone: Asia/Shanghai
events:
  - type: careline.purchase.completed.v1
    time: {column: day, format: "%Y%m%d", at: "12:00"}
    identities:
      - {kind: member_card, column: customer}
    fields:
      amount_minor: {column: amount, money: USD}
      currency: {constant: USD}
"""


@pytest.mark.parametrize(
    ("old", "new", "place", "words"),
    [
        pytest.param("Asia/Shanghai", "Asia/Peking", ":1:", "no time zone", id="time zone"),
        pytest.param("purchase.completed", "fax.sent", ":3:", "no touchpoint", id="type"),
        pytest.param(', at: "12:00"', "", ":4:", "no time of day", id="day without a time"),
        pytest.param('"12:00"', "12:00", ":4:", "write it in quotes", id="YAML's base 60"),
        pytest.param("member_card", "passport", ":6:", "member_card", id="identity kind"),
        pytest.param("money: USD", "monye: USD", ":8:", "not permitted", id="misspelt"),
        pytest.param("      amount_minor: {column: amount, money: USD}\n", "", ":3:", "needs amount_minor", id="field missing"),  # noqa: E501
        pytest.param("constant: USD", "constant: dollars", ":3:", "currency cannot be 'dollars'", id="constant of another kind"),  # noqa: E501
        pytest.param("currency:", "colour:", ":3:", "has no field colour", id="unknown field"),
        pytest.param("constant: USD", "", ":9:", "give one of", id="value from nowhere"),
        pytest.param("timezone", "\ttimezone", "not YAML", "", id="not YAML"),
    ],
)  # fmt: skip
def test_a_wrong_mapping_is_refused_with_its_line(
    tmp_path: Path, old: str, new: str, place: str, words: str
) -> None:
    path = tmp_path / "till.yaml"
    path.write_text(MAPPING, encoding="utf-8")
    read_mapping(path)
    path.write_text(MAPPING.replace(old, new), encoding="utf-8")

    with pytest.raises(Misconfigured) as caught:
        read_mapping(path)

    assert place in str(caught.value)
    assert words in str(caught.value)


def test_yes_and_no_in_a_condition_must_be_quoted() -> None:
    with pytest.raises(ValueError, match="write it in quotes"):
        a_mapping({"when": [{"column": "cds", "is": True}]})


def rows_of(tmp_path: Path, content: bytes, layout: Layout) -> list[Row]:
    path = tmp_path / "file.csv"
    path.write_bytes(content)
    return list(Rows(path, layout))


def test_rows_that_cannot_be_read_are_handed_on_with_line_and_text(tmp_path: Path) -> None:
    content = b"\xef\xbb\xbfa,b\r\n1,2\r\n\r\n3\r\n\xff,4\r\n5,6\r\n"

    rows = rows_of(tmp_path, content, Layout("csv"))

    assert [(row.line, row.cells, row.flaw) for row in rows] == [
        (2, {"a": "1", "b": "2"}, ""),
        (4, {}, "2 columns expected, 1 found"),
        (5, {}, "not written in the mapping's encoding"),
        (6, {"a": "5", "b": "6"}, ""),
    ]
    assert rows[2].text.encode("utf-8", "surrogateescape") == b"\xff,4"


def test_a_quote_that_never_closes_costs_its_row_and_not_the_file(tmp_path: Path) -> None:
    content = b'a,b\n"1,2\n' + b"3,4\n" * 50_000

    rows = rows_of(tmp_path, content, Layout("csv"))

    assert rows[0].flaw.startswith("not readable as a row")
    assert rows[-1].cells == {"a": "3", "b": "4"}
    assert rows[-1].line == 50_002


@pytest.mark.parametrize(
    ("layout", "content"),
    [
        pytest.param(Layout("tsv"), "a\tb\n1\t大\n", id="tsv"),
        pytest.param(Layout("csv", delimiter=";"), "a;b\n1;大\n", id="semicolons"),
        pytest.param(Layout("whitespace", columns=("a", "b")), " 1   大 \n", id="spaces"),
        pytest.param(Layout("csv", encoding="gbk"), "a,b\n1,大\n", id="gbk"),
    ],
)
def test_layouts(tmp_path: Path, layout: Layout, content: str) -> None:
    rows = rows_of(tmp_path, content.encode(layout.encoding), layout)

    assert [row.cells for row in rows] == [{"a": "1", "b": "大"}]


def test_a_file_without_a_needed_column_is_refused_at_once(tmp_path: Path) -> None:
    path = tmp_path / "till.csv"
    path.write_text("customer,date\n1,2\n", encoding="utf-8")

    with pytest.raises(UnreadableFile, match=r"has no column day; it has customer, date"):
        list(Rows(path, Layout("csv"), needs={"customer", "day"}))


def test_a_damaged_gzip_file_is_an_error_of_the_file(tmp_path: Path) -> None:
    path = tmp_path / "till.csv.gz"
    path.write_bytes(gzip.compress(b"a,b\n" + b"1,2\n" * 10_000)[:-20])

    with pytest.raises(UnreadableFile):
        list(Rows(path, Layout("csv")))


cells = st.text(st.characters(exclude_categories=("Cc", "Cs")), max_size=20)


@given(st.lists(st.tuples(cells, cells, cells), min_size=1, max_size=20))
def test_what_a_spreadsheet_writes_is_read_back(
    tmp_path_factory: pytest.TempPathFactory, table: list[tuple[str, str, str]]
) -> None:
    written = io.StringIO(newline="")
    csv.writer(written).writerows([("a", "b", "c"), *table])

    rows = rows_of(tmp_path_factory.mktemp("csv"), written.getvalue().encode(), Layout("csv"))

    assert [tuple(row.cells.values()) for row in rows] == [
        tuple(cell.strip() for cell in row) for row in table if any(cell.strip() for cell in row)
    ]


@given(st.decimals(min_value=0, max_value=10**12, places=2))
def test_money_is_exact(amount: Decimal) -> None:
    assert to_minor_units(str(amount), "USD") == amount * 100


@given(st.integers(0, 99), st.integers(0, 59), st.integers(0, 59))
def test_clock_durations(hours: int, minutes: int, seconds: int) -> None:
    text = f"{hours}:{minutes:02}:{seconds:02}"

    assert to_seconds(text, "clock") == hours * 3600 + minutes * 60 + seconds
