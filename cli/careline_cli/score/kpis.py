"""`careline score kpis`: a month in figures, against its targets and the year before."""

from collections.abc import Mapping
from decimal import Decimal
from functools import partial
from typing import Annotated, Any, Literal

import typer
from rich.table import Table

from careline_cli import service_api
from careline_cli.console import stdout
from careline_cli.score.movements import AsJson, Month

ask = partial(service_api.ask, "scoring")

Language = Annotated[Literal["en", "zh"], typer.Option("--language", help="Of the definitions.")]

HEADS = {
    "en": ("", "value", "of", "year before", "change", "target", ""),
    "zh": ("", "数值", "基数", "去年同月", "变化", "目标", ""),
}
SIGNS = {"at_least": "≥", "above": ">", "at_most": "≤"}


def kpis(month: Month, language: Language = "en", as_json: AsJson = False) -> None:
    """Show a month in figures, each with its target: core customers, churn, complaints, sales.

    [bold]Examples[/]

    careline score kpis --month 2026-06

    careline score kpis --month 2026-06 --language zh
    """
    found = ask("GET", "/v1/kpis", params={"month": month, "language": language})
    if as_json:
        stdout.print_json(data=found)
        return
    table = Table(box=None)
    for head in HEADS[language]:
        table.add_column(head, no_wrap=True)
    for one in found["kpis"]:
        table.add_row(
            one["name"],
            _shown(one["value"], unit=one["unit"]),
            f"{one['of']:,}",
            _shown(one["year_before"], unit=one["unit"]),
            _shown(one["change"], unit="share"),
            _target(one),
            {True: "✓", False: "✗", None: ""}[one["met"]],
        )
    stdout.print(table)
    for one in found["kpis"]:
        unit = f" ({found['currency']}, minor units)" if one["unit"] == "minor_units" else ""
        stdout.print(f"{one['name']}: {one['definition']}{unit}", highlight=False)
    for name, survey in found["surveys"].items():
        stdout.print(
            f"{name}: {survey['answers']:,} answers, mean {survey['mean'] or '–'}, deviation "
            f"{survey['deviation'] or '–'}, {survey['promoters']:,} promoters, "
            f"{survey['passives']:,} passives, {survey['detractors']:,} detractors",
            highlight=False,
        )


def _target(one: Mapping[str, Any]) -> str:
    target = one["target"]
    if target is None:
        return ""
    line = next(name for name in SIGNS if target[name] is not None)
    is_change = target["of"] == "change"
    shown = _shown(target[line], unit="share" if is_change else one["unit"])
    return f"{'Δ ' if is_change else ''}{SIGNS[line]} {shown}"


def _shown(figure: str | None, *, unit: str) -> str:
    """A share in percent; money in minor units, as policies state it."""
    if figure is None:
        return "–"
    number = Decimal(figure)
    return f"{100 * number:.2f} %" if unit == "share" else f"{number:,}"
