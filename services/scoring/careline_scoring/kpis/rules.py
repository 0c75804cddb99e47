"""From what was counted of a month to its figures: exact, rounded down, each with its numbers."""

from collections.abc import Mapping
from decimal import ROUND_FLOOR, Decimal

from careline_scoring.kpis.model import Answers, Figure, KpiView, SurveyView, Totals
from careline_scoring.kpis.wording import DEFINITIONS
from careline_scoring.model import AMOUNT_SCALE
from careline_scoring.policy.kpis import KpiName, Target
from careline_scoring.rules.wording import Language

PROMOTERS, DETRACTORS = range(9, 11), range(7)


def figures(totals: Totals, answers: Answers) -> dict[KpiName, Figure]:
    """Every figure of a month."""
    t, nps, csat = totals, answers["nps"], answers["csat"]
    lead = _times(nps, PROMOTERS) - _times(nps, DETRACTORS)
    spend = int(t.spend // AMOUNT_SCALE)
    return {
        "core_identification": _share(t.top_recognised, t.top_buyers),
        "tier_coverage": _share(t.with_tier, t.known),
        "core_retention": _share(t.core_kept, t.were_core),
        "churn": _share(t.fell_silent, t.were_in_contact),
        "complaint_rate": _share(t.complaints, t.contacts),
        "nps": Figure(_quotient(100 * lead, _asked(nps), decimals=1), lead, _asked(nps)),
        "csat": Figure(_quotient(_sum(csat), _asked(csat), decimals=2), _sum(csat), _asked(csat)),
        "cross_sell": _share(t.cross_sold, t.product_buyers),
        "core_repurchase": _share(t.core_bought, t.were_core),
        "clv": Figure(_quotient(spend, t.ever_bought, decimals=0), spend, t.ever_bought),
    }


def compared(
    now: Mapping[KpiName, Figure],
    before: Mapping[KpiName, Figure],
    targets: Mapping[KpiName, Target],
    language: Language,
) -> list[KpiView]:
    """Every figure beside the one of the year before and its target."""
    return [
        _compared(name, figure, before[name].value, targets.get(name), language)
        for name, figure in now.items()
    ]


def _compared(
    name: KpiName, figure: Figure, before: Decimal | None, target: Target | None, language: Language
) -> KpiView:
    change = None if figure.value is None or not before else _change(before, figure.value)
    measured = change if target is not None and target.of == "change" else figure.value
    return KpiView(
        name=name,
        definition=DEFINITIONS[language][name],
        value=figure.value,
        unit="points" if name in ("nps", "csat") else "minor_units" if name == "clv" else "share",
        counted=figure.counted,
        of=figure.of,
        year_before=before,
        change=change,
        target=target,
        met=None if target is None or measured is None else target.is_met(measured),
    )


def _change(before: Decimal, now: Decimal) -> Decimal:
    return ((now - before) / abs(before)).quantize(Decimal("0.0001"), ROUND_FLOOR)


def survey(given: Mapping[int, int]) -> SurveyView:
    """The statistics of a survey's answers, by score."""
    asked, total = _asked(given), _sum(given)
    squares = sum(score * score * times for score, times in given.items())
    deviation = None
    if asked:
        variance = Decimal(asked * squares - total * total) / (asked * asked)
        deviation = variance.sqrt().quantize(Decimal("0.01"), ROUND_FLOOR)
    promoters, detractors = _times(given, PROMOTERS), _times(given, DETRACTORS)
    return SurveyView(
        answers=asked,
        mean=_quotient(total, asked, decimals=2),
        deviation=deviation,
        promoters=promoters,
        passives=asked - promoters - detractors,
        detractors=detractors,
    )


def _share(counted: int, of: int) -> Figure:
    return Figure(_quotient(counted, of, decimals=4), int(counted), int(of))


def _quotient(dividend: int, divisor: int, *, decimals: int) -> Decimal | None:
    """Rounded down; None where there is nothing to divide by."""
    return Decimal(dividend * 10**decimals // divisor).scaleb(-decimals) if divisor else None


def _asked(given: Mapping[int, int]) -> int:
    return sum(given.values())


def _sum(given: Mapping[int, int]) -> int:
    return sum(score * times for score, times in given.items())


def _times(given: Mapping[int, int], scores: range) -> int:
    return sum(given.get(score, 0) for score in scores)
