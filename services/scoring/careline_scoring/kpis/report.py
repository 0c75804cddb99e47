"""A month's report by the policy in force, beside the same month of the year before."""

from collections.abc import Mapping

from sqlalchemy.ext.asyncio import AsyncConnection

from careline_runtime.months import year_before
from careline_scoring.kpis import queries
from careline_scoring.kpis.model import Answers, Figure, MonthReport
from careline_scoring.kpis.queries import Counted, Month
from careline_scoring.kpis.rules import compared, figures, survey
from careline_scoring.model import concrete
from careline_scoring.movements import month_of
from careline_scoring.policy.kpis import KpiName
from careline_scoring.rules import Rulebook
from careline_scoring.rules.wording import Language


async def month_report(
    connection: AsyncConnection, rulebook: Rulebook, month: str, *, language: Language = "en"
) -> MonthReport:
    """The month `YYYY-MM`, by facts as they are known now; one that is not over so far."""
    days = _days(rulebook, month)
    now, answers = await figures_of(connection, rulebook, month)
    before, _ = await figures_of(connection, rulebook, year_before(month))
    return MonthReport(
        month=month,
        begins_at=days.begins_at,
        ends_at=days.ends_at,
        policy_version=rulebook.version,
        currency=rulebook.policy.money.currency,
        minor_digits=rulebook.policy.money.minor_digits,
        kpis=compared(now, before, rulebook.policy.kpis, language),
        surveys={name: survey(given) for name, given in answers.items()},
    )


async def figures_of(
    connection: AsyncConnection, rulebook: Rulebook, month: str
) -> tuple[Mapping[KpiName, Figure], Answers]:
    """The figures of a month, and the answers to its surveys."""
    days = _days(rulebook, month)
    counted = await queries.totals(connection, days, _counted(rulebook))
    answers = await queries.answers(connection, days)
    return figures(counted, answers), answers


def _counted(rulebook: Rulebook) -> Counted:
    kinds = {
        name: [each for kind in kinds for each in concrete(kind)]
        for name, kinds in rulebook.policy.evidence.by_name().items()
    }
    return Counted(
        kinds["contact"],
        kinds["complaint"],
        kinds["purchase"],
        kinds["refund"],
        rulebook.evidence.rates,
        rulebook.policy.tags.life_cycle.dormant.silent_days,
    )


def _days(rulebook: Rulebook, month: str) -> Month:
    begins_at, ends_at = month_of(rulebook, month)
    day_of = rulebook.calendar.day_of
    return Month(day_of(begins_at), day_of(ends_at), begins_at, ends_at)
