"""How reasons, steps and early changes look in a JSON column, and how they come back."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

import orjson

from careline_contracts.events.engagement import CaseStep
from careline_engagement.model import Step
from careline_engagement.sequence import Change


def from_reasons(reasons: Iterable[str]) -> str:
    return orjson.dumps(list(reasons)).decode()


def to_reasons(column: str) -> tuple[str, ...]:
    return tuple(orjson.loads(column))


def from_steps(steps: Mapping[CaseStep, Step]) -> str:
    """A list, because an object's keys come back from `jsonb` in another order."""
    return orjson.dumps(
        [{"step": name, **_without_empty(step)} for name, step in steps.items()]
    ).decode()


def to_steps(column: str) -> dict[CaseStep, Step]:
    return {row.pop("step"): _step(row) for row in orjson.loads(column)}


def from_early(changes: Iterable[Change]) -> str:
    return orjson.dumps([tuple(change) for change in changes]).decode()


def to_early(column: str) -> tuple[Change, ...]:
    return tuple(
        Change(version, datetime.fromisoformat(at), verdict, to, tuple(reasons), *rest)
        for version, at, verdict, to, reasons, *rest in orjson.loads(column)
    )


def _without_empty(step: Step) -> dict[str, Any]:
    return {name: value for name, value in zip(Step._fields, step, strict=True) if value}


def _step(row: Mapping[str, str]) -> Step:
    return Step(
        due_at=datetime.fromisoformat(row["due_at"]),
        done_at=_instant(row.get("done_at")),
        breached_at=_instant(row.get("breached_at")),
        detail=row.get("detail", ""),
    )


def _instant(value: str | None) -> datetime | None:
    return None if value is None else datetime.fromisoformat(value)
