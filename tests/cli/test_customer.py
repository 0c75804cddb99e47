"""`careline customer` fits a terminal of 80 columns, and cuts nothing off that one goes on with."""

import io
import re
from typing import Any

import pytest
import typer
from rich.console import Console, RenderableType

from careline_cli.console import CommandError
from careline_cli.customer import history, links, profile_api, review, show, timeline

REMINDER = "09150bd9f8a6affff8dd291e8f53176b"
ORIGIN: dict[str, Any] = {
    "source": "/channels/store",
    "verified_by": None,
    "occurred_at": "2026-11-25T12:38:01.398454Z",
    "known_at": "2026-11-25T13:38:01.529180Z",
}
MINUTE = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d")


def printed(table: RenderableType) -> str:
    terminal = Console(file=io.StringIO(), width=80)
    terminal.print(table)
    text = terminal.file.getvalue()  # type: ignore[attr-defined]
    assert "…" not in text
    return str(text)


def test_a_customer_is_shown_with_whole_instants_and_the_reminders_name() -> None:
    text = printed(
        show._table(
            {
                "customer": "CYKDJ91AX7MXP",
                "identities": [],
                "aliases": [],
                "first_contact_at": None,
                "last_contact_at": ORIGIN["known_at"],
                "touchpoints": {"store": 1},
                "record": {
                    "fields": {"region": [{**ORIGIN, "value": "CN-31", "is_personal": False}]},
                    "consents": [],
                    "contracts": [],
                },
                "reminders": [
                    {
                        "cause": "complaint_raised",
                        "reference": None,
                        "reminder": REMINDER,
                        "raised_at": ORIGIN["known_at"],
                    }
                ],
            }
        )
    )
    assert len(MINUTE.findall(text)) == 3
    assert text.count(REMINDER[:8]) == 1 and text.count(REMINDER[-4:]) == 1


def change(before: str | None, after: str | None, *, is_personal: bool = False) -> dict[str, Any]:
    """A change as profile tells it: of a personal field that there was a value, and not which."""
    return {
        "field": "region",
        "before": None if is_personal else before,
        "after": None if is_personal else after,
        "is_personal": is_personal,
        "is_new": before is None,
        "is_gone": after is None,
        "by": ORIGIN,
    }


@pytest.mark.parametrize(
    ("before", "after", "is_personal", "from_", "to"),
    [
        (None, "CN-31", False, "–", "CN-31"),
        ("CN-31", "SG", False, "CN-31", "SG"),
        ("SG", None, False, "SG", "–"),
        (None, "Ann", True, "–", "(protected)"),
        ("Ann", "Ann Example", True, "(protected)", "(protected)"),
        ("Ann Example", None, True, "(protected)", "–"),
    ],
)
def test_nothing_is_protected_where_there_was_or_is_nothing(
    before: str | None, after: str | None, is_personal: bool, from_: str, to: str
) -> None:
    text = printed(history._table([change(before, after, is_personal=is_personal)]))
    assert text.splitlines()[1].split()[:3] == ["region", from_, to]


def test_a_change_and_a_touchpoint_say_when() -> None:
    shown = printed(history._table([change(None, "CN-31")]))
    assert len(MINUTE.findall(shown)) == 2
    touchpoint = {
        "occurred_at": ORIGIN["occurred_at"],
        "channel": "app",
        "type": "careline.details.given.v1",
        "identity": "member_card:e7cc",
        "details": {"via": "app", "preferences": [], "amount_minor": 120_000, "currency": "CNY"},
    }
    shown = " ".join(printed(timeline._table({"touchpoints": [touchpoint]})).split())
    assert MINUTE.search(shown) and "via app" in shown and "preferences" not in shown
    assert "1,200.00 CNY" in shown


def test_two_phones_that_one_link_names_are_told_apart_and_who_decided_is_said() -> None:
    link = {
        "link": "L0000000000CD",
        "identities": ["phone:3f2a91" + "0" * 26, "phone:77e0b2" + "0" * 26],
        "held": "kept_apart",
        "evidence": [ORIGIN],
        "verdicts": [
            {"is_one": False, "by": "li", "at": ORIGIN["known_at"], "reason": "mother and son"}
        ],
    }
    shown = printed(links.table_of([link], title=""))
    assert "phone 3f2a91" in shown and "phone 77e0b2" in shown and "kept_apart" in shown
    assert MINUTE.search(shown)
    [decided] = links.verdicts_on([link])
    assert decided.startswith("L0000000000CD: two customers, said li, ")
    assert decided.endswith(": mother and son")


def test_both_sides_of_a_review_show_what_stands_on_the_record() -> None:
    member = {
        "identity": "phone:3f2a91" + "0" * 26,
        "since": ORIGIN["known_at"],
        "touchpoints": 3,
    }
    side = {"customer": "CYKDJ91AX7MXP", "identities": [member]}
    record = {"fields": {"region": [{**ORIGIN, "value": "CN-31", "is_personal": False}]}}
    shown = printed(review._side(side, record))
    assert "phone 3f2a91" in shown and "3 touchpoints" in shown and "CN-31" in shown


def test_a_reason_that_tells_nobody_why_is_refused_before_anything_is_asked() -> None:
    assert profile_api.reason("a son's phone") == "a son's phone"
    with pytest.raises(typer.BadParameter, match="too short"):
        profile_api.reason("ok ")


def test_what_names_no_customer_and_no_link_is_told_how_one_looks() -> None:
    assert profile_api.number_of("C0000000000AB") == "C0000000000AB"
    with pytest.raises(CommandError, match="no customer number and no identity"):
        profile_api.number_of("nobody")
    assert profile_api.link("L0000000000CD") == "L0000000000CD"
    with pytest.raises(typer.BadParameter, match="is no link"):
        profile_api.link("C0000000000CD")
