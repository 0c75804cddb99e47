"""The measures of the score, as a table of days and amounts on both sides of every line."""

from decimal import Decimal
from typing import Any

import pytest

from careline_scoring.model import NEVER, Fact, Reading
from careline_scoring.rules import Rulebook
from tests.scoring.facts import TODAY, bought, did, returned


def reading(rulebook: Rulebook, measure: str, facts: list[Fact], *, day: int = TODAY) -> Reading:
    history = rulebook.evidence.history(facts)
    readings = zip(rulebook.measures, rulebook.readings(history, day), strict=True)
    return next(found for (_, asked), found in readings if asked.measure == measure)


def read(rulebook: Rulebook, measure: str, facts: list[Fact]) -> tuple[int | None, Decimal, int]:
    """Value, points, and in how many days the points change (0: never)."""
    value, points, change_day = reading(rulebook, measure, facts)
    ahead = 0 if change_day == NEVER else change_day - TODAY
    return value, Decimal(points) / 100, ahead


@pytest.mark.parametrize(
    ("measure", "facts", "expected"),
    [
        pytest.param("spend", [], (None, 0, 0), id="nothing bought"),
        pytest.param("spend", [bought(0, 999)], (999_00, 0, 0), id="just below the first step"),
        pytest.param("spend", [bought(0, 1_000)], (1_000_00, 4, 180), id="on the first step"),
        pytest.param("spend", [bought(179, 1_000)], (1_000_00, 4, 1), id="last day of the window"),
        pytest.param("spend", [bought(180, 1_000)], (None, 0, 0), id="out of the window"),
        pytest.param(
            "spend",
            [bought(100, 4_000), bought(10, 6_000)],
            (10_000_00, 12, 80),
            id="the oldest day leaves first",
        ),
        pytest.param(
            "spend",
            [bought(100, 1), bought(10, 10_000)],
            (10_001_00, 12, 170),
            id="a day that leaves without a change of points is passed over",
        ),
        pytest.param(
            "spend",
            [bought(20, 6_000), returned(10, 2_000)],
            (4_000_00, 4, 160),
            id="a return takes back",
        ),
        pytest.param(
            "spend", [returned(10, 2_000)], (-2_000_00, 0, 0), id="only a return: below nothing"
        ),
        pytest.param(
            "spend",
            [returned(20, 1_000), bought(10, 1_500)],
            (500_00, 0, 160),
            id="a return that leaves gives points back",
        ),
        pytest.param(
            "spend", [bought(0, 1_000, currency="USD")], (7_200_00, 8, 180), id="converted"
        ),
        pytest.param(
            "spend", [bought(0, 9_000, currency="KRW")], (0, 0, 0), id="no rate: no amount"
        ),
        pytest.param(
            "average_order_value",
            [bought(20, 600), bought(10, 400)],
            (500_00, 2, 160),
            id="net spend per order, lower once the dear one is gone",
        ),
        pytest.param(
            "average_order_value",
            [bought(10, 1_000), bought(10, 999)],
            (999_50, 2, 170),
            id="two orders on one day",
        ),
        pytest.param(
            "average_order_value", [returned(5, 100)], (None, 0, 0), id="a return is no order"
        ),
        pytest.param("orders", [bought(3, 0, times=2)], (2, 5, 177), id="two orders for nothing"),
        pytest.param("enquiries", did("enquiry.made", 89), (1, 4, 1), id="one, about to leave"),
        pytest.param(
            "enquiries",
            did("fault.reported/question", 1) + did("fault.reported/system_down", 1),
            (1, 4, 89),
            id="a question is an enquiry, a system down is not",
        ),
        pytest.param("complaints", [], (None, 7, 0), id="nobody complained: full, by policy"),
        pytest.param(
            "complaints", did("complaint.raised", 0), (1, Decimal("3.5"), 180), id="one costs half"
        ),
        pytest.param("complaints", did("complaint.raised", 9, 5), (2, 0, 171), id="two cost all"),
        pytest.param("broken_promises", [], (None, 3, 0), id="every promise kept: full, by policy"),
        pytest.param(
            "broken_promises",
            did("ticket.breached/first_response", 9) + did("ticket.breached/resolution", 5),
            (2, 0, 171),
            id="whichever promise: two cost all, one is left in time",
        ),
        pytest.param("satisfaction", [], (None, 1, 0), id="nobody rated: half, by policy"),
        pytest.param(
            "satisfaction",
            did("ticket.rated/8", 9, 300) + did("ticket.rated/7", 100),
            (66, Decimal("1.32"), 65),
            id="8 of 10 is satisfied, 7 is not; half once the first is a year old",
        ),
        pytest.param(
            "feedback_speed", did("sms.delivered", 1), (None, 2, 2), id="asked, may still answer"
        ),
        pytest.param(
            "feedback_speed", did("sms.delivered", 3), (0, 0, 177), id="asked, too late to answer"
        ),
        pytest.param(
            "feedback_speed",
            did("sms.delivered", 3) + did("sms.replied", 1),
            (100, 4, 177),
            id="answered on the last day",
        ),
        pytest.param(
            "feedback_speed",
            did("sms.delivered", 9, 3) + did("sms.replied", 4, 3),
            (50, 4, 177),
            id="one of two in time",
        ),
        pytest.param(
            "activities", did("survey.answered", 2) + did("like.given", 2), (2, 3, 178), id="two"
        ),
        pytest.param(
            "feedback_speed",
            did("outreach.answered/delivered", 9) + did("outreach.answered/replied", 9),
            (100, 4, 171),
            id="an outreach answered on the day",
        ),
        pytest.param("tenure", did("like.given", 89), (89, 0, 1), id="tomorrow a quarter"),
        pytest.param("tenure", did("like.given", 90), (90, 2, 275), id="today a quarter"),
        pytest.param("tenure", did("like.given", 2_000), (2_000, 7, 0), id="at the top for good"),
        pytest.param("tenure", did("sms.delivered", 90), (None, 0, 0), id="our SMS is no contact"),
        pytest.param("repurchases", [bought(9, 1)], (0, 0, 0), id="the first is no repurchase"),
        pytest.param("repurchases", [bought(9, 1, times=2)], (1, 2, 356), id="second on one day"),
        pytest.param(
            "repurchases",
            [bought(364, 1), bought(200, 1), bought(100, 1), bought(9, 1)],
            (3, 4, 165),
            id="when the first leaves nothing changes",
        ),
        pytest.param(
            "repurchases", [bought(500, 1), bought(9, 1)], (1, 2, 356), id="the first was long ago"
        ),
        pytest.param("renewals", [], (None, 1, 0), id="no contract came to its end"),
        pytest.param(
            "renewals",
            did("contract.changed/renewed", 9, 400) + did("contract.changed/terminated", 700),
            (66, Decimal("1.32"), 30),
            id="two of three renewed, all once the third is old",
        ),
        pytest.param("payment_punctuality", [], (None, Decimal("2.5"), 0), id="nothing was due"),
        pytest.param(
            "payment_punctuality",
            did("payment.received/punctual", 9, times=8) + did("payment.received/late", 99),
            (88, Decimal("3.6"), 266),
            id="88 percent, 100 once the late one is gone",
        ),
        pytest.param("referrals", did("referral.made/open", 364), (1, 2, 1), id="one"),
        pytest.param(
            "converted_referrals", did("referral.made/converted", 1, 2), (2, 3, 363), id="both"
        ),
        pytest.param(
            "reviews",
            did("answer.given", 1) + did("post.published", 1),
            (1, 2, 364),
            id="both count",
        ),
    ],
)
def test_points_of_a_measure(
    rulebook: Rulebook, measure: str, facts: list[Fact], expected: tuple[Any, ...]
) -> None:
    assert read(rulebook, measure, facts) == expected
