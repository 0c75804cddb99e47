"""How reasons, steps, rulings and attributes look in a JSON column, and how they come back."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

import orjson

from careline_engagement.model import Ruling, Step


def to_json(rows: Iterable[Mapping[str, Any]]) -> str:
    """Rows for `json_to_recordset`: one text, where an array for each of many columns takes asyncpg
    twice as long as the rest of the statement.
    """
    return orjson.dumps(list(rows)).decode()


def to_reasons(column: str) -> tuple[str, ...]:
    return tuple(orjson.loads(column))


def from_steps(steps: Mapping[str, Step]) -> list[dict[str, Any]]:
    """A list, because an object's keys come back from `jsonb` in another order."""
    return [{"step": name, **_without_empty(step)} for name, step in steps.items()]


def to_steps(column: str) -> dict[str, Step]:
    return {row.pop("step"): _step(row) for row in orjson.loads(column)}


def from_rulings(rulings: Iterable[Ruling]) -> str:
    return orjson.dumps([tuple(ruling) for ruling in rulings]).decode()


def to_rulings(column: str) -> tuple[Ruling, ...]:
    return tuple(
        Ruling(version, datetime.fromisoformat(at), verdict, to)
        for version, at, verdict, to in orjson.loads(column)
    )


def from_attributes(attributes: Mapping[str, Any]) -> str:
    return orjson.dumps(attributes).decode()


def to_attributes(column: str) -> dict[str, Any]:
    attributes: dict[str, Any] = orjson.loads(column)
    return attributes


def _without_empty(step: Step) -> dict[str, Any]:
    return {name: value for name, value in zip(Step._fields, step, strict=True) if value}


def _step(row: Mapping[str, str]) -> Step:
    instants = {name: datetime.fromisoformat(row[name]) for name in row if name != "detail"}
    return Step(detail=row.get("detail", ""), **instants)
