"""JSON lines: where a column's value is found, and that nothing of it is changed on the way."""

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from careline_cli.json_lines import read_line, steps
from careline_cli.mapping import Mapping, read_mapping
from careline_cli.outgoing import Outgoing
from careline_cli.rows import Layout, Row, Rows
from careline_cli.translation import Refused, Translation
from careline_contracts.events.touchpoints import OrderPlaced

EXAMPLES = Path(__file__).parents[2] / "docs" / "examples" / "import"

LINE = """{
    "a": {"b": " x ", "c.d": "dotted", "e/f": "slashed", "g~h": "tilde", "": "nameless"},
    "list": [{"n": 7}, {"n": 8}], "10": "ten", "yes": true, "no": false, "nothing": null,
    "number": 12.50, "huge": 123456789012345678901234567890, "tiny": 1E-7, "text": "12.50"
}"""


def read(line: str, *columns: str) -> dict[str, str]:
    return read_line(line, {column: steps(column) for column in columns})


@pytest.mark.parametrize(
    ("column", "cell"),
    [
        pytest.param("a.b", "x", id="a dotted path; blanks around a text are taken off"),
        pytest.param("/a/b", "x", id="a pointer"),
        pytest.param("/a/c.d", "dotted", id="a name with a dot"),
        pytest.param("/a/e~1f", "slashed", id="a name with a slash"),
        pytest.param("/a/g~0h", "tilde", id="a name with a tilde"),
        pytest.param("/a/", "nameless", id="the empty name"),
        pytest.param("list.1.n", "8", id="an element of a list"),
        pytest.param("/list/0/n", "7", id="an element of a list by pointer"),
        pytest.param("10", "ten", id="digits are a name in an object"),
        pytest.param("yes", "true", id="true"),
        pytest.param("no", "false", id="false"),
        pytest.param("nothing", "", id="null is empty"),
        pytest.param("number", "12.50", id="a decimal to the digit"),
        pytest.param("huge", "123456789012345678901234567890", id="a number beyond 64 bits"),
        pytest.param("tiny", "1E-7", id="an exponent"),
        pytest.param("text", "12.50", id="a number in quotes is the same"),
    ],
)
def test_a_column_is_the_way_to_a_value(column: str, cell: str) -> None:
    assert read(LINE, column) == {column: cell}


@pytest.mark.parametrize(
    "column", ["z", "a.z", "a.b.z", "list.2.n", "list.-1.n", "list.01.n", "list.x", "nothing.z"]
)
def test_a_place_that_the_line_does_not_have_is_left_out(column: str) -> None:
    assert read(LINE, column) == {}


