"""KPI-1, as far as facts and tiers tell it: a month beside its targets and the year before."""

from careline_scoring.kpis.model import MonthReport
from careline_scoring.kpis.report import month_report

__all__ = ["MonthReport", "month_report"]