@pytest.mark.parametrize(
    ("line", "words"),
    [
        pytest.param("{", "not JSON at character 2", id="broken off"),
        pytest.param('{"a": 1} {"a": 2}', "not JSON at character 10", id="two on a line"),
        pytest.param("{'a': 1}", "not JSON at character 2", id="Python's quotes"),
        pytest.param('{"a": NaN}', "NaN is no number", id="NaN"),
        pytest.param('{"a": -Infinity}', "-Infinity is no number", id="infinity"),
        pytest.param("[1]", "not a JSON object", id="a list"),
        pytest.param("7", "not a JSON object", id="a number"),
        pytest.param('{"a": {"b": 1}}', "column a is an object", id="an object as a value"),
        pytest.param('{"a": []}', "column a is a list", id="a list as a value"),
        pytest.param('{"a": ' + "[" * 100_000, "nested too deep", id="nested without end"),
    ],
)
def test_a_line_that_cannot_be_read_says_why(line: str, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        read(line, "a")


@given(st.decimals(allow_nan=False, allow_infinity=False))
def test_a_number_keeps_every_digit(number: Decimal) -> None:
    assert read(f'{{"n": {number}}}', "n") == {"n": str(number)}


@given(st.text(st.characters(exclude_categories=["Cs"])), st.sampled_from([True, False]))
def test_a_text_is_the_same_however_it_is_escaped(text: str, is_ascii: bool) -> None:
    assert read(json.dumps({"t": text}, ensure_ascii=is_ascii), "t") == {"t": text.strip()}


def rows_of(path: Path, content: bytes, *columns: str) -> tuple[Rows, list[Row]]:
    path.write_bytes(content)
    rows = Rows(path, Layout("jsonl"), needs=columns)
    return rows, list(rows)


def test_a_bad_line_is_bad_alone_and_lines_keep_their_numbers(tmp_path: Path) -> None:
    content = b'\xef\xbb\xbf{"a": 1}\r\n\n{"a": \xff}\nnonsense\n{"b": 2}'
    rows, found = rows_of(tmp_path / "x.jsonl", content, "a", "b", "c")

    assert [(row.line, row.cells, bool(row.flaw)) for row in found] == [
        (1, {"a": "1", "b": "", "c": ""}, False),
        (3, {}, True),
        (4, {}, True),
        (5, {"a": "", "b": "2", "c": ""}, False),
    ]
    assert found[2].text == "nonsense"
    assert rows.unseen == {"c"}, "most likely a misspelt column"


def a_mapping(**changes: Any) -> Mapping:
    order = {
        "type": "careline.order.placed.v1",
        "time": {"column": "at", "format": "unix_ms"},
        "identities": [{"kind": "app_user", "column": "user.id"}],
        "fields": {
            "amount_minor": {"column": "total", "money": "CNY"},
            "currency": {"constant": "CNY"},
            "order": {"template": "{shop.code}/{number}"},
        },
    }
    document = {"format": "jsonl", "timezone": "UTC", "events": [order], **changes}
    return Mapping.model_validate(document)


def test_money_and_instants_are_exact(tmp_path: Path) -> None:
    mapping = a_mapping()
    line = (
        '{"at": 1772400000123.000, "user": {"id": 9007199254740993}, "total": 4.35,'
        ' "shop": {"code": "sh"}, "number": 7}'
    )
    path = tmp_path / "orders.jsonl"
    path.write_text(line, encoding="utf-8")
    [row] = Rows(path, mapping.layout, needs=mapping.used_columns)
    [event] = Translation(mapping, source="/test").touchpoints(row)

    assert isinstance(event, Outgoing), event
    order = OrderPlaced.parse(event.data)
    assert order.amount_minor == 435, "4.35 * 100 is 434.99999999999994"
    assert order.identities[0].value == "9007199254740993", "a float has no such number"
    assert order.order == "sh/7"
    assert event.occurred_at.isoformat() == "2026-03-01T21:20:00.123000+00:00"


@pytest.mark.parametrize("key", [{"columns": ["a"]}, {"delimiter": ";"}])
def test_keys_that_mean_nothing_for_json_lines_are_refused(key: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="JSON lines name their values"):
        a_mapping(**key)


def test_a_web_shops_orders_give_orders_and_ratings() -> None:
    mapping = read_mapping(EXAMPLES / "orders.yaml")
    translation = Translation(mapping, source="/import/orders.jsonl")
    rows = Rows(EXAMPLES / "orders.jsonl", mapping.layout, needs=mapping.used_columns)
    found = [one for row in rows for one in translation.touchpoints(row)]

    events = [json.loads(one.to_json()) for one in found if isinstance(one, Outgoing)]
    assert [event["id"] for event in events] == [
        "SO-1041",
        "SO-1042",
        "SO-1042-rating",
        "SO-1044",
        "SO-1044-rating",
    ]
    assert events[0]["data"] == {
        "identities": [
            {"kind": "app_user", "value": "77031"},
            {"kind": "phone", "value": "139 1234 5678"},
            {"kind": "email", "value": "li.na@example.com"},
        ],
        "amount_minor": 129_990,
        "currency": "CNY",
        "items": 2,
        "order": "SO-1041",
    }
    refused = [one for one in found if isinstance(one, Refused)]
    assert [(one.line, one.code) for one in refused] == [
        (5, "unmappable_value"),
        (6, "unreadable_row"),
    ]
